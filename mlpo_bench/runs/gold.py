"""The questions of a run with their gold answers, which its files do not hold: loaded from its data once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.errors import UsageError
from mlpo_bench.harness.suite import SuiteTasks, quiet_lm_eval
from mlpo_bench.runs.observer import Silent
from mlpo_bench.runs.runner import load_suites


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mlpo_bench.harness.samples import Sample
    from mlpo_bench.log.run import LoadedRun


def load_asked(run: LoadedRun, suites: Sequence[str], data: Path | None) -> dict[str, dict[str, Sample]]:
    """Return each suite's questions by their ids, with lm-eval's requests for them and their gold answers.

    Raises:
        UsageError: a suite's data are not there, or are not those that the run asked.
    """
    config = run.config if data is None else run.config.model_copy(update={"data": str(data.resolve())})
    with quiet_lm_eval():
        loaded = load_suites(config, dict.fromkeys(suites), Silent(), suites)
    before = run.manifest["sources"]
    for name, suite in loaded.items():
        _check_same(name, suite, before[name]["revision"])
    return {name: {sample.question.id: sample for sample in suite.samples} for name, suite in loaded.items()}


def right_answers(run: LoadedRun, suites: Sequence[str], data: Path | None = None) -> dict[str, dict[str, str]]:
    """Return the gold answers of each suite's questions by their ids; none of a suite whose data are not at hand."""
    found: dict[str, dict[str, str]] = {}
    for suite in dict.fromkeys(suites):
        try:
            found[suite] = {name: sample.gold for name, sample in load_asked(run, [suite], data)[suite].items()}
        except UsageError:
            found[suite] = {}
    return found


def _check_same(name: str, suite: SuiteTasks, revision: str) -> None:
    if suite.source.revision != revision:
        raise UsageError(
            f"{name}: the run asked data of {revision}, but {suite.source} is here now; name the run's with --data."
        )
