"""`mlpo-bench transcript`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlpo_bench.cli import _complete as complete


def transcript(
    run: Annotated[str, typer.Argument(help="A run's folder, or its name under runs/.", autocompletion=complete.runs)],
    question: Annotated[str, typer.Argument(help="A question's id, or its end: navigate/6")],
    cell: Annotated[
        str | None,
        typer.Option(
            help="Only cells whose label or id has this in it: 'leader, 2 rounds'", autocompletion=complete.cells
        ),
    ] = None,
    prompts: Annotated[
        bool, typer.Option("--prompts", help="Show what each seat read, not only what it wrote.")
    ] = False,
) -> None:
    """Print the conversations over a question, turn by turn."""
    from mlpo_bench.log import LoadedRun
    from mlpo_bench.log.run import find_transcripts
    from mlpo_bench.reports.terminal.console import Console
    from mlpo_bench.reports.terminal.conversation import print_conversation

    console = Console()
    for of_cell, conversation in find_transcripts(LoadedRun.open(run), question, cell):
        print_conversation(of_cell, conversation, console, prompts=prompts)
