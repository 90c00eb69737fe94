"""`mlpo-bench show`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlpo_bench.cli import _complete as complete
from mlpo_bench.cli._json import print_json


def show(
    run: Annotated[str, typer.Argument(help="A run's folder, or its name under runs/.", autocompletion=complete.runs)],
    ledger: Annotated[
        str | None,
        typer.Option(
            help="Show what the cells with this word in their name cost, by seat and round.",
            autocompletion=complete.cells,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print results as JSON.")] = False,
) -> None:
    """Print a run's table again, what it cost, and how far its plan was off."""
    from mlpo_bench.log import LoadedRun
    from mlpo_bench.reports.terminal.console import Console
    from mlpo_bench.reports.terminal.costs import print_ledger
    from mlpo_bench.reports.terminal.table import print_results

    loaded = LoadedRun.open(run)
    if json:
        print_json(loaded.results)
    elif ledger is not None:
        print_ledger(loaded, ledger, Console())
    else:
        print_results(loaded, Console())
