"""`mlpo-bench leaderboard`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpo_bench.cli import _complete as complete
from mlpo_bench.cli._app import App


if TYPE_CHECKING:
    from mlpo_bench.leaderboard.rescoring import BoardMoves

IN_PART = 1
INTERRUPTED = 130

app = App(
    help="Publish rows of runs: entries, and ranks and tables made from them.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
Folder = Annotated[Path, typer.Option(help="The leaderboard's folder.")]


@app.command()
def add(
    run: Annotated[
        str, typer.Argument(help="A finished run's folder, or its name under runs/.", autocompletion=complete.runs)
    ],
    only: Annotated[
        list[str] | None, typer.Option(help="Only the rows of this name, or with it in their cells' names. Repeatable.")
    ] = None,
    folder: Folder = Path("leaderboards"),
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Even where the code is in no commit, or a row loses suites.")
    ] = False,
) -> None:
    """Write an entry for each row of a run, in place of earlier ones of the same rows, and build the tables."""
    from mlpo_bench.leaderboard import board
    from mlpo_bench.leaderboard.completions import kept_with
    from mlpo_bench.leaderboard.from_run import entries_of
    from mlpo_bench.log import LoadedRun

    board.check_place(folder)
    of_run = LoadedRun.open(run)
    entries = entries_of(of_run, tuple(only or ()), anyway=anyway)
    if not anyway:
        board.check_nothing_lost(folder, entries)
    before = board.kept_files(folder)
    kept = kept_with(folder, of_run, entries)
    if isinstance(kept, str):
        typer.echo(f"{kept}, so these rows can be judged anew by running them again alone.", err=True)
    else:
        entries = kept
    for path in board.add(folder, entries, anyway=anyway):
        typer.echo(path)
    for path in board.forget(folder, before):
        typer.echo(f"{path} was deleted: all rows that it was kept for have been replaced.")
    build(folder)


@app.command()
def build(folder: Folder = Path("leaderboards")) -> None:
    """Make the tables from the entries: README.md, CSV, LaTeX, JSON, HTML, and the entries' schema."""
    from mlpo_bench.leaderboard import board

    board.check_begun(folder)
    for path in board.build(folder):
        typer.echo(path)


@app.command()
def check(
    folder: Folder = Path("leaderboards"),
    run: Annotated[str | None, typer.Option(help="Compare entries with the run that they were made from.")] = None,
) -> None:
    """Check that entries match their schema and their own answers, and the tables the entries; exit 1 if not."""
    from mlpo_bench.leaderboard import board
    from mlpo_bench.leaderboard.check import faults, faults_against, uncounted
    from mlpo_bench.leaderboard.entry import read_entry
    from mlpo_bench.log import LoadedRun

    lines = list(faults(folder))
    if run is not None and not lines:
        lines += faults_against(folder, LoadedRun.open(run))
    for fault in lines:
        typer.echo(fault, err=True)
    if lines:
        raise typer.Exit(1)
    entries = [read_entry(path) for path in board.entry_paths(folder)]
    told = "entry" if len(entries) == 1 else "entries"
    typer.echo(f"{folder}: {len(entries)} {told}, and tables that match.")
    if lacking := uncounted(entries):
        typer.echo(
            f"{lacking} {'vote was' if lacking == 1 else 'votes were'} added before ballots were counted; "
            "`mlpo-bench leaderboard rescore` counts them."
        )


@app.command()
def rescore(
    folder: Folder = Path("leaderboards"),
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with the suites' published files.", envvar="MLPO_BENCH_DATA", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would move; write nothing.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Judge rows anew, as the readers of today do, from the completions that were kept of them; then build the tables.

    Exit codes: 0 done, 1 some rows would go on otherwise and stay as they were, 2 bad usage, 130 interrupted.
    """
    from mlpo_bench.leaderboard import board
    from mlpo_bench.leaderboard.moves import print_board_moves
    from mlpo_bench.reports.terminal.console import Console

    board.check_begun(folder)
    moves = _rescored(folder, data, quiet=quiet)
    console = Console()
    print_board_moves(moves, console)
    if not dry_run and moves.entries:
        for path in board.add(folder, moves.entries):
            console.print(str(path), style="dim", soft_wrap=True)
        build(folder)
    elif dry_run:
        console.print("Nothing was written.", style="dim")
    if moves.stays:
        raise typer.Exit(IN_PART)


def _rescored(folder: Path, data: Path | None, *, quiet: bool) -> BoardMoves:
    import asyncio

    from mlpo_bench.cli._display import display
    from mlpo_bench.cli._ending import ending
    from mlpo_bench.leaderboard.rescoring import rescore as rescore_board

    with ending(f"Interrupted. {folder} is as it was."), display(quiet=quiet) as observer:
        return asyncio.run(rescore_board(folder, observer, data))
