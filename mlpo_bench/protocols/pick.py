"""One peer, drawn at random, answers: what a leader's choice has to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mlpo_bench.protocols.base import Family, Protocol
from mlpo_bench.protocols.draws import numbered
from mlpo_bench.protocols.seeding import shuffler


if TYPE_CHECKING:
    from mlpo_bench.protocols.room import Room
    from mlpo_bench.questions import Question


@dataclass(frozen=True, slots=True)
class Pick(Protocol):
    """One of K peers, drawn anew for every question: 1 call, and the very completion that this peer opens with."""

    name: ClassVar[str] = "pick"
    family: ClassVar[Family] = "choice"
    uses_leader: ClassVar[bool] = False

    def calls(self, peers: int) -> int:  # noqa: ARG002
        """One call."""
        return 1

    def reads(self, peers: int) -> int:  # noqa: ARG002
        """Nothing but the question is read."""
        return 0

    async def solve(self, question: Question, room: Room) -> str:
        """Draw a peer, and ask it as if all were asked."""
        place = shuffler(room.seed, question.id).choice(range(len(room.peers)))
        sample = numbered(room.alike(room.peers, question.prompt))[place]
        turn = await room.ask(room.peers[place], question.prompt, round=0, sample=sample)
        return turn.text
