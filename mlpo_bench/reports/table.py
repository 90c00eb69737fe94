"""A run's table on a terminal: what each cell reached, how sure that is, and what it cost."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text


if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from mlpo_bench.runs import CellResult, Results

_COLUMNS = (
    "protocol", "accuracy", "95 % interval", "n", "unread", "cut off", "calls", "tokens in", "cached", "tokens out",
    "seconds",
)  # fmt: skip


def print_results(results: Results, console: Console) -> None:
    """Print a table for each suite, and how to read it."""
    for suite, cells in groupby(results.cells, key=lambda cell: cell.suite):
        console.print(suite_table(suite, results.sources[suite], cells))
        console.print()
    console.print(
        "Intervals are Wilson's. Unread: no answer could be read, counted as wrong. Calls, tokens and seconds are "
        "means a question, as if nothing were shared between rows; seconds is the longest chain of turns that had "
        "to wait for one another.",
        style="dim",
    )
    for cell in results.failed:
        console.print(
            Text(
                f"{cell.suite}, {cell.label}: {cell.errors} of {cell.n + cell.errors} questions could not be asked; "
                "they are in no figure. The same command asks them again.",
                style="red",
            )
        )


def suite_table(suite: str, source: str, cells: Iterable[CellResult]) -> Table:
    """Return the table of one suite."""
    table = Table(title=f"{suite.upper()}, {source}", title_justify="left", header_style="bold")
    for place, title in enumerate(_COLUMNS):
        table.add_column(title, justify="left" if place == 0 else "right", no_wrap=place == 0)
    for cell in cells:
        table.add_row(*_row(cell))
    return table


def _row(cell: CellResult) -> list[str]:
    if cell.accuracy is None or cell.low is None or cell.high is None:
        return [cell.label, "no answers", *["-"] * (len(_COLUMNS) - 2)]
    means = (cell.calls, cell.prompt_tokens, cell.cached_tokens, cell.completion_tokens)
    return [
        cell.label,
        f"{cell.accuracy:.3f}",
        f"{cell.low:.3f} - {cell.high:.3f}",
        str(cell.n),
        str(cell.unread),
        str(cell.cut_off),
        *(f"{total / cell.n:,.0f}" for total in means),
        f"{cell.serial_seconds / cell.n:.1f}",
    ]
