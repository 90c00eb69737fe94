"""`mlpo-bench verdict`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlpo_bench.cli import _complete as complete
from mlpo_bench.cli._json import print_json


def verdict(
    run: Annotated[str, typer.Argument(help="A run's folder, or its name under runs/.", autocompletion=complete.runs)],
    equal: Annotated[
        str, typer.Option(help="What row and vote have in common: tokens, operations, price or calls.")
    ] = "tokens",
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Say whether the team beats what the same compute buys otherwise: each of its rows against a vote at its cost."""
    from typing import get_args

    from mlpo_bench.analysis.matches import verdicts
    from mlpo_bench.analysis.rows import read_rows
    from mlpo_bench.analysis.sides import Equal
    from mlpo_bench.errors import unknown
    from mlpo_bench.log import LoadedRun
    from mlpo_bench.reports.terminal.console import Console
    from mlpo_bench.reports.terminal.verdict import print_verdict

    known: dict[str, Equal] = {kind: kind for kind in get_args(Equal)}
    if equal not in known:
        raise unknown("cost", equal, known)
    loaded = LoadedRun.open(run)
    made = verdicts(loaded, read_rows(loaded), known[equal])
    if json:
        print_json(made.to_json())
    else:
        print_verdict(made, Console())
