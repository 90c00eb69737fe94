"""pass@K: a question counts as solved where any peer solves it. The ceiling of every choice among the peers.

No protocol knows the gold answer, so none can choose like this. All peers answer, and the harness, which knows gold,
puts the first right answer in the place of the final text; where none is right, the first peer's stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mlpo_bench.protocols.base import Family, Protocol


if TYPE_CHECKING:
    from mlpo_bench.protocols.room import Room
    from mlpo_bench.questions import Question


@dataclass(frozen=True, slots=True)
class Oracle(Protocol):
    """K peers answer, whoever is right stands: K calls, side by side."""

    name: ClassVar[str] = "oracle"
    family: ClassVar[Family] = "choice"
    uses_leader: ClassVar[bool] = False
    ceiling: ClassVar[bool] = True

    def calls(self, peers: int) -> int:
        """Every peer speaks once."""
        return peers

    def reads(self, peers: int) -> int:  # noqa: ARG002
        """Nothing but the question is read."""
        return 0

    async def solve(self, question: Question, room: Room) -> str:
        """Ask all peers; the first one's text stands until the harness has looked at all of them."""
        first, *_ = await room.ask_each(room.peers, question.prompt, round=0)
        return first.text
