"""lm-eval's command line with our model registered and our tasks on its path."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench.harness._files import tasks_folder
from mlpo_bench.questions import SUITES


if TYPE_CHECKING:
    from collections.abc import Sequence

MODEL_NAME = "mlpo-team"
TEAM_LM = "mlpo_bench.harness.team_lm:TeamLM"


def register() -> None:
    """Make `mlpo-team` a model of lm-eval; doing it twice does no harm.

    lm-eval fills its registry only if it finds it empty, so its own models go first.
    """
    import lm_eval.models  # noqa: F401 - fills the registry
    from lm_eval.api.registry import model_registry

    if MODEL_NAME not in model_registry:
        model_registry.register(MODEL_NAME, target=TEAM_LM)


def run_lm_eval(arguments: Sequence[str]) -> int:
    """Run lm-eval's command line; return its exit code."""
    from lm_eval.__main__ import cli_evaluate

    register()
    before = sys.argv
    try:
        with ExitStack() as stack:
            sys.argv = ["lm-eval", *_with_tasks(arguments, stack)]
            cli_evaluate()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.argv = before
    return 0


def _with_tasks(arguments: Sequence[str], stack: ExitStack) -> list[str]:
    """Add our tasks' folder for the commands that take one, unless a person names a folder."""
    given = list(arguments)
    takes_tasks = any(a in {"--tasks", "-t"} or a.startswith("--tasks=") for a in given)
    if takes_tasks and not any(a.startswith("--include_path") for a in given):
        given += ["--include_path", str(_all_tasks(stack))]
    return given


def _all_tasks(stack: ExitStack) -> Path:
    """Return a folder with the tasks of every suite: ours, or one that lasts as long as the stack."""
    if all((tasks_folder() / name).is_dir() for name in SUITES):
        return tasks_folder()
    from mlpo_bench.harness.tasks import write

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlpo-bench-tasks-")))
    for suite in SUITES.values():
        write(suite, folder)
    return folder
