"""One model revises its own answer: what rounds alone are worth, without anybody else.

Self-refinement (Madaan et al. 2023, arXiv 2303.17651) without the call that writes the feedback: the model is asked to
check its last attempt and to write it again, in one go. The last attempt is final; nobody judges whether to stop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mlpo_bench.protocols._prompts import render
from mlpo_bench.protocols.base import Depth, Protocol


if TYPE_CHECKING:
    from mlpo_bench.protocols.room import Room
    from mlpo_bench.questions import Question


@dataclass(frozen=True, slots=True)
class Refine(Protocol):
    """The leader's seat answers and revises T `rounds` times: T + 1 calls, one after the other."""

    rounds: Depth = 1

    name: ClassVar[str] = "refine"
    depth: ClassVar[str] = "rounds"

    @property
    def uses_peers(self) -> bool:
        """One seat is asked."""
        return False

    def calls(self, peers: int) -> int:  # noqa: ARG002
        """One answer and its revisions."""
        return self.rounds + 1

    def reads(self, peers: int) -> int:  # noqa: ARG002
        """Its own last attempt."""
        return 1

    async def solve(self, question: Question, room: Room) -> str:
        """Answer, then revise."""
        attempt = await room.ask(room.leader, question.prompt, round=0)
        for round in range(1, self.rounds + 1):  # noqa: A001 - the field's word
            prompt = render("refine.txt", {"question": question.prompt, "own_last": attempt.written})
            attempt = await room.ask(room.leader, prompt, round=round)
        return attempt.text
