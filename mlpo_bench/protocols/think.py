"""One model thinks long: what a team's tokens buy where one member spends all of them.

At equal thinking tokens, a single agent matches or beats designs of several (arXiv 2604.02460). So this is asked: one
call whose answer may have a `budget` of tokens, written ones or (`counts: all`) read and written ones together.

A budget is a bound: who answers earlier leaves the rest unspent. `extend` is the same with the budget forced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from mlpo_bench.protocols._prompts import render
from mlpo_bench.protocols.base import Protocol


if TYPE_CHECKING:
    from mlpo_bench.protocols.room import Room
    from mlpo_bench.questions import Question

Budget = Annotated[int, Field(ge=1, lt=2**31)]
Counts = Literal["written", "all"]

HOLDS = 4096
"""So many of its own words a prompt holds, unless it is said."""
CHARACTERS_A_TOKEN = 4
"""What a prompt's length is reckoned with before anybody has counted its tokens."""


@dataclass(frozen=True, slots=True)
class Think(Protocol):
    """The leader's seat answers once, at up to `budget` tokens; never with more than `holds` of its own words."""

    budget: Budget = 2048
    counts: Counts = "written"
    holds: Budget = HOLDS

    name: ClassVar[str] = "think"
    spends: ClassVar[str] = "budget"

    @property
    def uses_peers(self) -> bool:
        """One seat is asked."""
        return False

    def said(self) -> dict[str, str]:
        """`think, 2048 tokens`; `think, 2048 tokens in all`."""
        words = {self.spends: f"{self.budget} tokens{' in all' if self.counts == 'all' else ''}"}
        return words | ({} if self.holds == HOLDS else {"holds": f"holds {self.holds}"})

    @classmethod
    def until_matched(cls, way: str) -> dict[str, Any]:
        """Return its settings until it is known how much another row spends."""
        return {cls.spends: 1, "counts": "all" if way == "tokens" else "written"}

    def calls(self, peers: int) -> int:  # noqa: ARG002
        """One call."""
        return 1

    def reads(self, peers: int) -> int:  # noqa: ARG002
        """Nothing but the question is read, and what it wrote itself is no longer than an answer may be."""
        return 0

    def longest(self, answer: int) -> int:  # noqa: ARG002
        """Its own words, whatever the task allows."""
        return min(self.budget, self.holds)

    async def solve(self, question: Question, room: Room) -> str:
        """Ask once."""
        turn = await room.ask(room.leader, thinking_prompt(question), round=0, max_tokens=self.first(question))
        return turn.text

    def first(self, question: Question) -> int:
        """Return how many tokens its first answer may have."""
        read = len(question.prompt) // CHARACTERS_A_TOKEN if self.counts == "all" else 0
        return max(1, min(self.budget - read, self.holds))


def thinking_prompt(question: Question) -> str:
    """Return what a lone thinker reads."""
    return render("think.txt", {"question": question.prompt})
