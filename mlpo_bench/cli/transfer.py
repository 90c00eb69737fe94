"""`mlpo-bench transfer`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlpo_bench.cli import _complete as complete
from mlpo_bench.errors import unknown


FORMATS = ("terminal", "markdown", "csv", "latex", "json")


def transfer(
    run: Annotated[str, typer.Argument(help="A run's folder, or its name under runs/.", autocompletion=complete.runs)],
    row: Annotated[
        str | None, typer.Option(help="The row: 'leader, 2 rounds'.  \\[default: the led row that asks most]")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Its rival, a row of the same run.  \\[default: the vote at its tokens]")
    ] = None,
    trained_on: Annotated[
        str | None,
        typer.Option(
            "--trained-on",
            help="The suites that the leader was trained on.  \\[default: as its card tells, else bbh,mmlu,math]",
            autocompletion=complete.suites,
        ),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help=f"{', '.join(FORMATS)}.", autocompletion=complete.choice(*FORMATS))
    ] = "terminal",
) -> None:
    """Say whether a leader's gain holds on suites that it was not trained on: gains by suite, and one test."""
    import orjson

    from mlpo_bench.analysis.transfer import transfer as gains
    from mlpo_bench.cli._options import names
    from mlpo_bench.log import LoadedRun
    from mlpo_bench.reports import grids
    from mlpo_bench.reports.terminal.console import Console
    from mlpo_bench.reports.terminal.transfer import SPARED, grid

    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    made = gains(LoadedRun.open(run), row, against, names(trained_on))
    if form == "json":
        typer.echo(orjson.dumps(made.to_json(), option=orjson.OPT_INDENT_2).decode())
    elif form == "terminal":
        console = Console()
        console.print(grids.terminal(grids.narrowed(grid(made), console.width, SPARED)))
    else:
        write = {"markdown": grids.markdown, "csv": grids.csv, "latex": grids.latex}[form]
        typer.echo(write(grid(made, exact=form == "csv")), nl=False)
