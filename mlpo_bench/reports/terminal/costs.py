"""What a run cost, on a terminal: what its cells cost alone, what was paid, and each seat's and round's part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from mlpo_bench.errors import UsageError
from mlpo_bench.matrix.config import row_name
from mlpo_bench.reports.figures import count, duration, operations, price, short_names


if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlpo_bench.log import CellResult, LoadedRun, Results
    from mlpo_bench.log.ledger import Spent
    from mlpo_bench.reports.terminal.console import Console
    from mlpo_bench.teams import Price

_COLUMNS = ("calls", "tokens in", "cached", "tokens out", "engine time", "operations", "price")
# Where the ledger's columns hold names: the seat and its model.
_NAMES = (1, 2)
# On a narrow terminal figures are wrapped first: names tell a trained leader from what it was. Below `_WIDE`
# characters they have `_NAME` of them.
_WIDE, _NAME = 120, 17
_SUMMED = ("prompt_tokens", "cached_tokens", "completion_tokens", "seconds", "waited")


def print_costs(
    results: Results, prices: Mapping[str, Price], paces: Mapping[str, float], console: Console
) -> Table | None:
    """Print, for each model, what the cells cost alone and what was paid for all of them; return the table, if any.

    `paces` are the seconds of wall time that a model's engine took for each token that it wrote: engines answer many at
    once, so that the times of completions add up to hours in a run of minutes.
    """
    if not results.shared.alone:  # every question failed
        return None
    priced = any(model in prices for model in results.shared.alone)
    columns = _COLUMNS if priced else _COLUMNS[:-1]
    table = Table(title="What it cost", title_justify="left", header_style="bold", box=None, padding=(0, 1, 0, 0))
    table.add_column("model", overflow="fold", width=_NAME if console.width < _WIDE else None)
    for title in columns:
        table.add_column(title, justify="right", overflow="fold", min_width=max(map(len, title.split())))
    sizes = {s.model: s.parameters for cell in results.cells for s in cell.seats.values()}
    names = short_names(results.shared.alone)
    for model, alone in results.shared.alone.items():
        table.add_row(names[model])
        for what, spent in (("cells alone", alone), ("paid", results.shared.paid[model])):
            cost = prices[model].of(spent.usage) if model in prices else None
            seconds = paces[model] * spent.completion_tokens if model in paces else None
            figures = _figures(spent, seconds, spent.operations(sizes.get(model)), cost)
            table.add_row(f"  {what}", *figures[: len(columns)])
    console.print(table)
    if (share := results.shared.share) is not None:
        asked = sum(spent.calls for spent in results.shared.alone.values())
        made = sum(spent.calls for spent in results.shared.paid.values())
        console.print(
            f"Sharing: {made:,} completions serve {asked:,} calls, {share:.2f} of what the cells take when run apart."
        )
    return table


def _figures(spent: Spent, seconds: float | None, done: float | None, cost: float | None) -> list[str]:
    return [
        count(spent.calls),
        count(spent.prompt_tokens),
        count(spent.cached_tokens),
        count(spent.completion_tokens),
        "-" if seconds is None else duration(seconds),  # runs that did not keep it
        operations(done),
        price(cost),
    ]


def print_ledger(run: LoadedRun, word: str, console: Console) -> None:
    """Print what some cells cost by seat and round, as means a question.

    Raises:
        UsageError: no cell has the word in its name.
    """
    results = run.results
    named = [cell for cell in results.cells if word in cell.cell or word in cell.label]
    if not named:
        raise UsageError(f"no cell has {word!r} in its name. Cells: {', '.join(c.cell for c in results.cells)}.")
    for cell in named:
        console.print(_ledger(cell, run))
        console.print(
            f"Longest chain: {cell.serial_calls / max(cell.n, 1):.1f} turns, "
            f"{cell.serial_seconds / max(cell.n, 1):.1f} s a question.\n"
        )
    console.print(
        "Means a question, as if the cell had been run by itself. Engine: seconds that the engine took when a "
        "completion was first made. Waited: seconds that conversations of this run waited for it.",
        style="dim",
    )


def _ledger(cell: CellResult, run: LoadedRun) -> Table:
    seed = f", seed {cell.seed}" if cell.seed else ""
    title = f"{cell.suite.upper()}, {row_name(cell.team, cell.label)}{seed}"
    table = Table(title=title, title_justify="left", header_style="bold")
    for place, title in enumerate(
        ("round", "seat", "model", "calls", "tokens in", "cached", "tokens out", "engine s", "waited s")
    ):
        named = place in _NAMES
        table.add_column(title, justify="left" if named else "right", overflow="fold" if named else "ellipsis")
    turns = run.turns(cell.cell)
    sums = turns.group_by(["round", "seat"], use_threads=False).aggregate(
        [("seat", "count"), *((c, "sum") for c in _SUMMED)]
    )
    questions = max(cell.n, 1)
    names = short_names(seat.model for seat in cell.seats.values())
    for row in sums.sort_by([("round", "ascending")]).to_pylist():
        means = [row["seat_count"], *(row[f"{name}_sum"] for name in _SUMMED)]
        table.add_row(
            str(row["round"] + 1),
            row["seat"],
            names[cell.seats[row["seat"]].model],
            *(f"{mean / questions:,.1f}" for mean in means),
        )
    return table
