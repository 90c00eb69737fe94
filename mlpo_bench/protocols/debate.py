"""Multi-agent debate (Du et al. 2023, arXiv 2305.14325): equals answer, read one another's answers, answer again.

In the first round every member answers alone. In each later one it reads the question, its own last attempt and the
last attempts of all others. The majority of the last round is final. As in the paper, `rounds` counts the first one.

What the paper leaves open: it debates among copies of one model, here the leader and its peers take part as equals,
each with its own model; and it carries the whole dialogue along, here a prompt holds the attempts of the last round
alone, so that its length does not grow with the rounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mlpo_bench.protocols._prompts import render
from mlpo_bench.protocols.base import Depth, Protocol
from mlpo_bench.protocols.vote import majority


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.protocols.room import Room
    from mlpo_bench.protocols.transcript import Turn
    from mlpo_bench.questions import Question


@dataclass(frozen=True, slots=True)
class Debate(Protocol):
    """K + 1 equals over T `rounds`: (K + 1) * T calls in T serial steps, as many calls as `leader`."""

    rounds: Depth = 2

    name: ClassVar[str] = "debate"
    depth: ClassVar[str] = "rounds"
    goes_on: ClassVar[bool] = True

    def calls(self, peers: int) -> int:
        """Every seat speaks once a round."""
        return (peers + 1) * self.rounds

    def reads(self, peers: int) -> int:
        """From the second round on, everybody's last attempt, its own among them."""
        return peers + 1 if self.rounds > 1 else 0

    @property
    def heard(self) -> range:
        """What is written in the last round is counted, not read."""
        return range(self.rounds - 1)

    async def solve(self, question: Question, room: Room) -> str:
        """Answer alone, then again and again in the light of all answers; the last ones are counted."""
        attempts = await room.ask_each(room.seats, question.prompt, round=0)
        for round in range(1, self.rounds):  # noqa: A001 - the field's word
            prompts = [
                revision_prompt(question, own, room.readings(attempts, own=place)) for place, own in enumerate(attempts)
            ]
            attempts = await room.ask_each(room.seats, prompts, round=round)
        return majority(attempts, room).text


def revision_prompt(question: Question, own: Turn, others: Sequence[Turn]) -> str:
    """Return what a member reads from the second round on: its own last attempt, and those of the others."""
    texts = [turn.written for turn in others]
    return render("debate.txt", {"question": question.prompt, "own_last": own.written, "others": texts})
