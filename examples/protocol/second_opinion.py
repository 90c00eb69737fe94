"""A protocol of one's own: the leader's seat answers, one peer judges the answer, and the leader has the last word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import mlpo_bench as mb


@dataclass(frozen=True)
class SecondOpinion(mb.Protocol):
    """Three calls: a draft, an opinion on it, and the answer."""

    name: ClassVar[str] = "second-opinion"

    def calls(self, peers: int) -> int:  # noqa: ARG002 - one peer speaks, however many there are
        """Return how many completions a question takes."""
        return 3

    def reads(self, peers: int) -> int:  # noqa: ARG002
        """Return how many other completions the longest prompt holds."""
        return 2

    async def solve(self, question: mb.Question, room: mb.Room) -> str:
        """Return the leader's last word."""
        draft = await room.ask(room.leader, question.prompt, round=0)
        asked = f"{question.prompt}\n\nSomebody answered:\n{draft.text}\n\nWhat is wrong with that answer, if anything?"
        opinion = await room.ask(room.peers[0], asked, round=0)
        again = f"{asked}\n\nA colleague says:\n{opinion.text}\n\nNow answer the question itself."
        return (await room.ask(room.leader, again, round=1)).text
