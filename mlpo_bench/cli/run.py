"""`mlpo-bench run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpo_bench.cli import _complete as complete
from mlpo_bench.cli._json import print_json
from mlpo_bench.cli._options import WHERE, Chosen, configured


if TYPE_CHECKING:
    from mlpo_bench.engines import OpenEngines
    from mlpo_bench.log import LoadedRun, Results, RunDirectory

FAILED_IN_PART = 1


@configured
def run(
    chosen: Chosen,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Only the cells of this name, or with it in their names. Repeatable.",
            rich_help_panel=WHERE,
            autocompletion=complete.cells,
        ),
    ] = None,
    add: Annotated[
        bool,
        typer.Option("--add", help="Extend the run of that --name by the cells asked for.", rich_help_panel=WHERE),
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume/--no-resume", help="Go on with a run that exists, or refuse to.", rich_help_panel=WHERE),
    ] = True,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh",
            help="Take no answers of servers from earlier runs: ask anew, and keep both.",
            rich_help_panel=WHERE,
        ),
    ] = False,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", "--output_path", help="Folder that holds the runs.", rich_help_panel=WHERE),
    ] = Path("runs"),
    name: Annotated[
        str | None, typer.Option(help="The run's name.", rich_help_panel=WHERE, autocompletion=complete.runs)
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="File of all completions.  \\[default: in the user's cache folder]", rich_help_panel=WHERE),
    ] = None,
    executor: Annotated[
        str,
        typer.Option(
            help="Where engines run: local, or ray (a cluster: RAY_ADDRESS, or one on this machine).",
            rich_help_panel=WHERE,
            autocompletion=complete.choice("local", "ray"),
        ),
    ] = "local",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.", rich_help_panel=WHERE)] = False,
    json: Annotated[bool, typer.Option("--json", help="Print results as JSON.", rich_help_panel=WHERE)] = False,
) -> None:
    """Run suites through protocols, and print what they reach and what they cost.

    The same command goes on with an interrupted run; a cell that is done is never run again. Exit codes: 0 done,
    1 failed in part, 2 bad usage, 130 interrupted (143, 129 by SIGTERM, SIGHUP).
    """
    from mlpo_bench.engines import executor as named
    from mlpo_bench.log import LoadedRun, RunDirectory

    opening = named(executor)
    before = RunDirectory.open(output / name).config if add and name else None
    config = chosen.build(before)
    if fresh:
        config = config.asked_anew(_now())
    folder = RunDirectory.for_run(config, output, name, add=add, resume=resume)
    words = tuple(only or ())
    left = folder.left(words)
    results = carried_out(folder, words, store, quiet=quiet or json, open_engines=opening)
    if json:
        print_json(results)
    else:
        _print(LoadedRun(folder), asked_nothing=not left)
    if folder.left(words):
        raise typer.Exit(FAILED_IN_PART)


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="seconds")


def carried_out(
    folder: RunDirectory,
    only: tuple[str, ...],
    store: Path | None,
    *,
    quiet: bool,
    open_engines: OpenEngines | None = None,
) -> Results:
    """Carry out what is left of a run, or of the cells that some words name, and return what it came to."""
    import asyncio
    from contextlib import ExitStack

    from mlpo_bench import engines
    from mlpo_bench.cli._display import display
    from mlpo_bench.cli._ending import ending
    from mlpo_bench.cli._memory import sparing
    from mlpo_bench.runs.runner import run_cells
    from mlpo_bench.store import default_path

    folder.store = store or default_path()
    opening = sparing(open_engines or engines.open_engines)
    words = f"Interrupted. What was answered is kept; to go on: {folder.command}"
    with ExitStack() as shown, ending(words, leave=shown.close), shown:
        observer = shown.enter_context(display(quiet=quiet))
        return asyncio.run(run_cells(folder, folder.store, observer, only, opening))


def _print(run: LoadedRun, *, asked_nothing: bool) -> None:
    from dataclasses import replace

    from mlpo_bench.analysis.matches import verdicts
    from mlpo_bench.analysis.rows import read_rows
    from mlpo_bench.log.manifest import reused_in
    from mlpo_bench.reports.terminal.console import Console
    from mlpo_bench.reports.terminal.table import print_results
    from mlpo_bench.reports.terminal.verdict import print_verdict

    console = Console()
    print_results(run, console)
    if run.results.cells:
        console.print()
        made = replace(verdicts(run, read_rows(run)), limited={})  # the table above it said what a limit does
        print_verdict(made, console, others=False)
        console.print()
    if asked_nothing:
        console.print("All these cells were done before; nothing was asked.", style="dim")
    elif reused := reused_in(run.manifest["sessions"][-1]):
        console.print(reused, style="dim")
    console.print(f"Files: {run.path}", style="dim", soft_wrap=True)
