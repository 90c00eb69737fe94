"""A leader and its peers over several rounds: the inference of MLPO ("How to Train a Leader", arXiv 2507.08960).

In the first round each peer sees the question alone. In every later one it sees the question, its own last attempt
and what the leader last wrote; peers see one another only through the leader. The leader reads the question and the
peers' attempts of the current round, and writes `<think>...</think><answer>...</answer>`. Its last output is final.

What the paper leaves open is a setting here: whether the leader's thinking travels to the peers (`share`), in which
order the attempts stand (`order`), and whether the leader reads its own last output (`memory`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from mlpo_bench.protocols._prompts import render
from mlpo_bench.protocols.base import shuffler


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.protocols.room import Room, Turn
    from mlpo_bench.questions import Question

Share = Literal["whole", "without-thinking", "answer"]
Order = Literal["fixed", "shuffled"]

_THINKING = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
UNREAD = "(no answer could be read)"


@dataclass(frozen=True, slots=True)
class Leader:
    """MLPO's inference with K peers and T `rounds`: (K + 1) * T calls in 2 * T serial steps."""

    rounds: int = 5
    share: Share = "whole"
    order: Order = "fixed"
    memory: bool = False

    name: ClassVar[str] = "leader"

    @property
    def label(self) -> str:
        """`leader, 2 rounds`, with what differs from the paper's protocol."""
        rounds = "1 round" if self.rounds == 1 else f"{self.rounds} rounds"
        extras = [f"shares {self.share}"] * (self.share != "whole")
        extras += ["shuffled"] * (self.order == "shuffled") + ["memory"] * self.memory
        return ", ".join([f"{self.name}, {rounds}", *extras])

    def calls(self, peers: int) -> int:
        """Every seat speaks once a round."""
        return (peers + 1) * self.rounds

    def reads(self, peers: int) -> int:
        """The leader reads all peers (and itself, with memory); a peer reads itself and the leader."""
        leader = peers + (self.memory and self.rounds > 1)
        return max(leader, 2 if self.rounds > 1 else 0)

    async def solve(self, question: Question, room: Room) -> str:
        """Peers propose, the leader judges, peers revise, and so on; the last verdict is final."""
        proposals = await room.ask_each(room.peers, question.prompt, round=0)
        verdict = await room.ask(room.leader, self.leader_prompt(question, room, proposals, None), round=0)
        for round in range(1, self.rounds):  # noqa: A001 - the field's word
            revisions = [self.revision_prompt(question, own, verdict) for own in proposals]
            proposals = await room.ask_each(room.peers, revisions, round=round)
            prompt = self.leader_prompt(question, room, proposals, verdict)
            verdict = await room.ask(room.leader, prompt, round=round)
        return verdict.text

    def leader_prompt(self, question: Question, room: Room, proposals: Sequence[Turn], last: Turn | None) -> str:
        """Return what the leader reads: the question and every peer's current attempt."""
        opinions = [self.shared(turn) for turn in proposals]
        if self.order == "shuffled":
            shuffler(room.seed, question.id, proposals[0].round).shuffle(opinions)
        own_last = self.shared(last) if self.memory and last is not None else None
        return render("leader.txt", {"question": question.prompt, "opinions": opinions, "own_last": own_last})

    def revision_prompt(self, question: Question, own: Turn, verdict: Turn) -> str:
        """Return what a peer reads from the second round on. Its own last attempt is never shortened."""
        return render(
            "peer_revision.txt",
            {"question": question.prompt, "own_last": own.text.strip(), "verdict": self.shared(verdict)},
        )

    def shared(self, turn: Turn) -> str:
        """Return the part of a turn that others get to read."""
        if self.share == "answer":
            return UNREAD if turn.answer is None else turn.answer
        if self.share == "without-thinking":
            return _THINKING.sub("", turn.text).strip()
        return turn.text.strip()
