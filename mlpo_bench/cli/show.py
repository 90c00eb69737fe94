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
    """Print a run's table again, what it cost, how far its plan was off, and whether the team beats a vote."""
    from mlpo_bench.analysis.matches import verdicts
    from mlpo_bench.analysis.rows import read_rows
    from mlpo_bench.errors import UsageError
    from mlpo_bench.log import LoadedRun
    from mlpo_bench.reports.terminal.console import Console
    from mlpo_bench.reports.terminal.costs import print_ledger
    from mlpo_bench.reports.terminal.table import print_results
    from mlpo_bench.reports.terminal.verdict import print_answer

    if json and ledger is not None:
        raise UsageError("--ledger is a table, and --json prints all results, each cell's seats among them; take one.")
    loaded = LoadedRun.open(run)
    if json:
        print_json(loaded.results)
    elif ledger is not None:
        print_ledger(loaded, ledger, Console())
    else:
        console = Console()
        print_results(loaded, console)
        if loaded.results.cells:
            print_answer(verdicts(loaded, read_rows(loaded)), console)
            console.print(f"Row by row: mlpo-bench verdict {loaded.path}", style="dim", soft_wrap=True)
