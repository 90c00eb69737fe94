"""`mlpo-bench leaderboard`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


app = typer.Typer(
    help="Publish rows of runs: entries, and ranks and tables made from them.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
Folder = Annotated[Path, typer.Option(help="The leaderboard's folder.")]


@app.command()
def add(
    run: Annotated[str, typer.Argument(help="A finished run's folder, or its name under runs/.")],
    only: Annotated[
        str | None, typer.Option(help="Only rows with one of these words in their cells' names, comma-separated.")
    ] = None,
    folder: Folder = Path("leaderboards"),
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Even where the code is in no commit, or a row loses suites.")
    ] = False,
) -> None:
    """Write an entry for each row of a run, in place of earlier ones of the same rows, and build the tables."""
    from mlpo_bench.cli._options import names
    from mlpo_bench.reports.leaderboard import board
    from mlpo_bench.reports.leaderboard.from_run import entries_of
    from mlpo_bench.runs import RunFolder

    entries = entries_of(RunFolder.open(run), names(only) or (), anyway=anyway)
    for path in board.add(folder, entries, anyway=anyway):
        typer.echo(path)
    build(folder)


@app.command()
def build(folder: Folder = Path("leaderboards")) -> None:
    """Make the tables from the entries: README.md, CSV, LaTeX, JSON, HTML, and the entries' schema."""
    from mlpo_bench.reports.leaderboard import board

    for path in board.build(folder):
        typer.echo(path)


@app.command()
def check(
    folder: Folder = Path("leaderboards"),
    run: Annotated[str | None, typer.Option(help="Compare entries with the run that they were made from.")] = None,
) -> None:
    """Check that entries match their schema and their own answers, and the tables the entries; exit 1 if not."""
    from mlpo_bench.reports.leaderboard import board
    from mlpo_bench.reports.leaderboard.check import faults, faults_against
    from mlpo_bench.runs import RunFolder

    found = list(faults(folder))
    if run is not None and not found:
        found += faults_against(folder, RunFolder.open(run))
    for fault in found:
        typer.echo(fault, err=True)
    if found:
        raise typer.Exit(1)
    count = len(board.entry_paths(folder))
    typer.echo(f"{folder}: {count} {'entry' if count == 1 else 'entries'}, and tables that match.")
