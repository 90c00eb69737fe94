"""`mlpo-bench suites`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def suites(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with the suites' published files.", envvar="MLPO_BENCH_DATA"),
    ] = None,
    subjects: Annotated[bool, typer.Option("--subjects", help="List each suite's subjects.")] = False,
) -> None:
    """List the suites, and where their questions would come from on this machine."""
    from rich.table import Table

    from mlpo_bench import questions
    from mlpo_bench.errors import UsageError
    from mlpo_bench.reports.terminal.console import Console

    table = Table(header_style="bold")
    for title in ("suite", "title", "subjects", "test", "train", "source"):
        table.add_column(title, justify="right" if title in {"test", "train"} else "left", overflow="fold")
    for suite in map(questions.SUITES.__getitem__, questions.in_order()):
        listed = ", ".join(suite.subjects) if subjects else str(len(suite.subjects))
        counts, source = [], ""
        for split in ("test", "train"):
            try:
                loaded = questions.load(suite, split, data)
            except UsageError as missing:
                counts.append("-")
                source = source or str(missing)
            else:
                counts.append(f"{len(loaded.items):,}")
                source = str(loaded.source)
        table.add_row(suite.name, suite.title, listed, *counts, source)
    Console().print(table)
