"""`mlpo-bench doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlpo_bench.cli import _complete as complete
from mlpo_bench.cli._json import print_json


def doctor(
    team: Annotated[
        Path | None,
        typer.Argument(
            metavar="TEAM.yaml", help="A team file; without one, the embedded model in all seats.", show_default=False
        ),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            help="What is to be asked, comma-separated.  \\[default: bbh,mmlu,math]",
            show_default=False,
            autocompletion=complete.suites,
        ),
    ] = None,
    answers: Annotated[
        str | None,
        typer.Option("--format", help="How the questions of a --suite FILE are answered.", show_default=False),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with the suites' published files.", envvar="MLPO_BENCH_DATA", show_default=False),
    ] = None,
    output: Annotated[Path, typer.Option(help="Where runs are kept.")] = Path("runs"),
    load: Annotated[bool, typer.Option("--load", help="Load local models, and ask each one question.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the answer alone.")] = False,
) -> None:
    """Say what works on this machine for a team, and what to do about what does not.

    Looks at engines, devices, data, disk, keys and models, and asks every server of the team file one small question.
    Exit code 0: what the team needs works; 1: it does not.
    """
    import asyncio

    from mlpo_bench.cli._options import named_suites
    from mlpo_bench.cli._progress import progress
    from mlpo_bench.doctor.examine import examine
    from mlpo_bench.doctor.render import print_report
    from mlpo_bench.questions import PAPER
    from mlpo_bench.reports.terminal.console import Console

    suites = named_suites(suite or ",".join(PAPER), answers)
    with progress(quiet=quiet or json) as observer:
        looking = examine(team, suites, data, output, observer.say, load=load, suites_needed=suite is not None)
        report = asyncio.run(looking)
    if json:
        print_json(report.plain())
    else:
        print_report(report, Console(), quiet=quiet)
    raise typer.Exit(0 if report.works else 1)
