"""Tables of words: whatever stands in a cell is read back as it stood."""

from __future__ import annotations

import csv as csv_reader
import io
import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len

from mlpo_bench.reports.grids import Grid, csv, latex, markdown, terminal
from mlpo_bench.reports.terminal.console import Console
from mlpo_bench.visible import visible_line


ANY = st.text(st.characters(), max_size=20) | st.text("\\|`*_[]<>&~$#%{}^\"'-=+@ ab1.\n\t\x00\u202e\ud800", max_size=12)
GRID = Grid(
    "Leader | vote, 95 %",
    ("row", "difference", "p"),
    (("leader_1", "-0.081", "0.03"), ("=cmd|' /C calc'!A0", "[-0.2, +0.1]", "-")),
    ("Cost is 5 $ & more.",),
)


def as_text(text: str) -> str:
    """What a cell should be read as: one line, with the numbers of what cannot be seen."""
    return comparable(visible_line(text))


def comparable(text: str) -> str:
    """Text in which characters that no font shows, and no rule treats, count the same."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def one(text: str) -> Grid:
    return Grid("t", ("row", "x"), ((text, text),))


def read_markdown(text: str) -> list[list[str]]:
    tokens = MarkdownIt("commonmark").enable(["table"]).parse(text)
    rows: list[list[str]] = []
    for before, token in pairwise(tokens):
        if before.type == "tr_open":
            rows.append([])
        if token.type == "inline" and before.type in {"td_open", "th_open"}:
            kinds = {child.type for child in token.children or []}
            assert kinds <= {"text", "text_special"}, kinds
            rows[-1].append("".join(child.content for child in token.children or []))
    return rows


def read_latex(text: str) -> str:
    """Read back what LaTeX would print of a cell; anything that it would not print as it stands fails."""
    words = {
        r"\textbackslash{}": "\\", r"\textasciitilde{}": "~", r"\textasciicircum{}": "^", r"\textless{}": "<",
        r"\textgreater{}": ">", r"\textbar{}": "|", r"\textasciigrave{}": "`", r"\textperiodcentered{}": "·",
        "{''}": '"', "{[}": "[", "{]}": "]", "{*}": "*", "$-$": "-", "{}": "",
    } | {f"\\{c}": c for c in "{}&%$#_"}  # fmt: skip
    token = re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))) + r"|[^\\{}&%$#_~^<>|\"`\[\]*]")
    found, place = [], 0
    while place < len(text):
        match = token.match(text, place)
        assert match, text[place:]
        found.append(words.get(match[0], match[0]))
        place = match.end()
    return "".join(found)


def test_a_row_needs_a_cell_for_every_column() -> None:
    with pytest.raises(ValueError, match="one cell for each of 2 columns"):
        Grid("t", ("a", "b"), (("1",),))


def test_markdown_stands_in_line() -> None:
    table = [line for line in markdown(GRID).splitlines() if line.startswith("|")]
    assert len(table) == 4
    assert len({cell_len(line) for line in table}) == 1
    assert read_markdown(markdown(GRID)) == [list(GRID.columns), *map(list, GRID.rows)]
    assert markdown(GRID).splitlines()[0] == r"**Leader \| vote, 95 %**"
    assert markdown(GRID).endswith("Cost is 5 \\$ \\& more.\n")


@given(ANY)
@example("\\|")
@example("1. a")
@example("漢字")
def test_markdown_reads_back_whatever_stands_in_a_cell(text: str) -> None:
    found = read_markdown(markdown(one(text)))
    assert [[comparable(c) for c in row] for row in found] == [["row", "x"], [as_text(text)] * 2]


@pytest.mark.parametrize("note", ["# a", "1. a", "- a", "+ a", "=", "---", "> a", "12) a"])
def test_a_note_stays_a_paragraph(note: str) -> None:
    tokens = MarkdownIt("commonmark").enable(["table"]).parse(markdown(Grid("t", ("row",), (("a",),), (note,))))
    assert [t.type for t in tokens[-3:]] == ["paragraph_open", "inline", "paragraph_close"]
    assert "".join(child.content for child in tokens[-2].children or []) == note


@given(ANY)
@example('a "b", c')
@example("=1+2")
@example("\t=1+2")
def test_csv_reads_back_and_holds_no_formula(text: str) -> None:
    written = csv(one(text))
    assert written.encode().endswith(b"\r\n")
    header, (first, second) = csv_reader.reader(io.StringIO(written, newline=""))
    assert header == ["row", "x"]
    assert first == second
    assert comparable(first.removeprefix("'")) == as_text(text).removeprefix("'")
    if first.startswith(("=", "+", "-", "@")):
        assert first == "-" or float(first.replace(",", "")) is not None


@pytest.mark.parametrize("number", ["-0.081", "+0.2", "1,234", "-", "-1e-05", "+3", "-.5", "- "])
def test_numbers_are_no_formulas(number: str) -> None:
    assert csv(one(number)).splitlines()[1].replace('"', "") == f"{number.strip()},{number.strip()}"


@pytest.mark.parametrize("formula", ["=1+2", "+1+2", "-2+3", "@SUM(A1)", "-A1", "+0.1 - 0.2", "--1"])
def test_formulas_are_marked(formula: str) -> None:
    assert csv(one(formula)).splitlines()[1] == f"'{formula},'{formula}"


@given(ANY)
@example("[1em] a")
@example("* a")
@example("-- ?` ,, ''")
@example('a "b" c')
@example("-0.3")
def test_latex_prints_whatever_stands_in_a_cell(text: str) -> None:
    lines = latex(one(text)).splitlines()
    row = lines[lines.index(r"\midrule") + 1]
    assert row.endswith(r" \\")
    first, second = re.split(r"(?<!\\) & ", row.removesuffix(r" \\"))
    assert first == second
    assert not re.search(r"--|''(?!})|,,|[?!]\\textasciigrave", first)
    assert comparable(read_latex(first)) == as_text(text).replace("\N{MINUS SIGN}", "-")


def test_latex_has_the_rules_of_booktabs() -> None:
    lines = latex(GRID).splitlines()
    assert lines[3:] == [
        r"\caption{Leader \textbar{} vote, 95 \%}",
        r"\begin{tabular}{lrr}",
        r"\toprule",
        r"row & difference & p \\",
        r"\midrule",
        r"leader\_1 & $-$0.081 & 0.03 \\",
        r"=cmd\textbar{}' /C calc'!A0 & {[}$-$0.2, +0.1{]} & - \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\smallskip{\footnotesize Cost is 5 \$ \& more.\par}",
        r"\end{table}",
    ]


def test_a_terminal_shows_marks_and_controls_as_text() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    console.print(terminal(Grid("[bold]t[/bold]", ("row", "x"), (("[red]a[/red]", "\x1b[2J\u202e"),), ("a note",))))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert "[bold]t[/bold]" in shown
    assert "[red]a[/red]" in shown
    assert "a note" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
