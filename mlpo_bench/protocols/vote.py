"""Self-consistency (Wang et al. 2022, arXiv 2203.11171): many answers of one model, the most frequent one wins."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.protocols.room import Room, Turn
    from mlpo_bench.questions import Question


@dataclass(frozen=True, slots=True)
class Vote:
    """`samples` answers of the leader's model, drawn apart; the majority of those that could be read."""

    samples: int = 5

    name: ClassVar[str] = "vote"

    @property
    def label(self) -> str:
        """`vote of 5`."""
        return f"vote of {self.samples}"

    def calls(self, peers: int) -> int:  # noqa: ARG002
        """One call a sample."""
        return self.samples

    def reads(self, peers: int) -> int:  # noqa: ARG002
        """Nothing but the question is read."""
        return 0

    async def solve(self, question: Question, room: Room) -> str:
        """Ask `samples` times, then count."""
        ballots = await room.ask_each([room.leader] * self.samples, question.prompt, round=0)
        return majority(ballots, room).text


def majority(ballots: Sequence[Turn], room: Room) -> Turn:
    """Return the first ballot that gives the most frequent answer.

    Ballots without a readable answer do not count; where none can be read, the first ballot stands. Among equally
    frequent answers the one that was given earliest wins.
    """
    keys = [None if b.answer is None else room.same(b.answer) for b in ballots]
    counts = Counter(key for key in keys if key is not None)
    if not counts:
        return ballots[0]
    most = max(counts.values())
    return next(b for b, key in zip(ballots, keys, strict=True) if key is not None and counts[key] == most)
