"""A table of words, written as Markdown, CSV, LaTeX, or for a terminal. Whatever stands in a cell stays text."""

from __future__ import annotations

import csv as csv_writer
import io
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from mlpo_bench.visible import visible_line


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

# What GitHub's Markdown would read as a mark, and what only at the start of a paragraph.
_MARKS = re.compile(r"([\\`*_\[\]<>|&~$])")
_OPENING = re.compile(r"^(\d*)([-+#=.)])")
_NUMBER = re.compile(r"[+-]?(\d[\d,]*)?\.?\d+([eE][+-]?\d+)?|[+-]?\d[\d,]*\.?|-")
_FORMULA = ("=", "+", "-", "@")
# Brackets and stars stand in braces: at the start of a row, LaTeX would take them for an option of the line break.
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "`": r"\textasciigrave{}", "[": "{[}", "]": "{]}", "*": "{*}",
    "\N{MIDDLE DOT}": r"\textperiodcentered{}",
}  # fmt: skip
_LIGATURE = re.compile(r"(?<=[-',])(?=[-',])|(?<=[?!])(?=\\textasciigrave)")
LABEL_WIDTH, BETWEEN_COLUMNS = 24, 3
PLAIN: dict[str, Any] = {"box": None, "padding": (0, 1, 0, 0)}
"""What makes a table of a narrow terminal: no lines around cells, so that more columns fit."""
NARROW = 110
"""Below so many characters a terminal is narrow."""
_MINUS = re.compile(r"(?<![\w.)}$-])-(?=\.?\d)")


@dataclass(frozen=True, slots=True)
class Grid:
    """A table whose first column names its rows; `notes` say how to read it.

    Raises:
        ValueError: there are no columns, or a row has more or fewer.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.columns or any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"Every row of {self.title!r} needs one cell for each of {len(self.columns)} columns.")


def markdown(grid: Grid) -> str:
    """Return a table in GitHub's Markdown, whose pipes stand in line, with its title before it and its notes after."""
    columns, rows = _escaped(grid, _as_markdown)
    widths = [max(3, *(cell_len(row[place]) for row in (columns, *rows))) for place in range(len(columns))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [_padded(columns, widths), f"| {' | '.join(rule)} |", *(_padded(row, widths) for row in rows)]
    return "\n\n".join([f"**{_as_markdown(grid.title)}**", "\n".join(lines), *map(paragraph, grid.notes)]) + "\n"


def _padded(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [
        (" " * (width - cell_len(cell)) + cell) if place else (cell + " " * (width - cell_len(cell)))
        for place, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return f"| {' | '.join(cells)} |"


def csv(grid: Grid) -> str:
    """Return the rows under their columns as RFC 4180 has it, without title and notes, for which it has no place.

    A cell that a spreadsheet would take for a formula gets an apostrophe before it; numbers, and the dash that stands
    for none, stay as they are.
    """
    columns, rows = _escaped(grid, _as_csv)
    file = io.StringIO(newline="")
    csv_writer.writer(file, lineterminator="\r\n").writerows([columns, *rows])
    return file.getvalue()


def latex(grid: Grid) -> str:
    r"""Return a `table` for the package `booktabs`, with its title as the caption and its notes below.

    All that LaTeX would take for a command is escaped. Letters beyond those of Western languages need LuaLaTeX or
    XeLaTeX and a font that has them.
    """
    columns, rows = _escaped(grid, _as_latex)
    lines = [
        r"% Needs \usepackage{booktabs}.",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_as_latex(grid.title)}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(columns) - 1)}}}",
        r"\toprule",
        rf"{' & '.join(columns)} \\",
        r"\midrule",
        *(rf"{' & '.join(row)} \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par\smallskip{{\footnotesize {_as_latex(note)}\par}}" for note in grid.notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def terminal(grid: Grid, *, boxed: bool = True) -> Table:
    """Return the table for a terminal, with its notes below it; without lines around cells unless it is `boxed`."""
    title, notes = (
        Text(visible_line(grid.title), style="bold"),
        Text("\n".join(map(visible_line, grid.notes)), style="dim"),
    )
    table = Table(
        title=title,
        title_justify="left",
        caption=notes if grid.notes else None,
        caption_justify="left",
        header_style="bold",
        **({} if boxed else PLAIN),
    )
    for place, name in enumerate(grid.columns):
        table.add_column(Text(visible_line(name)), justify="right" if place else "left", overflow="fold")
    for row in grid.rows:
        table.add_row(*(Text(visible_line(cell)) for cell in row))
    return table


def narrowed(grid: Grid, width: int, spared: Iterable[str], *, boxed: bool = True) -> Grid:
    """Return a grid without the columns that a terminal has no room for, left out in the order of `spared`.

    Words of many letters may be broken into lines, so that a column counts for no more than `LABEL_WIDTH`.
    """
    widths = {
        name: min(LABEL_WIDTH, max(cell_len(row[place]) for row in (grid.columns, *grid.rows)))
        for place, name in enumerate(grid.columns)
    }
    columns = fitting(widths, width, spared, boxed=boxed)
    places = [grid.columns.index(name) for name in columns]
    return replace(grid, columns=tuple(columns), rows=tuple(tuple(row[place] for place in places) for row in grid.rows))


def fitting(widths: Mapping[str, int], width: int, spared: Iterable[str], *, boxed: bool = True) -> list[str]:
    """Return the columns, of these widths, that a terminal has room for; others go in the order of `spared`."""
    columns, between = dict(widths), BETWEEN_COLUMNS if boxed else 1
    for name in spared:
        if boxed + sum(columns.values()) + between * len(columns) <= width:
            break
        columns.pop(name, None)
    return list(columns)


def _escaped(grid: Grid, escape: Callable[[str], str]) -> tuple[list[str], list[list[str]]]:
    return [escape(name) for name in grid.columns], [[escape(cell) for cell in row] for row in grid.rows]


def _as_markdown(text: str) -> str:
    return _MARKS.sub(r"\\\1", visible_line(text))


def paragraph(text: str) -> str:
    """Return text as a paragraph of GitHub's Markdown, in which nothing is a mark."""
    return _OPENING.sub(r"\1\\\2", _as_markdown(text))


def _as_csv(text: str) -> str:
    plain = visible_line(text)
    return f"'{plain}" if plain.startswith(_FORMULA) and not _NUMBER.fullmatch(plain) else plain


def _as_latex(text: str) -> str:
    escaped = "".join(_LATEX.get(c, c) for c in _MINUS.sub("\N{MINUS SIGN}", visible_line(text)))
    # Two apostrophes that stand for a quotation mark are meant to run together.
    return _LIGATURE.sub("{}", escaped).replace("\N{MINUS SIGN}", "$-$").replace('"', "{''}")
