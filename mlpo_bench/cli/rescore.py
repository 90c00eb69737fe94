"""`mlpo-bench rescore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpo_bench.cli import _complete as complete
from mlpo_bench.cli._json import print_json


if TYPE_CHECKING:
    from mlpo_bench.analysis.moves import Moves
    from mlpo_bench.log import RunDirectory

FAILED_IN_PART = 1


def rescore(
    run: Annotated[
        str,
        typer.Argument(
            help="A run's folder, or its name under runs/.", autocompletion=complete.runs, show_default=False
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with the suites' published files.  \\[default: as the run has it]", show_default=False
        ),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="File of all completions.  \\[default: in the user's cache folder]", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would move; write nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what moved as JSON.")] = False,
) -> None:
    """Read and judge a run's answers anew, as the readers of today do, and print what moved. Starts no model.

    Exit codes: 0 done, 1 some conversations would go on otherwise and are left out, 2 bad usage, 130 interrupted.
    """
    from mlpo_bench.log import RunDirectory
    from mlpo_bench.reports.terminal.console import Console
    from mlpo_bench.reports.terminal.moves import print_moves

    folder = RunDirectory.open(run)
    unfinished = sum(not folder.cell_path(cell.id).exists() for cell in folder.cells)
    moves = _rescored(folder, data, store, dry_run=dry_run, quiet=quiet or json)
    if json:
        print_json(moves)
    else:
        console = Console()
        print_moves(moves, folder.command, console, unfinished=unfinished)
        console.print("Nothing was written." if dry_run else f"Files: {folder.path}", style="dim", soft_wrap=True)
    if not moves.whole:
        raise typer.Exit(FAILED_IN_PART)


def _rescored(folder: RunDirectory, data: Path | None, store: Path | None, *, dry_run: bool, quiet: bool) -> Moves:
    import asyncio

    from mlpo_bench.cli._display import display
    from mlpo_bench.cli._ending import ending
    from mlpo_bench.runs.rescoring import rescore
    from mlpo_bench.store import default_path

    folder.store = store or default_path()
    with ending(f"Interrupted. The run {folder.path} is as it was."), display(quiet=quiet) as observer:
        return asyncio.run(rescore(folder, folder.store, observer, data=data, dry_run=dry_run))
