"""The suite that nobody publishes: reasoning-gym makes its questions from fixed seeds, on any machine the same ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench import gym
from mlpo_bench.questions import items
from mlpo_bench.questions.source import Source
from mlpo_bench.questions.splits import fingerprint
from mlpo_bench.questions.suites import REASONING_GYM


if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlpo_bench.questions.items import Entry


TESTED, TRAINED = 50, 100
"""Questions of each task in the test and in the train split."""

_SIZE = 1_000
# Exercise n of seed s is drawn from seed s + n: series whose seeds lie closer than their size hold the same exercises.
_TEST_SEED, _TRAIN_SEED = 1_000_000, 3_000_000


def read(suite: str) -> tuple[list[Entry], Source] | None:
    """Return the exercises of reasoning-gym, or nothing for another suite.

    Raises:
        UsageError: The package is not installed.
    """
    if suite != REASONING_GYM.name:
        return None
    entries = [entry for task in REASONING_GYM.subjects for entry in _task(task)]
    return entries, Source("generator", gym.PACKAGE, gym.version())


def _task(task: str) -> Iterator[Entry]:
    """Yield a task's test questions, then its train questions; no content stands twice."""
    seen: set[str] = set()
    for seed, count, tested in ((_TEST_SEED, TESTED, True), (_TRAIN_SEED, TRAINED, False)):
        enough = len(seen) + count
        for index in range(_SIZE):
            text, gold = gym.make(task, seed, _SIZE, index)
            if (content := fingerprint(text)) not in seen:
                seen.add(content)
                yield items.reasoning_gym(task, index, text, str(gold), tested=tested)
            if len(seen) == enough:
                break
