"""A vote of the team in which a ballot counts as much as its member has earned on questions of the train split.

The oldest remedy for a team of unequal members, with no source to follow to the letter. The weight is the plain score,
the share of train questions that a member alone gets right. (Log odds of it would be best if members erred
independently of one another, which models do not.)
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle, islice
from typing import TYPE_CHECKING, ClassVar

from mlpo_bench.protocols.base import Draws, Family, Protocol
from mlpo_bench.protocols.vote import majority


if TYPE_CHECKING:
    from mlpo_bench.protocols.room import Room
    from mlpo_bench.questions import Question


@dataclass(frozen=True, slots=True)
class Weighted(Protocol):
    """`samples` answers of the team's members in turn, as in a team vote; the heaviest of those that could be read."""

    samples: Draws = 5

    name: ClassVar[str] = "weighted"
    family: ClassVar[Family] = "vote"
    ballots: ClassVar[str] = "samples"
    weighs: ClassVar[bool] = True

    @property
    def title(self) -> str:
        """`weighted vote of 5`."""
        return "weighted vote"

    def calls(self, peers: int) -> int:  # noqa: ARG002
        """One call a sample."""
        return self.samples

    def reads(self, peers: int) -> int:  # noqa: ARG002
        """Nothing but the question is read."""
        return 0

    async def solve(self, question: Question, room: Room) -> str:
        """Ask `samples` times, then weigh."""
        voters = list(islice(cycle(room.seats), self.samples))
        ballots = await room.ask_each(voters, question.prompt, round=0)
        return majority(ballots, room, [room.weight(seat) for seat in voters]).text
