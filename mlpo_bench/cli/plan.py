"""`mlpo-bench plan`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlpo_bench.cli._json import print_json
from mlpo_bench.cli._options import WHERE, Chosen, configured


@configured
def plan(
    chosen: Chosen,
    speed: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            help="Tokens that a model writes a second.  \\[default: as measured in earlier runs]",
            rich_help_panel=WHERE,
        ),
    ] = None,
    detect: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            max=1.0,
            help="Say how many questions tell a led row from its vote that are so far apart: 0.05.",
            rich_help_panel=WHERE,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.", rich_help_panel=WHERE)] = False,
) -> None:
    """Say what a run with these options would take: cells, calls, tokens, time and price. Starts no model."""
    import asyncio

    from mlpo_bench.cli._display import display
    from mlpo_bench.errors import UsageError
    from mlpo_bench.harness.suite import quiet_lm_eval
    from mlpo_bench.matrix.cells import cells
    from mlpo_bench.reports.terminal.console import Console
    from mlpo_bench.reports.terminal.plan import print_detection, print_plan
    from mlpo_bench.runs.rehearsal import plan as reckon
    from mlpo_bench.runs.runner import load_suites

    if json and detect is not None:
        raise UsageError("--detect adds a sentence to the tables, which --json has not; give one of the two.")
    config = chosen.build()
    every = cells(config)
    with display(quiet=json) as observer, quiet_lm_eval():
        suites = load_suites(config, config.suites, observer)
        planned = asyncio.run(reckon(every, suites, config.prices, speed))
    if json:
        print_json(planned)
    else:
        console = Console()
        print_plan(planned, console)
        if detect is not None:
            led = {(cell.suite, cell.label, cell.team) for cell in every if cell.setting.protocol.family == "led"}
            print_detection(planned, len(led), detect, console)
