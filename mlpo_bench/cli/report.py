"""`mlpo-bench report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlpo_bench.cli import _complete as complete


def report(
    run: Annotated[str, typer.Argument(help="A run's folder, or its name under runs/.", autocompletion=complete.runs)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Write to this file.")] = Path("report.html"),
) -> None:
    """Write a run as one HTML page that needs no network: table, plots, differences, every conversation."""
    from mlpo_bench.log import LoadedRun
    from mlpo_bench.reports.html import write_page

    size = write_page(LoadedRun.open(run), output)
    typer.echo(f"{output}: {size / 1e6:.1f} MB")
