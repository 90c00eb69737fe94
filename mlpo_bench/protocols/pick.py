"""One peer, drawn at random, answers: what a leader's choice has to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mlpo_bench.protocols.base import Family, Protocol
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
        peer = shuffler(room.seed, question.id).choice(room.peers)
        turn = await room.ask(peer, question.prompt, round=0, sample=peer.twin)
        return turn.text
