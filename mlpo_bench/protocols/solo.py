"""One model answers once: what every team is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mlpo_bench.protocols.base import Family, Protocol


if TYPE_CHECKING:
    from mlpo_bench.protocols.room import Room
    from mlpo_bench.questions import Question


@dataclass(frozen=True, slots=True)
class Solo(Protocol):
    """The leader's seat answers alone; to measure another member, seat it there."""

    name: ClassVar[str] = "solo"
    family: ClassVar[Family] = "solo"
    each_member: ClassVar[bool] = True

    @property
    def uses_peers(self) -> bool:
        """One seat is asked."""
        return False

    def calls(self, peers: int) -> int:  # noqa: ARG002
        """One call."""
        return 1

    def reads(self, peers: int) -> int:  # noqa: ARG002
        """Nothing but the question is read."""
        return 0

    async def solve(self, question: Question, room: Room) -> str:
        """Ask once."""
        turn = await room.ask(room.leader, question.prompt, round=0)
        return turn.text
