"""A run's table on a terminal: what each cell reached, how sure that is, and what it cost."""

from __future__ import annotations

from itertools import groupby
from statistics import mean, stdev
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from mlpo_bench.config import TEAM
from mlpo_bench.reports.costs import print_costs
from mlpo_bench.reports.figures import operations
from mlpo_bench.reports.plan import print_error_of


if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from mlpo_bench.runs import CellResult, Results, RunFolder

_COLUMNS = (
    "protocol", "accuracy", "95 % interval", "n", "unread", "cut off", "calls", "tokens in", "cached", "tokens out",
    "seconds", "operations",
)  # fmt: skip


def print_results(results: Results, folder: RunFolder, console: Console) -> None:
    """Print a table for each suite, what all cells cost, how far the plan was off, and how to read it."""
    for suite, cells in groupby(results.cells, key=lambda cell: cell.suite):
        console.print(suite_table(suite, results.sources[suite], list(cells)))
        console.print()
    if results.cells:
        print_costs(results, folder.config.prices, console)
        print_error_of(folder.plan(), results, folder.seconds(), console)
        console.print(_HOW_TO_READ, style="dim")
    if results.unfinished:
        left = len(results.unfinished)
        console.print(
            f"{left} of {left + len(results.cells)} cells have yet to be run: {_some(results.unfinished)}. "
            "The same command goes on with them.",
            style="yellow",
        )
    for cell in results.failed:
        console.print(
            Text(
                f"{cell.suite}, {cell.label}: {cell.errors} of {cell.n + cell.errors} questions could not be asked; "
                "they are in no figure. The same command asks them again.",
                style="red",
            )
        )


_HOW_TO_READ = (
    "Intervals are Wilson's; over several seeds, accuracy is the mean and the interval's place is taken by the "
    "smallest and largest seed and their standard deviation. Unread: no answer could be read, counted as wrong. "
    "Calls, tokens, seconds and operations are means a question, as if nothing were shared between rows; seconds is "
    "the longest chain of turns that had to wait for one another; operations are estimated from the models' sizes. "
    "Cells alone: every cell counted as if it had been run by itself. Paid: every completion counted once."
)


def suite_table(suite: str, source: str, cells: Sequence[CellResult]) -> Table:
    """Return the table of one suite, a row for all seeds of a cell."""
    table = Table(title=f"{suite.upper()}, {source}", title_justify="left", header_style="bold")
    for place, title in enumerate(_COLUMNS):
        table.add_column(title, justify="left" if place == 0 else "right", no_wrap=place == 0)
    for _, seeds in groupby(cells, key=lambda cell: (cell.team, cell.label)):
        table.add_row(*_row(list(seeds)))
    return table


def _row(seeds: Sequence[CellResult]) -> list[str]:
    label = _label(seeds)
    answered = [cell for cell in seeds if cell.accuracy is not None]
    n = sum(cell.n for cell in answered)
    if not answered:
        return [label, "no answers", *["-"] * (len(_COLUMNS) - 2)]
    done = [cell.operations for cell in answered]
    return [
        label,
        f"{mean(cell.accuracy or 0 for cell in answered):.3f}",
        _spread(answered),
        str(answered[0].n) if len(answered) == 1 else f"{len(answered)} x {n // len(answered)}",
        str(sum(cell.unread for cell in answered)),
        str(sum(cell.cut_off for cell in answered)),
        f"{sum(cell.calls for cell in answered) / n:,.3g}",
        *(
            f"{sum(getattr(cell, name) for cell in answered) / n:,.0f}"
            for name in ("prompt_tokens", "cached_tokens", "completion_tokens")
        ),
        f"{sum(cell.serial_seconds for cell in answered) / n:.1f}",
        operations(None if None in done else sum(d or 0 for d in done) / n),
    ]


def _label(seeds: Sequence[CellResult]) -> str:
    first = seeds[0]
    label = first.label if first.team == TEAM else f"{first.team}: {first.label}"
    ballots = sorted({cell.samples for cell in seeds if cell.samples is not None})
    return f"{label} (n = {', '.join(map(str, ballots))})" if ballots else label


def _spread(answered: Sequence[CellResult]) -> str:
    """Return the interval of one seed, or how far several lie apart."""
    if len(answered) == 1:
        return f"{answered[0].low:.3f} - {answered[0].high:.3f}"
    found = [cell.accuracy or 0.0 for cell in answered]
    return f"{min(found):.3f} - {max(found):.3f}, sd {stdev(found):.3f}"


def _some(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
