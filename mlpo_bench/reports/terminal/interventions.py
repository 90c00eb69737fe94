"""What interventions did, on a terminal: what each peer adds, what is followed, and what harms, for each row."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table

from mlpo_bench.analysis.interventions import said
from mlpo_bench.reports.signatures import as_p


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mlpo_bench.analysis.interventions import Effect
    from mlpo_bench.reports.terminal.console import Console
    from mlpo_bench.stats.means import Mean
    from mlpo_bench.stats.paired import Comparison

HOW_TO_READ = (
    "Each conversation is held against the same without the intervention; n counts those in which it was carried out. "
    "Change: accuracy with it less that without it, paired by question. Another answer: how often the final one "
    "differs. Lost: wrong, of those right without it. Followed: the final answer is that of a text read in another's "
    "place; before: that same answer was given without it. docs/interventions.md defines every figure."
)
_WIDE = 120


def print_effects(effects: Sequence[Effect], console: Console) -> None:
    """Print the effects on each row, then rows side by side, and how to read them."""
    for suite, of_suite in groupby(effects, key=lambda one: one.suite):
        every = list(of_suite)
        for row, of_row in groupby(every, key=lambda one: one.row):
            _print_row(suite, row, list(of_row), console)
        if len({one.row for one in every}) > 1:
            _print_side_by_side(suite, every, console)
    console.print(HOW_TO_READ, style="dim")


def _print_row(suite: str, row: str, effects: Sequence[Effect], console: Console) -> None:
    left_out = [one for one in effects if one.kind == "drop"]
    replaced = [one for one in effects if one.kind != "drop"]
    title = f"{suite.upper()}, {row}"
    if left_out:
        console.print(_left_out(f"{title}: what peers add", left_out))
    if replaced:
        console.print(_replaced(f"{title}: what is read in peers' place", replaced, console.width))
    for line in said(effects):
        console.print(Padding(line, (0, 0, 0, 2)), style="yellow")
    console.print()


def _left_out(title: str, effects: Sequence[Effect]) -> Table:
    table = _table(title, ["", "n", "change", "95 % interval", "p", "another\nanswer", "tokens\nsaved"])
    for one in effects:
        table.add_row(
            one.said, str(one.conversations), *_change(one.accuracy), _share(one.changed), f"{one.saved:,.0f}"
        )
    return table


def _replaced(title: str, effects: Sequence[Effect], width: int) -> Table:
    wide = width >= _WIDE
    columns: dict[str, Callable[[Effect], str]] = {
        "n": lambda one: str(one.conversations),
        "change": lambda one: _change(one.accuracy)[0],
        "95 % interval": lambda one: _change(one.accuracy)[1],
        **({"p": lambda one: _change(one.accuracy)[2]} if wide else {}),
        "another\nanswer": lambda one: _share(one.changed),
        **({"lost": lambda one: _share(one.lost), "gained": lambda one: _share(one.gained)} if wide else {}),
        "fol-\nlowed": lambda one: _share(one.follows),
        "before": lambda one: _share(one.followed_before),
    }
    table = _table(title, ["", *columns])
    for one in effects:
        table.add_row(one.said, *(figure(one) for figure in columns.values()))
    return table


def _print_side_by_side(suite: str, effects: Sequence[Effect], console: Console) -> None:
    table = _table(f"{suite.upper()}: the same done to each row", ["", "n", "change", "95 % interval", "lost"])
    for kind, rows in _shared(effects):
        table.add_row(kind, style="bold")
        for one in rows:
            table.add_row(f"  {one.row}", str(one.conversations), *_change(one.accuracy)[:2], _share(one.lost))
    if table.row_count:
        console.print(table)
        console.print()


def _shared(effects: Sequence[Effect]) -> Iterator[tuple[str, list[Effect]]]:
    """Yield what was done to several rows alike, and to which."""
    for name in dict.fromkeys(one.said for one in effects):
        rows = [one for one in effects if one.said == name]
        if len(rows) > 1 and rows[0].seats is None:
            yield name, rows


def _change(comparison: Comparison | None) -> tuple[str, str, str]:
    if comparison is None:
        return "-", "-", "-"
    apart = comparison.difference
    return f"{apart.value:+.3f}", f"{apart.low:+.3f} to {apart.high:+.3f}", as_p(comparison.p)[1:].lstrip(" =")


def _share(mean: Mean) -> str:
    return "-" if mean.value is None else f"{100 * mean.value:.0f} %"


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=bool(place))
    return table
