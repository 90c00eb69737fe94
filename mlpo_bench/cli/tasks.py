"""`mlpo-bench tasks`."""

from __future__ import annotations

import typer


def tasks() -> None:
    """Print the folder of the tasks for lm-eval: lm-eval run ... --include_path "$(mlpo-bench tasks)".

    Those of your own suites are written by `mlpo-bench suites --suite FILE --tasks FOLDER`.
    """
    from mlpo_bench.harness._files import tasks_folder

    typer.echo(tasks_folder())
