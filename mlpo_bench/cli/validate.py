"""`mlpo-bench validate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlpo_bench.cli import _complete as complete


FAILED = 1


def validate(
    suite: Annotated[
        str, typer.Option(help="Suites, comma-separated: names or files.", autocompletion=complete.suites)
    ] = "bbh,mmlu,math",
    answers: Annotated[
        str | None,
        typer.Option("--format", help="How the questions of a --suite FILE are answered.", show_default=False),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with the suites' published files.", envvar="MLPO_BENCH_DATA"),
    ] = None,
) -> None:
    """Check that every gold answer, written as a model would write it, is read and judged right.

    Needs no model. Exit codes: 0 all are, 1 some are not (each is printed), 2 bad usage.
    """
    from mlpo_bench.cli._options import named_suites
    from mlpo_bench.harness import gold
    from mlpo_bench.reports.terminal.console import Console, shown

    console = Console()
    failed = 0
    for one in named_suites(suite, answers):
        with console.status(shown(f"{one.name}: reading every gold answer")):
            report = gold.check(one, data=data)
        failed += len(report.failures)
        outcome = f"{len(report.failures)} failures" if report.failures else "all read and judged right"
        console.print(
            f"{one.name}: {report.questions:,} gold answers from {report.source}, {report.judgements:,} judgements in "
            f"{report.seconds:.0f} s: {outcome}",
            soft_wrap=True,
        )
        for failure in report.failures:
            console.print(f"  {failure}", soft_wrap=True)
    if failed:
        raise typer.Exit(FAILED)
