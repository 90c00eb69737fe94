"""`mlpo-bench compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlpo_bench.cli import _complete as complete
from mlpo_bench.cli._json import to_json
from mlpo_bench.errors import UsageError, unknown


if TYPE_CHECKING:
    from mlpo_bench.reports.terminal.comparisons import Comparisons

FORMATS = ("terminal", "markdown", "csv", "latex", "json")
_WIDE = 220


def compare(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN_A", help="A run's folder, or its name under runs/.", autocompletion=complete.runs),
    ],
    other: Annotated[
        str | None,
        typer.Argument(metavar="[RUN_B]", help="Another, compared row by row.", autocompletion=complete.runs),
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Compare all other rows with this one of the same run: 'solo', 'vote of 4'.")
    ] = None,
    suite: Annotated[
        str | None, typer.Option(help="Only these suites, comma-separated.", autocompletion=complete.suites)
    ] = None,
    form: Annotated[
        str, typer.Option("--format", help=f"{', '.join(FORMATS)}.", autocompletion=complete.choice(*FORMATS))
    ] = "terminal",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Even where the two runs asked different data.")] = False,
    fail_if_worse: Annotated[
        bool, typer.Option("--fail-if-worse", help="Exit with 1 where a row of A is significantly worse.")
    ] = False,
) -> None:
    """Compare rows in pairs on the same questions: how far apart, how sure, and what could have been shown."""
    from mlpo_bench.cli._options import names
    from mlpo_bench.log import LoadedRun, outputs
    from mlpo_bench.reports.terminal.comparisons import against as against_row
    from mlpo_bench.reports.terminal.comparisons import of_runs

    if form not in FORMATS:
        raise unknown("format", form, FORMATS)
    if (other is None) == (against is None):
        raise UsageError("name either a second run or a row of the first with --against: `compare RUN --against solo`.")
    if output is not None:
        outputs.check(output, outputs.TABLE)
    loaded, suites = LoadedRun.open(run), names(suite)
    if against is not None:
        made = against_row(loaded, against, suites)
    else:
        made = of_runs(loaded, LoadedRun.open(other or ""), suites, anyway=anyway)
    _write(made, form, output)
    if fail_if_worse and made.worse:
        for pair in made.worse:
            told = (
                f"{pair.suite}, {pair.row} is worse by {-pair.difference.value:.3f} (p {pair.adjusted:.2g} after Holm)."
            )
            typer.echo(told, err=True)
        raise typer.Exit(1)


def _write(made: Comparisons, form: str, output: Path | None) -> None:
    from mlpo_bench.log import outputs
    from mlpo_bench.reports import grids
    from mlpo_bench.reports.terminal import comparisons
    from mlpo_bench.reports.terminal.console import Console

    if form == "terminal" and output is None:
        console = Console()
        table = comparisons.of_width(made, console.width)
        console.print(grids.terminal(table, boxed=console.width >= grids.NARROW))
        return
    text = _text(made, form)
    if output is None:
        typer.echo(text, nl=False)
        return
    outputs.write(output, text.encode(), outputs.TABLE)


def _text(made: Comparisons, form: str) -> str:
    import io

    from mlpo_bench.reports import grids
    from mlpo_bench.reports.terminal.comparisons import grid
    from mlpo_bench.reports.terminal.console import Console

    if form == "json":
        return f"{to_json(made.to_json())}\n"
    if form == "terminal":
        file = io.StringIO()
        Console(file=file, width=_WIDE).print(grids.terminal(grid(made)))
        return file.getvalue()
    write = {"markdown": grids.markdown, "csv": grids.csv, "latex": grids.latex}[form]
    return write(grid(made, exact=form == "csv"))
