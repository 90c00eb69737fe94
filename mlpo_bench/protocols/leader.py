"""A leader and its peers over several rounds: the inference of MLPO ("How to Train a Leader", arXiv 2507.08960).

In the first round each peer sees the question alone. In every later one it sees the question, its own last attempt
and what the leader last wrote; peers see one another only through the leader. The leader reads the question and the
peers' attempts of the current round, and writes `<think>...</think><answer>...</answer>`. Its last output is final.

What the paper leaves open is a setting here: what of a turn others read, the peers of the leader's and the leader of
theirs (`share`), in which order the attempts stand (`order`), whether the leader reads its own last output
(`memory`), and how later rounds are asked (`history`): in one prompt written `anew`, or by a message that is appended
to the conversation that the seat has had. All that a seat has read and written then stands in its prompt as it stood
before, so that a server that caches prefixes reads each of it once, and the leader reads its own outputs whatever
`memory` says.

Two settings beyond the paper, where the number of rounds is fixed, save calls. `early_stop` ends the conversation
after a round in which leader and peers all give one answer. `adaptive` calls the team only where the leader wavers: it
first answers the bare question alone, and so many times more; if at least half of these give its first answer, that
answer is final, else the rounds begin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from mlpo_bench.answers.thoughts import without_thoughts
from mlpo_bench.protocols._prompts import render
from mlpo_bench.protocols.base import Depth, Family, Protocol
from mlpo_bench.protocols.seeding import shuffler


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.protocols.room import Room
    from mlpo_bench.protocols.transcript import Turn
    from mlpo_bench.questions import Question

Share = Literal["whole", "without-thinking", "answer"]
Order = Literal["fixed", "shuffled"]
History = Literal["anew", "append"]

UNREAD = "(no answer could be read)"


@dataclass(frozen=True, slots=True)
class Leader(Protocol):
    """MLPO's inference with K peers and T `rounds`: (K + 1) * T calls in 2 * T serial steps."""

    rounds: Depth = 5
    share: Share = "whole"
    order: Order = "fixed"
    memory: bool = False
    early_stop: bool = False
    adaptive: Annotated[int, Field(ge=0, le=64)] = 0
    history: History = "anew"

    name: ClassVar[str] = "leader"
    family: ClassVar[Family] = "led"
    depth: ClassVar[str] = "rounds"
    goes_on: ClassVar[bool] = True

    @property
    def recorded(self) -> dict[str, Any]:
        """Without `history` where it is `anew`, as it was before there was a choice."""
        told = self.settings
        return told if self.history == "append" else {name: told[name] for name in told if name != "history"}

    def said(self) -> dict[str, str]:
        """`leader, 2 rounds`, with what differs from the paper's protocol."""
        words = super(Leader, self).said()  # a class with slots is not the one that was written here
        words |= {"share": f"shares {self.share}"} if "share" in words else {}
        return words | ({"order": self.order} if "order" in words else {})

    def calls(self, peers: int) -> int:
        """Every seat speaks once a round, after the leader's attempts alone."""
        return self.alone + (peers + 1) * self.rounds

    def fewest_calls(self, peers: int) -> int:
        """The leader is sure of itself, or all agree in the first round."""
        return self.alone or (peers + 1) * (1 if self.early_stop else self.rounds)

    @property
    def alone(self) -> int:
        """How often the leader answers alone before the rounds."""
        return 1 + self.adaptive if self.adaptive else 0

    def reads(self, peers: int) -> int:
        """The leader reads all peers (and itself, with memory); a peer reads itself and the leader.

        With an appended history each reads that of every round.
        """
        if self.history == "append":
            return max(peers * self.rounds + self.rounds - 1, 2 * (self.rounds - 1))
        leader = peers + (self.memory and self.rounds > 1)
        return max(leader, 2 if self.rounds > 1 else 0)

    @property
    def heard(self) -> range:
        """In every round the leader reads what the peers wrote in it."""
        return range(self.rounds)

    async def solve(self, question: Question, room: Room) -> str:
        """Peers propose, the leader judges, peers revise, and so on; the last verdict is final."""
        if self.adaptive:
            first, *again = await room.ask_each([room.leader] * self.alone, question.prompt, round=0)
            if 2 * sum(agree([first, turn], room) for turn in again) >= self.adaptive:
                return first.text
        proposals = await room.ask_each(room.peers, question.prompt, round=0)
        verdict = await room.ask(room.leader, self.leader_prompt(question, room, proposals, None), round=0)
        for round in range(1, self.rounds):  # noqa: A001 - the field's word
            if self.early_stop and agree([*proposals, verdict], room):
                break
            proposals, verdict = await self.next_round(question, room, proposals, verdict, round)
        return verdict.text

    async def next_round(
        self,
        question: Question,
        room: Room,
        proposals: Sequence[Turn],
        verdict: Turn,
        round: int,  # noqa: A002
    ) -> tuple[list[Turn], Turn]:
        """Let the peers revise, and the leader judge anew."""
        if self.history == "append":
            told = render("peer_next.txt", {"verdict": self.shared(verdict)})
            revisions = await room.ask_each(room.peers, told, round=round, after=proposals)
            prompt = render("leader_next.txt", {"opinions": self.opinions(question, room, revisions)})
            return revisions, await room.ask(room.leader, prompt, round=round, after=verdict)
        prompts = [self.revision_prompt(question, own, verdict) for own in proposals]
        revisions = await room.ask_each(room.peers, prompts, round=round)
        prompt = self.leader_prompt(question, room, revisions, verdict)
        return revisions, await room.ask(room.leader, prompt, round=round)

    def leader_prompt(self, question: Question, room: Room, proposals: Sequence[Turn], last: Turn | None) -> str:
        """Return what the leader reads: the question and every peer's current attempt."""
        own_last = self.shared(last) if self.memory and last is not None else None
        return leading_prompt(question.prompt, self.opinions(question, room, proposals), own_last)

    def opinions(self, question: Question, room: Room, proposals: Sequence[Turn]) -> list[str]:
        """Return what the leader gets to read of the peers' attempts, in the order in which it reads them."""
        order = self.reading_order(len(proposals), question.id, proposals[0].round, room.seed)
        return [self.shared(turn) for turn in room.readings(proposals, order=order)]

    def reading_order(self, peers: int, question: str, round: int, seed: int) -> list[int]:  # noqa: A002
        """Return which peer's attempt stands at each place: drawn for each question and round, or as they sit."""
        order = list(range(peers))
        if self.order == "shuffled":
            shuffler(seed, question, round).shuffle(order)
        return order

    def revision_prompt(self, question: Question, own: Turn, verdict: Turn) -> str:
        """Return what a peer reads from the second round on. Its own last attempt is never shortened."""
        return render(
            "peer_revision.txt",
            {"question": question.prompt, "own_last": own.written, "verdict": self.shared(verdict)},
        )

    def shared(self, turn: Turn) -> str:
        """Return the part of a turn that others get to read."""
        return passed_on(self.share, turn.written, turn.answer)


def leading_prompt(question: str, opinions: Sequence[str], own_last: str | None = None) -> str:
    """Return what a leader reads: the question as it is asked, what it sees of the attempts, its own last output."""
    return render("leader.txt", {"question": question, "opinions": opinions, "own_last": own_last})


def passed_on(share: Share, text: str, answer: str | None) -> str:
    """Return what others get to read of a text, from which this answer was read."""
    if share == "answer":
        return UNREAD if answer is None else answer
    if share == "without-thinking":
        return without_thinking(text)
    return text.strip()


def without_thinking(text: str) -> str:
    """Return a text without its thinking, also where its opening stands in the prompt and only `</think>` is seen."""
    return without_thoughts(text).strip()


def agree(turns: Sequence[Turn], room: Room) -> bool:
    """Return whether all turns give one and the same answer, and all can be read."""
    keys = {room.key(turn) for turn in turns}
    return len(keys) == 1 and None not in keys
