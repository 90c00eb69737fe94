"""`mlpo-bench diagnose`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlpo_bench.cli import _complete as complete
from mlpo_bench.cli._json import print_json


def diagnose(
    run: Annotated[str, typer.Argument(help="A run's folder, or its name under runs/.", autocompletion=complete.runs)],
    cell: Annotated[
        str | None,
        typer.Option(
            help="All figures of the rows with this in their name: 'leader, 2 rounds'", autocompletion=complete.cells
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
) -> None:
    """Tell what leaders make of their peers' answers: rescues, harms, trust in wrong peers, favoured places, gains.

    Where a run has interventions, tell what they did to the answers of every row, too.
    """
    from itertools import groupby

    from mlpo_bench.analysis.interventions import effects
    from mlpo_bench.analysis.leaders import diagnose_all
    from mlpo_bench.errors import UsageError
    from mlpo_bench.log import LoadedRun
    from mlpo_bench.reports.terminal.console import Console
    from mlpo_bench.reports.terminal.diagnostics import print_diagnostics, print_how_to_read, print_overview
    from mlpo_bench.reports.terminal.interventions import print_effects

    loaded = LoadedRun.open(run)
    interventions = effects(loaded, cell)
    try:
        diagnostics, left_out = diagnose_all(loaded, cell)
    except UsageError:
        if not interventions:
            raise
        diagnostics, left_out = [], []
    if json:
        told = {"leaders": diagnostics, "interventions": interventions}
        print_json(told)
        return
    console = Console()
    if cell is None and len(diagnostics) > 1:
        for _, of_suite in groupby(diagnostics, key=lambda one: one.suite):
            print_overview(list(of_suite), console)
        console.print("Name a leader with --cell for all its figures, or ask for --json.", style="dim")
    else:
        for one in diagnostics:
            print_diagnostics(one, console)
    for why in left_out:
        console.print(why, style="yellow")
    if diagnostics:
        print_how_to_read(console)
    if interventions:
        console.print()
        print_effects(interventions, console)
