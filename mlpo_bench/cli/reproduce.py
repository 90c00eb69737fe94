"""`mlpo-bench reproduce`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpo_bench.cli import _complete as complete
from mlpo_bench.cli._options import WHERE, Chosen, configured
from mlpo_bench.cli.run import FAILED_IN_PART, carried_out


if TYPE_CHECKING:
    from mlpo_bench.log import LoadedRun
    from mlpo_bench.matrix.reproductions import Reproduction


@configured
def reproduce(
    chosen: Chosen,
    name: Annotated[
        str | None,
        typer.Argument(help="Which table; all are listed where it is left out.", autocompletion=complete.reproductions),
    ] = None,
    compare: Annotated[
        str | None,
        typer.Option(help="A run that was made: only hold it against what was printed.", rich_help_panel=WHERE),
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="Write it all as a page of Markdown, too.", rich_help_panel=WHERE)
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Run what takes a larger machine.", rich_help_panel=WHERE)
    ] = False,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder that holds the runs.", rich_help_panel=WHERE)
    ] = Path("runs"),
    store: Annotated[
        Path | None,
        typer.Option(help="File of all completions.  \\[default: in the user's cache folder]", rich_help_panel=WHERE),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.", rich_help_panel=WHERE)] = False,
) -> None:
    """Make a published table again, and print both side by side: figures, intervals, n, tokens, and what differs.

    Exit codes: 0 done, 1 the run is not complete, 2 bad usage, 130 interrupted.
    """
    from mlpo_bench.log import LoadedRun, RunDirectory, outputs
    from mlpo_bench.matrix.reproductions import reproduction

    if name is None:
        _list()
        return
    of = reproduction(name)
    if page is not None:
        outputs.check(page, outputs.REPRODUCED)
    run = None
    if compare is not None:
        run = LoadedRun.open(compare)
    elif of.needs is None or anyway:
        config = chosen.build(of.matrix)
        folder = RunDirectory.for_run(config, output, f"reproduce-{name}-{config.digest[:8]}")
        carried_out(folder, (), store, quiet=quiet)
        run = LoadedRun(folder)
    _tell(of, run, page)
    if run is not None and run.directory.left():
        raise typer.Exit(FAILED_IN_PART)


def _list() -> None:
    from rich.table import Table

    from mlpo_bench.matrix.reproductions import names, reproduction
    from mlpo_bench.reports.terminal.console import Console

    table = Table(header_style="bold")
    for title in ("name", "paper", "takes"):
        table.add_column(title)
    for name in names():
        of = reproduction(name)
        table.add_row(name, f"{of.title} {of.paper}", of.needs or "a small machine")
    Console().print(table)


def _tell(of: Reproduction, run: LoadedRun | None, page: Path | None) -> None:
    import shlex

    from mlpo_bench.analysis.rows import read_rows
    from mlpo_bench.log import outputs
    from mlpo_bench.reports import grids, reproduction
    from mlpo_bench.reports.terminal.console import Console

    console = Console()
    rows = read_rows(run) if run is not None and run.results.cells else []
    console.print(of.claim, style="bold")
    for grid in reproduction.grids(of, rows):
        console.print(grids.terminal(grids.narrowed(grid, console.width, ("printed n", "tokens", "our n", "p"))))
        console.print()
    for title, lines in (("Printed by", [f"{n}: {s}" for n, s in of.sources.items()]), ("Differs", of.differs)):
        for line in lines:
            console.print(f"{title}: {line}", style="dim")
    if run is None:
        console.print(f"Not run: it takes {of.needs}. To run it:", style="yellow")
        for command in of.commands:
            console.print(f"  {command}", soft_wrap=True)
    lacking = None if run is None else _lacking(run)
    if lacking is not None:
        console.print(f"Not complete. {lacking}", style="yellow", soft_wrap=True)
    made = (
        []
        if run is None
        else [f"`{shlex.join(['mlpo-bench', *run.manifest['sessions'][-1]['command'][1:]])}`", *_facts(run)]
    )
    if page is not None:
        outputs.write(page, reproduction.page(of, rows, made, lacking).encode(), outputs.REPRODUCED)
        console.print(f"Page: {page}", style="dim", soft_wrap=True)


def _lacking(run: LoadedRun) -> str | None:
    """Say what the figures leave out, and which command goes on with it; None where the run is complete."""
    if not (left := run.directory.left()):
        return None
    failed = run.results.failed
    parts = [f"{sum(cell.errors for cell in failed):,} questions have no answer"] if failed else []
    if others := len(left) - len(failed):
        parts.append(f"{others:,} of {len(run.cells):,} cells have yet to be run")
    told = ", and ".join(parts)
    return f"{told}. Figures are of the answered questions alone; `{run.command}` goes on with the others."


def _facts(run: LoadedRun) -> list[str]:
    models = {seat.model for cell in run.results.cells for seat in cell.seats.values()}
    sources = [f"{suite}: {source}" for suite, source in run.results.sources.items()]
    return [f"models: {', '.join(sorted(models))}", *sources]
