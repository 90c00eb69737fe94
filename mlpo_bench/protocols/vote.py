"""Self-consistency (Wang et al. 2022, arXiv 2203.11171): many answers, drawn apart, the most frequent one wins.

The paper draws all of them from one model, and so does a vote over the `leader`. Over the `team` the ballots go round:
leader, peer 1, ..., peer K, leader, ...: what a team is worth whose members never hear of one another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import cycle, islice
from typing import TYPE_CHECKING, ClassVar, Literal

from mlpo_bench.protocols.base import Draws, Family, Protocol


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.protocols.room import Room
    from mlpo_bench.protocols.transcript import Turn
    from mlpo_bench.questions import Question

Electorate = Literal["leader", "team"]


@dataclass(frozen=True, slots=True)
class Vote(Protocol):
    """`samples` answers of the leader's model or of the team's in turn; the majority of those that could be read."""

    samples: Draws = 5
    over: Electorate = "leader"

    name: ClassVar[str] = "vote"
    family: ClassVar[Family] = "vote"
    ballots: ClassVar[str] = "samples"

    @property
    def uses_peers(self) -> bool:
        """Peers vote where the team does."""
        return self.over == "team"

    @property
    def title(self) -> str:
        """`vote of 5`, `team vote of 5`."""
        return "team vote" if self.over == "team" else "vote"

    def said(self) -> dict[str, str]:
        """Nothing: its title says whose vote it is."""
        return {}

    def calls(self, peers: int) -> int:  # noqa: ARG002
        """One call a sample."""
        return self.samples

    def reads(self, peers: int) -> int:  # noqa: ARG002
        """Nothing but the question is read."""
        return 0

    async def solve(self, question: Question, room: Room) -> str:
        """Ask `samples` times, then count."""
        voters = room.seats if self.over == "team" else (room.leader,)
        ballots = await room.ask_each(list(islice(cycle(voters), self.samples)), question.prompt, round=0)
        return majority(ballots, room).text


def majority(ballots: Sequence[Turn], room: Room, weights: Sequence[float] | None = None) -> Turn:
    """Return the first ballot that gives the most frequent answer, or the heaviest where ballots have weights.

    Ballots without a readable answer do not count; where none can be read, the first ballot stands. Among answers of
    equal weight the one that was given earliest wins. Where all that can be read weighs nothing, it counts equally.
    """
    keys = [room.key(ballot) for ballot in ballots]
    scales: dict[str, list[float]] = {}
    for key, weight in zip(keys, weights or [1.0] * len(ballots), strict=True):
        if key is not None:
            scales.setdefault(key, []).append(weight)
    if not scales:
        return ballots[0]
    if not any(weight for on_scale in scales.values() for weight in on_scale):
        return majority(ballots, room)
    # `max` keeps the first of equals, and answers lie here in the order in which they were first given; `fsum` does
    # not depend on the order of its terms, so equal ballots weigh the same.
    winner = max(scales, key=lambda key: math.fsum(scales[key]))
    return ballots[keys.index(winner)]
