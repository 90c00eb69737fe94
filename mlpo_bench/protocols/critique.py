"""An actor and its critics: the inference of ACC-Collab (Estornell et al. 2024, arXiv 2411.00053), nobody trained.

The actor answers. In each round a critic reads the question and the actor's last answer and says what is wrong with
it; the actor reads the question, its own last answer and the criticism, and answers again. Its last answer is final.

The paper has one critic and trains both. Here the leader's seat acts and all K peers criticise, side by side and
without reading one another; K = 1 is the paper's pair. A round here is a criticism and the revision it leads to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mlpo_bench.protocols._prompts import render
from mlpo_bench.protocols.base import Depth, Protocol


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.protocols.room import Room
    from mlpo_bench.protocols.transcript import Turn
    from mlpo_bench.questions import Question


@dataclass(frozen=True, slots=True)
class Critique(Protocol):
    """The leader's seat answers, K peers criticise, it revises, over T `rounds`: 1 + (K + 1) * T calls."""

    rounds: Depth = 1

    name: ClassVar[str] = "critique"
    depth: ClassVar[str] = "rounds"

    def calls(self, peers: int) -> int:
        """An answer; then every seat speaks once a round."""
        return 1 + (peers + 1) * self.rounds

    def reads(self, peers: int) -> int:
        """The actor reads itself and all critics."""
        return peers + 1

    @property
    def heard(self) -> range:
        """The actor reads all criticisms; its first attempt is none."""
        return range(1, self.rounds + 1)

    async def solve(self, question: Question, room: Room) -> str:
        """The actor answers, critics object, the actor revises, and so on."""
        attempt = await room.ask(room.leader, question.prompt, round=0)
        for round in range(1, self.rounds + 1):  # noqa: A001 - the field's word
            criticisms = await room.ask_each(room.peers, critic_prompt(question, attempt), round=round)
            prompt = actor_prompt(question, attempt, room.readings(criticisms))
            attempt = await room.ask(room.leader, prompt, round=round)
        return attempt.text


def critic_prompt(question: Question, attempt: Turn) -> str:
    """Return what a critic reads."""
    return render("critic.txt", {"question": question.prompt, "attempt": attempt.written})


def actor_prompt(question: Question, own: Turn, criticisms: Sequence[Turn]) -> str:
    """Return what the actor reads from the first criticism on."""
    return render(
        "critique_revision.txt",
        {
            "question": question.prompt,
            "own_last": own.written,
            "criticisms": [turn.written for turn in criticisms],
        },
    )
