"""Recursive self-aggregation (RSA, arXiv 2509.26626): a population of one model's answers, bred over several steps.

`population` answers are drawn. In each step as many new ones are written, each out of a random `subset` of the answers
before it, drawn without repetition. At last the paper draws one answer at random, or votes; here the majority of the
last population is final, since drawing throws away what was paid for.

New answers are asked for in the words of a mixture's aggregator, so that rows differ by who reads what alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mlpo_bench.errors import UsageError
from mlpo_bench.protocols.base import Depth, Draws, Protocol, counted
from mlpo_bench.protocols.mixture import aggregate_prompt
from mlpo_bench.protocols.seeding import shuffler
from mlpo_bench.protocols.vote import majority


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.protocols.room import Room, Seat
    from mlpo_bench.questions import Question


@dataclass(frozen=True, slots=True)
class Recursive(Protocol):
    """`population` answers of the leader's model over T `steps`: population * (T + 1) calls in T + 1 serial steps."""

    population: Draws = 8
    subset: Draws = 3
    steps: Depth = 2

    name: ClassVar[str] = "recursive"
    depth: ClassVar[str] = "steps"

    def __post_init__(self) -> None:
        """Check that a subset can be drawn.

        Raises:
            UsageError: the subset is larger than the population.
        """
        if self.subset > self.population:
            raise UsageError(f"a subset of {self.subset} cannot be drawn from a population of {self.population}.")

    @property
    def uses_peers(self) -> bool:
        """One seat is asked."""
        return False

    def said(self) -> dict[str, str]:
        """`recursive, 2 steps, 3 of 8`."""
        return {"steps": counted(self.steps, "step"), "subset": f"{self.subset} of {self.population}"}

    def calls(self, peers: int) -> int:  # noqa: ARG002
        """A population to begin with, and one more each step."""
        return self.population * (self.steps + 1)

    def reads(self, peers: int) -> int:  # noqa: ARG002
        """A subset."""
        return self.subset

    @property
    def heard(self) -> range:
        """The last population is counted, not read."""
        return range(self.steps)

    def voices(self, seats: Sequence[Seat]) -> Sequence[Seat]:
        """The whole population."""
        return [seats[0]] * self.population

    async def solve(self, question: Question, room: Room) -> str:
        """Draw a population, breed it, then count."""
        seats = [room.leader] * self.population
        answers = await room.ask_each(seats, question.prompt, round=0)
        for step in range(1, self.steps + 1):
            shown = room.readings(answers)
            subsets = [
                shuffler(room.seed, question.id, step, slot).sample(shown, min(self.subset, len(shown)))
                for slot in range(self.population)
            ]
            prompts = [aggregate_prompt(question, subset) for subset in subsets]
            answers = await room.ask_each(seats, prompts, round=step)
        return majority(answers, room).text
