"""One model thinks long, and no shorter than its budget: an answer that is given early is continued.

Budget forcing (s1, arXiv 2501.19393) puts "Wait" where a model would end. A server takes no half answers to go on
with, so here the model reads the question and all that it wrote so far, and goes on. It does so until its budget is
spent, until its words fill what a prompt `holds`, or after `turns` continuations. The last answer that can be read is
final.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mlpo_bench.protocols._prompts import render
from mlpo_bench.protocols.base import Draws  # noqa: TC001 - pydantic reads it
from mlpo_bench.protocols.think import Think, thinking_prompt


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.protocols.room import Room
    from mlpo_bench.protocols.transcript import Turn
    from mlpo_bench.questions import Question

LEAST = 16
"""Fewer tokens than this are not worth a call."""


@dataclass(frozen=True, slots=True)
class Extend(Think):
    """The leader's seat answers and goes on until `budget` tokens are spent: up to 1 + `turns` calls in a row."""

    turns: Draws = 32

    name: ClassVar[str] = "extend"

    def calls(self, peers: int) -> int:  # noqa: ARG002
        """An answer and its continuations."""
        return 1 + self.turns

    def fewest_calls(self, peers: int) -> int:  # noqa: ARG002
        """The first answer spends it all."""
        return 1

    async def solve(self, question: Question, room: Room) -> str:
        """Answer, and go on while there is anything left to spend."""
        turns = [await room.ask(room.leader, thinking_prompt(question), round=0, max_tokens=self.first(question))]
        while len(turns) <= self.turns and turns[-1].usage.completion and (left := self.left(turns)) >= LEAST:
            so_far = "\n\n".join(turn.written for turn in turns)
            prompt = render("extend.txt", {"question": question.prompt, "so_far": so_far})
            turns.append(await room.ask(room.leader, prompt, round=len(turns), max_tokens=left))
        return next((turn for turn in reversed(turns) if turn.answer is not None), turns[-1]).text

    def left(self, turns: Sequence[Turn]) -> int:
        """Return how many tokens may still be written."""
        written = sum(turn.usage.completion for turn in turns)
        if self.counts == "written":
            return min(self.budget, self.holds) - written
        last = turns[-1].usage
        next_prompt = last.prompt + last.cached + last.completion
        return min(self.budget - sum(turn.usage.total for turn in turns) - next_prompt, self.holds - written)
