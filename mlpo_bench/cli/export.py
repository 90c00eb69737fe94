"""`mlpo-bench export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlpo_bench.cli import _complete as complete


def export(
    run: Annotated[str, typer.Argument(help="A run's folder, or its name under runs/.", autocompletion=complete.runs)],
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="parquet, csv, jsonl, lm-eval or inspect.",
            autocompletion=complete.choice("parquet", "csv", "jsonl", "lm-eval", "inspect"),
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write into.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with the suites' published files, for lm-eval and inspect, which hold gold answers.  "
            "\\[default: as in the run]",
            envvar="MLPO_BENCH_DATA",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a run as tables, in lm-eval's own layout, or as inspect_ai's logs."""
    from mlpo_bench.export import export as write
    from mlpo_bench.log import LoadedRun

    written = write(LoadedRun.open(run), form, output, data)
    typer.echo(f"{len(written)} {'file' if len(written) == 1 else 'files'} in {output}")
