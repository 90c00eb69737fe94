"""`mlpo-bench runs`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlpo_bench.cli._json import print_json


_SUITES_NAMED = 3
"""The others of a run are counted; `--json` names all."""


def runs(
    output: Annotated[Path, typer.Option("--output", "-o", "--output_path", help="Folder that holds the runs.")] = Path(
        "runs"
    ),
    json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """List the runs in a folder, the latest first: what they ask, and how far they are."""
    from dataclasses import asdict

    from rich.table import Table

    from mlpo_bench.log.listing import summaries
    from mlpo_bench.reports.terminal.console import Console

    listed = summaries(output)
    if json:
        print_json([asdict(run) for run in listed])
        return
    console = Console()
    if not listed:
        console.print(f"No run lies in {output}: `mlpo-bench run` makes one.", soft_wrap=True)
        return
    table = Table(header_style="bold", box=None, padding=(0, 2, 0, 0))
    for title in ("run", "suites", "rows", "cells", "answered", "state", "date"):
        table.add_column(title, justify="right" if title in {"rows", "cells", "answered"} else "left", overflow="fold")
    for run in listed:
        of_cells = f"/{run.of_cells}" if run.of_cells is not None else ""
        state = f"{run.faults:,} faults" if run.state == "faults" else run.state
        date = run.date[:10]
        more = f" + {len(run.suites) - _SUITES_NAMED}" if len(run.suites) > _SUITES_NAMED else ""
        suites = ", ".join(run.suites[:_SUITES_NAMED]) + more
        table.add_row(run.name, suites, str(run.rows), f"{run.cells}{of_cells}", f"{run.answered:,}", state, date)
    console.print(table)
