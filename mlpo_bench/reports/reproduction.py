"""A published table and a run's own side by side: by how much they differ, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpo_bench.analysis.rows import compared
from mlpo_bench.errors import UsageError
from mlpo_bench.reports.grids import Grid, markdown
from mlpo_bench.stats import wilson


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.matrix.reproductions import PrintedFigure, Reproduction

NOTE = (
    "Printed intervals are Wilson's from the number of questions, where it is told; ours allow for questions alike "
    "within a subject. The difference is ours less printed, as of independent samples of questions (MOVER); "
    "differences between rows are paired on our questions, and printed ones taken as of independent rows."
)


@dataclass(frozen=True, slots=True)
class Bounded:
    """A figure with its 95 % interval, as far as that is known."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def printed(cls, figure: PrintedFigure) -> Bounded:
        """Return a printed accuracy."""
        if figure.n is None:
            return cls(figure.accuracy)
        return cls(figure.accuracy, *wilson(round(figure.accuracy * figure.n), figure.n))

    def less(self, other: Bounded) -> Bounded:
        """Return the difference of two independent figures, with an interval where both have one."""
        value = self.value - other.value
        if self.low is None or self.high is None or other.low is None or other.high is None:
            return Bounded(value)
        below = ((self.value - self.low) ** 2 + (other.high - other.value) ** 2) ** 0.5
        above = ((self.high - self.value) ** 2 + (other.value - other.low) ** 2) ** 0.5
        return Bounded(value, value - below, value + above)

    def told(self, *, signed: bool = False) -> str:
        """Return `0.923 (0.887 - 0.948)`."""
        sign = "+" if signed else ""
        bounds = "" if self.low is None or self.high is None else f" ({self.low:{sign}.3f} to {self.high:{sign}.3f})"
        return f"{self.value:{sign}.3f}{bounds}"


def grids(of: Reproduction, rows: Sequence[ResultRow]) -> list[Grid]:
    """Return what was printed and what these rows came to, row by row, and the differences between rows."""
    teams = sorted({row.team for row in rows})
    if len(teams) > 1:
        raise UsageError(f"a paper's rows are of one team, and these are of {len(teams)}: {', '.join(teams)}.")
    ours = {(row.suite, row.label): row for row in rows}
    tables = [
        Grid(
            title=f"{of.paper}: what was printed, and what came out here",
            columns=("row", "printed", "printed n", "ours", "our n", "tokens", "ours less printed"),
            rows=tuple(_figure(figure, ours) for figure in of.figures),
            notes=(NOTE,),
        )
    ]
    contrasts = tuple(_contrasts(of, ours))
    if contrasts:
        columns = ("row over row", "printed", "ours", "p", "ours less printed")
        tables.append(Grid(f"{of.paper}: what one row has over another", columns, contrasts))
    return tables


def _figure(figure: PrintedFigure, ours: Mapping[tuple[str, str], ResultRow]) -> tuple[str, ...]:
    name = f"{figure.suite}, {figure.row} ({figure.source})"
    printed = Bounded.printed(figure)
    row = ours.get((figure.suite, figure.row))
    n = "-" if figure.n is None else f"{figure.n:,}"
    if row is None:
        return name, printed.told(), n, "-", "-", "-", "-"
    made = Bounded(row.accuracy.value, row.accuracy.low, row.accuracy.high)
    apart = made.less(printed).told(signed=True)
    return name, printed.told(), n, made.told(), f"{len(row.scores):,}", f"{row.cost.tokens:,.0f}", apart


def _contrasts(of: Reproduction, ours: Mapping[tuple[str, str], ResultRow]) -> Iterator[tuple[str, ...]]:
    for contrast in of.contrasts:
        for suite in of.matrix.suites:
            rows = ours.get((suite, contrast.row)), ours.get((suite, contrast.over))
            made = compared(rows[0], rows[1]) if rows[0] and rows[1] else None
            told_by = {source: _printed(of, source, suite, contrast.row, contrast.over) for source in of.sources}
            told_by = {source: printed for source, printed in told_by.items() if printed} or {"nobody": None}
            for source, printed in told_by.items():
                if printed is not None or made is not None:
                    name = f"{suite}, {contrast.row} over {contrast.over} ({source})"
                    told = "-" if printed is None else printed.told(signed=True)
                    if made is None:
                        yield name, told, "-", "-", "-"
                        continue
                    apart = made.difference
                    difference = Bounded(apart.value, apart.low, apart.high)
                    between = "-" if printed is None else difference.less(printed).told(signed=True)
                    yield name, told, difference.told(signed=True), f"{made.p:.3f}", between


def _printed(of: Reproduction, source: str, suite: str, row: str, over: str) -> Bounded | None:
    figures = [of.printed(source, suite, label) for label in (row, over)]
    if figures[0] is None or figures[1] is None:
        return None
    return Bounded.printed(figures[0]).less(Bounded.printed(figures[1]))


def page(of: Reproduction, rows: Sequence[ResultRow], made: Sequence[str], lacking: str | None = None) -> str:
    """Return all of it as a page of Markdown.

    Args:
        of: What is made again.
        rows: Ours.
        made: How they were made, a line each.
        lacking: What they leave out of a run that is not complete.
    """
    parts = [f"# {of.title}", of.paper, f"*What it says.* {of.claim}"]
    if lacking is not None:
        parts.append(f"**Not complete.** {lacking}")
    elif of.needs and not rows:
        parts.append(f"**Not run.** It takes {of.needs}, and nobody has run it here.")
    parts += [markdown(grid).rstrip() for grid in grids(of, rows)]
    parts.append(_listed("Who says what was printed", [f"{name}: {source}" for name, source in of.sources.items()]))
    parts.append(_listed("What differs in the set-up", of.differs))
    if made:
        parts.append(_listed("How ours were made", made))
    if of.commands and not rows:
        parts.append("## To run it\n\n" + "\n".join(f"    {command}" for command in of.commands))
    return "\n\n".join(parts) + "\n"


def _listed(title: str, lines: Sequence[str]) -> str:
    return f"## {title}\n\n" + "\n".join(f"- {line}" for line in lines)
