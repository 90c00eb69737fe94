"""`mlpo-bench frontier`."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from mlpo_bench.cli import _complete as complete
from mlpo_bench.errors import unknown
from mlpo_bench.reports.cost import COSTS


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.analysis.verdict import Verdict


def frontier(
    run: Annotated[str, typer.Argument(help="A run's folder, or its name under runs/.", autocompletion=complete.runs)],
    cost: Annotated[
        str, typer.Option(help=f"What it cost a question: {', '.join(COSTS)}.", autocompletion=complete.choice(*COSTS))
    ] = "tokens",
) -> None:
    """Print accuracy against cost: which rows are beaten, and what a vote reaches at the same cost."""
    from mlpo_bench.analysis import limits
    from mlpo_bench.analysis.matches import verdicts
    from mlpo_bench.analysis.rows import read_rows
    from mlpo_bench.log import LoadedRun
    from mlpo_bench.reports.frontier import legend, print_frontier
    from mlpo_bench.reports.terminal.console import Console

    cost = cost.replace("-", "_")
    if cost not in COSTS:
        raise unknown("cost", cost, COSTS)
    loaded, console = LoadedRun.open(run), Console()
    prices, every = loaded.config.prices, read_rows(loaded)
    match cost:
        case (
            "seconds" | "steps" | "serial_tokens" | "machine_seconds"
        ):  # what a vote takes of these is no sum of ballots
            held: Sequence[Verdict] = ()
        case _:
            held = verdicts(loaded, every, cost).verdicts
    shown: set[str] = set()
    for suite, rows in groupby(every, key=lambda row: row.suite):
        shown |= print_frontier(suite, list(rows), cost, prices, console, held, loaded.paces)
        console.print()
    sentences = filter(None, [legend(shown), limits.told(limits.of_rows(loaded, every))])
    console.print(" ".join(sentences), style="dim")
