"""Interventions: what a seat is given to read is altered on its way, and nothing else.

An intervention is a pure function over what others wrote in one step (`Intervention.altered`). `Room.readings`, where
every protocol gathers what it passes on, is the one place that applies it. Who wrote it keeps its own text: what is
counted, scored and told of it does not change. Where an intervention cannot be carried out (no wrong attempt is to be
had, say), nothing is altered.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from mlpo_bench.protocols.faults import LONG, REPLACED
from mlpo_bench.protocols.seeding import shuffler


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.protocols.faults import Scene

Swap = Literal["noise", "duplicate"]
Plant = Literal["right", "wrong"]
Fault = Literal["empty", "cut", "gibberish", "long", "language", "injection", "sycophantic", "tags"]
Kind = Literal["drop", Swap, Plant, "shuffled", Fault]

KINDS: tuple[Kind, ...] = get_args(Kind)
FAULTS: tuple[Fault, ...] = get_args(Fault)
LAID_READY: tuple[Kind, ...] = ("noise", "right", "wrong")
"""Kinds for which the harness has the texts ready."""
PUSHING: tuple[Kind, ...] = ("injection", "tags")
"""Kinds that push an answer which the harness knows to be wrong."""
POOL = 8
"""Of how many attempts of a member a right or a wrong one is drawn: the first ballots of a vote."""

_SAID: dict[Kind, str] = {
    "noise": "swapped for noise",
    "duplicate": "swapped for a duplicate",
    "right": "planted right",
    "wrong": "planted wrong",
    "shuffled": "with another's answer",
    "empty": "empty",
    "cut": "cut off",
    "gibberish": "gibberish",
    "long": "very long",
    "language": "in another language",
    "injection": "injecting",
    "sycophantic": "sycophantic",
    "tags": "with malformed tags",
}


def draws_from_pool(kind: Kind) -> bool:
    """Whether the harness draws attempts for interventions of a kind."""
    return kind in get_args(Plant) or kind in PUSHING


@dataclass(frozen=True, slots=True)
class Intervention:
    """What is altered of what others get to read.

    Attributes:
        kind: What is done.
        peers: To how many of those who wrote; they are drawn for each question, the same for every kind, and fewer are
            among more.
        seats: To these peers instead, counted from 1.
        rounds: Of which rounds, as protocols count them.
        pool: Of how many attempts of a member a right or wrong one is drawn.
    """

    kind: Kind
    peers: int = 1
    seats: tuple[int, ...] | None = None
    rounds: tuple[int, ...] = (0,)
    pool: int = POOL

    @property
    def settings(self) -> dict[str, Any]:
        """Its settings by name; the pool only where something is drawn from it."""
        settings = asdict(self)
        return settings if self.draws_from_pool else {name: settings[name] for name in settings if name != "pool"}

    @property
    def draws_from_pool(self) -> bool:
        """Whether the harness draws attempts for it."""
        return draws_from_pool(self.kind)

    @property
    def longer(self) -> int:
        """By how many more answers than without it a prompt grows at most."""
        return (LONG - 1) * self.peers if self.kind == "long" else 0

    def said(self, heard: Sequence[int]) -> str:
        """Return what a label says of it; `heard` are the rounds whose texts others read."""
        if self.seats is None:
            who = f"{self.peers} {'peer' if self.peers == 1 else 'peers'}"
        else:
            who = f"{'peer' if len(self.seats) == 1 else 'peers'} {' and '.join(map(str, self.seats))}"
        words = f"without {who}" if self.kind == "drop" else f"{who} {_SAID[self.kind]}"
        if self.draws_from_pool and self.pool != POOL:
            words += f" from {self.pool} attempts"
        if self.rounds == (heard[-1],):
            return words
        if self.rounds == tuple(heard):
            return f"{words} in every round"
        return f"{words} in round {' and '.join(str(heard.index(number) + 1) for number in self.rounds)}"

    def places(self, voices: int, seed: int, question: str) -> tuple[int, ...]:
        """Return which of those who wrote are concerned, counted from 0."""
        if self.seats is not None:
            return tuple(seat - 1 for seat in self.seats)
        drawn = shuffler(seed, question, "intervention").sample(range(voices), voices)
        return tuple(sorted(drawn[: self.peers]))

    def altered(self, scene: Scene) -> dict[int, str | None]:
        """Return what is read in place of each text that is altered, None for one that is left out.

        Nothing is altered where not every one concerned can be.
        """
        places = self.places(len(scene.texts), scene.seed, scene.question.id)
        if self.kind == "drop":
            return dict.fromkeys(places)
        texts = {place: REPLACED[self.kind](scene, place) for place in places}
        return {} if None in texts.values() else texts


@dataclass(frozen=True, slots=True)
class Alteration:
    """One text that was altered on its way: whose (`seat`, and `peer` counted from 1), and what was read instead.

    `text` is None where it was left out; `answer` is what can be read in it.
    """

    seat: str
    peer: int
    round: int
    text: str | None
    answer: str | None
