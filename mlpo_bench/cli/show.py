"""`mlpo-bench show`."""

from __future__ import annotations

from typing import Annotated

import typer


def show(
    run: Annotated[str, typer.Argument(help="A run's folder, or its name under runs/.")],
    json: Annotated[bool, typer.Option("--json", help="Print results as JSON.")] = False,
) -> None:
    """Print a run's table again."""
    from mlpo_bench.runs import RunFolder

    results = RunFolder.open(run).results()
    if json:
        typer.echo(results.model_dump_json(indent=2))
        return
    from rich.console import Console

    from mlpo_bench.reports.table import print_results

    print_results(results, Console())
