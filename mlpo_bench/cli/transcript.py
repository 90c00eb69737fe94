"""`mlpo-bench transcript`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpo_bench.cli import _complete as complete


if TYPE_CHECKING:
    from mlpo_bench.log import LoadedRun


def transcript(
    run: Annotated[str, typer.Argument(help="A run's folder, or its name under runs/.", autocompletion=complete.runs)],
    question: Annotated[
        str | None,
        typer.Argument(help="A question's id, or its end: navigate/6. Without it, ids are listed."),
    ] = None,
    cell: Annotated[
        str | None,
        typer.Option(
            help="Only cells whose label or id begins so, or else has this in it: 'leader, 2 rounds'",
            autocompletion=complete.cells,
        ),
    ] = None,
    prompts: Annotated[
        bool, typer.Option("--prompts", help="Show what each seat read, not only what it wrote.")
    ] = False,
    overturned: Annotated[
        bool, typer.Option("--overturned", help="Only those whose leader overturned the majority of its peers.")
    ] = False,
    wrong: Annotated[bool, typer.Option("--wrong", help="Only those that ended wrong.")] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with the suites' published files, for the right answer.  \\[default: as in the run]",
            envvar="MLPO_BENCH_DATA",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Print the conversations over a question, turn by turn, with the right answer; or list which there are."""
    from mlpo_bench.log import LoadedRun

    loaded = LoadedRun.open(run)
    if question is not None:
        _print(loaded, question, cell, data, prompts=prompts, overturned=overturned, wrong=wrong)
    else:
        _list(loaded, cell, overturned=overturned, wrong=wrong)


def _list(run: LoadedRun, part_of_cell: str | None, *, overturned: bool, wrong: bool) -> None:
    from mlpo_bench.analysis.overturned import conversations_found
    from mlpo_bench.log.run import find_cells
    from mlpo_bench.reports.terminal.console import Console

    console, count = Console(), 0
    cells = find_cells(run, part_of_cell)
    for cell, question in conversations_found(run, cells, overturned=overturned, wrong=wrong):
        console.print(f"{question}  {cell.name}", soft_wrap=True)
        count += 1
    found = "1 conversation" if count == 1 else f"{count:,} conversations"
    typer.echo(f"{found}; `mlpo-bench transcript {run.path} ID` prints those over a question.", err=True)


def _print(
    run: LoadedRun,
    question: str,
    part_of_cell: str | None,
    data: Path | None,
    *,
    prompts: bool,
    overturned: bool,
    wrong: bool,
) -> None:
    from mlpo_bench.analysis.overturned import conversations_found
    from mlpo_bench.errors import UsageError
    from mlpo_bench.log.run import find_transcripts
    from mlpo_bench.reports.terminal.console import Console
    from mlpo_bench.reports.terminal.conversation import print_conversation
    from mlpo_bench.runs.gold import right_answers

    console = Console()
    found = find_transcripts(run, question, part_of_cell)
    if overturned or wrong:
        wanted = conversations_found(run, [cell for cell, _ in found], overturned=overturned, wrong=wrong)
        ids = {(cell.id, name) for cell, name in wanted}
        found = [(cell, line) for cell, line in found if (cell.id, line["question"]) in ids]
        if not found:
            raise UsageError(f"no conversation over {question} is of that kind; leave out --overturned or --wrong.")
    gold = right_answers(run, [cell.suite for cell, _ in found], data)
    for cell, conversation in found:
        right = gold[cell.suite].get(conversation["question"])
        print_conversation(cell, conversation, console, prompts=prompts, gold=right)
