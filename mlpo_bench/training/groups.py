"""Which prompts a step of reinforcement trains on, in an order that depends on the seed and the step alone.

A group is a set of completions that are compared with one another: those of one prompt, or those of a question spread
evenly over its variants. Groups are taken in turns: each turn is a shuffle of all of them, and the next follows where
one ends, so that every step is full and every group is met about as often.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import TYPE_CHECKING, Literal

from mlpo_bench.errors import UsageError
from mlpo_bench.protocols.seeding import shuffler


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlpo_bench.training.rows import Prompt


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups of prompts, each as the places of its prompts among all, and how many completions each group gets."""

    members: tuple[tuple[int, ...], ...]
    completions: int

    def rows(self, seed: int, step: int, count: int) -> list[int]:
        """Return the places of the prompts of a step's `count` groups, each as often as it is completed.

        Steps count from 0. Rows of a group follow one another, and so do those of a prompt.
        """
        turns = (divmod(place, len(self.members)) for place in range(step * count, (step + 1) * count))
        chosen = [self.members[_order(len(self.members), seed, turn)[index]] for turn, index in turns]
        return [group[row * len(group) // self.completions] for group in chosen for row in range(self.completions)]


@lru_cache(maxsize=4)
def _order(count: int, seed: int, turn: int) -> tuple[int, ...]:
    order = list(range(count))
    shuffler(seed, "groups", turn).shuffle(order)
    return tuple(order)


def grouped(prompts: Sequence[Prompt], by: Literal["prompt", "question"], generations: int) -> Groups:
    """Group prompts: each by itself, or those of a question in one round together.

    A prompt alone gets `generations` completions; a question as many for each of the variants that most questions'
    largest number of them has, also where its own are fewer because some came to be the same.

    Raises:
        UsageError: there are none.
    """
    if not prompts:
        raise UsageError("no prompt is left to train on: take more questions, or a filter that keeps more of them.")
    if by == "prompt":
        return Groups(tuple((place,) for place in range(len(prompts))), generations)
    groups: dict[tuple[str, int], list[int]] = {}
    for place, prompt in enumerate(prompts):
        groups.setdefault((prompt.question_id, prompt.round), []).append(place)
    most = max(map(len, groups.values()))
    return Groups(tuple(map(tuple, groups.values())), most * generations)


class StepSampler:
    """Yields the places of the prompts to complete, step after step.

    `steps` are those that the groups are for; the steps before them are filled with any place at all, as whoever takes
    a training up again leaves them out. The rows of a step follow one another `repeats` times, as TRL reads a step's
    prompts once for each micro-batch. A sampler in the sense of torch: it has a length, and can be iterated over again.
    """

    def __init__(self, groups: Groups, *, seed: int, steps: range, per_step: int, repeats: int) -> None:
        self._groups, self._seed, self._steps = groups, seed, steps
        self._per_step, self._repeats = per_step, repeats

    def __len__(self) -> int:
        return self._steps.stop * self._per_step * self._groups.completions * self._repeats

    def __iter__(self) -> Iterator[int]:
        before = self._steps.start * self._per_step * self._groups.completions * self._repeats
        yield from repeat(0, before)
        for step in self._steps:
            rows = self._groups.rows(self._seed, step - self._steps.start, self._per_step)
            for _ in range(self._repeats):
                yield from rows
