"""`mlpo-bench track`."""

from __future__ import annotations

from typing import Annotated

import typer

from mlpo_bench.cli import _complete as complete


def track(
    run: Annotated[str, typer.Argument(help="A run's folder, or its name under runs/.", autocompletion=complete.runs)],
    to: Annotated[str, typer.Option(help="Trackers, comma-separated: wandb, trackio.")],
    project: Annotated[str, typer.Option(help="The project that they file it under.")] = "mlpo-bench",
) -> None:
    """Log a run's configuration, figures and table in an experiment tracker; nothing is sent otherwise."""
    from mlpo_bench.cli._options import names
    from mlpo_bench.errors import UsageError
    from mlpo_bench.export.trackers import track as log
    from mlpo_bench.log import LoadedRun

    trackers = names(to)
    if not trackers:
        raise UsageError("--to takes trackers, comma-separated: wandb, trackio.")
    log(LoadedRun.open(run), trackers, project)
    typer.echo(f"logged in {', '.join(dict.fromkeys(trackers))}")
