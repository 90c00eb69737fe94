"""Reasoning Gym: exercises that a program makes and judges (Stojanovski et al., arXiv 2505.24760).

Nobody publishes the questions: an installed reasoning-gym makes them from fixed seeds, one seed for each split. Which
ones they are depends on its version.

Left out, as seen in version 0.1.25: syllogism, family_relationships, mahjong_puzzle and basic_arithmetic, some of whose
reference answers are wrong; aiw and leg_counting, some of whose questions can be understood in two ways;
isomorphic_strings and word_ladder, which make other questions in every process; maze, which fails on some draws;
zebra_puzzles, which takes long; and every task whose judge evaluates an answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench import gym
from mlpo_bench.questions.generated import Generated
from mlpo_bench.questions.question import Entry
from mlpo_bench.questions.splits import fingerprint
from mlpo_bench.questions.suite import SUITES, Suite


if TYPE_CHECKING:
    from collections.abc import Iterator


TESTED, TRAINED = 50, 100
"""Questions of each task in the test and in the train split."""

_TASKS = (
    "caesar_cipher",
    "calendar_arithmetic",
    "chain_sum",
    "circuit_logic",
    "course_schedule",
    "gcd",
    "knights_knaves",
    "largest_island",
    "letter_counting",
    "palindrome_generation",
    "prime_factorization",
    "products",
    "shortest_path",
    "simple_equations",
    "spell_backward",
)
_SIZE = 1_000
# Exercise n of seed s is drawn from seed s + n: series whose seeds lie closer than their size hold the same exercises.
_TEST_SEED, _TRAIN_SEED = 1_000_000, 3_000_000


def _made() -> Iterator[Entry]:
    for task in _TASKS:
        yield from _of(task)


def _of(task: str) -> Iterator[Entry]:
    """Yield a task's test questions, then its train questions; no content stands twice."""
    seen: set[str] = set()
    for seed, count, tested in ((_TEST_SEED, TESTED, True), (_TRAIN_SEED, TRAINED, False)):
        enough = len(seen) + count
        for index in range(_SIZE):
            text, gold = gym.make(task, seed, _SIZE, index)
            if (content := fingerprint(text)) not in seen:
                seen.add(content)
                place = index if tested else f"train-{index}"
                yield Entry.of("reasoning_gym", task, place, text, str(gold), "gym", tested=tested)
            if len(seen) == enough:
                break


REASONING_GYM = Suite(
    name="reasoning_gym",
    title="Reasoning Gym",
    subjects=_TASKS,
    size=len(_TASKS) * (TESTED + TRAINED),
    licence="Apache-2.0",
    published="github.com/open-thought/reasoning-gym",
    gold_is_answer=False,
    sources=(Generated(gym.PACKAGE, gym.version, _made),),
)
SUITES.add(REASONING_GYM, module=__name__)
