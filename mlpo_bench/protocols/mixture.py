"""Mixture-of-Agents (Wang et al. 2024, arXiv 2406.04692), and the same of one model (Self-MoA, arXiv 2502.00674).

A layer is K proposers. Those of the first layer answer the question alone; each of a later layer reads the question
and everything that the layer before wrote, and writes a better answer. At last an aggregator does the same once more.
Proposers and aggregator are asked in the same words, as in the papers.

The papers count the aggregator as a layer of its own, with one member: the three layers of Mixture-of-Agents are
`layers=2` here, its two-layer "lite" form and Self-MoA's usual one are `layers=1`. They leave the seats open: here the
peers propose in every layer, and the leader aggregates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mlpo_bench.protocols._prompts import render
from mlpo_bench.protocols.base import Depth, Protocol


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mlpo_bench.protocols.room import Room, Seat
    from mlpo_bench.protocols.transcript import Turn
    from mlpo_bench.questions import Question


@dataclass(frozen=True, slots=True)
class Mixture(Protocol):
    """T `layers` of K peers and the leader as aggregator: K * T + 1 calls in T + 1 serial steps."""

    layers: Depth = 2

    name: ClassVar[str] = "mixture"
    depth: ClassVar[str] = "layers"

    def calls(self, peers: int) -> int:
        """Every proposer speaks once a layer, then the aggregator."""
        return peers * self.layers + 1

    def reads(self, peers: int) -> int:
        """All that one layer wrote."""
        return peers

    @property
    def heard(self) -> range:
        """All layers are read."""
        return range(self.layers)

    async def solve(self, question: Question, room: Room) -> str:
        """Propose, propose again in the light of all proposals, and so on; then aggregate."""
        proposals = await room.ask_each(self.proposers(room), question.prompt, round=0)
        for layer in range(1, self.layers):
            prompt = aggregate_prompt(question, room.readings(proposals))
            proposals = await room.ask_each(self.proposers(room), prompt, round=layer)
        final = await room.ask(room.leader, aggregate_prompt(question, room.readings(proposals)), round=self.layers)
        return final.text

    def proposers(self, room: Room) -> Sequence[Seat]:
        """Return the seats of every layer."""
        return room.peers


@dataclass(frozen=True, slots=True)
class SelfMixture(Mixture):
    """A mixture of the leader's model alone: as many proposals as there are peers, each a sample of its own."""

    name: ClassVar[str] = "self-mixture"

    def proposers(self, room: Room) -> Sequence[Seat]:
        """Return the leader's seat, once for each peer."""
        return self.voices(room.seats)

    def voices(self, seats: Sequence[Seat]) -> Sequence[Seat]:
        """Every sample is the leader's."""
        return [seats[0]] * (len(seats) - 1)


def aggregate_prompt(question: Question, attempts: Iterable[Turn]) -> str:
    """Return what somebody reads who is to write one answer out of several."""
    return render("aggregate.txt", {"question": question.prompt, "attempts": [turn.written for turn in attempts]})
