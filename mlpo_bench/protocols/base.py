"""What every protocol offers: the conversation itself, and what it will take."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field


if TYPE_CHECKING:
    from mlpo_bench.protocols.room import Room
    from mlpo_bench.questions import Question

# What settings may be, checked where a person names them (see `build`).
Depth = Annotated[int, Field(ge=1, le=64)]
Draws = Annotated[int, Field(ge=1, le=4096)]


class Protocol(ABC):
    """How members confer over a question.

    A protocol is a frozen dataclass whose fields are its settings. It never sees engines, batches or gold answers.

    Attributes:
        name: what it is called in configurations and tables.
        depth: the field that counts its T (`rounds`, `layers`, `steps`); None where it has none.
        uses_leader: whether the leader's seat is asked at all.
        weighs: whether it needs the members' scores on the train split.
        ceiling: whether its final text is chosen by the harness, with the gold answer in hand.
    """

    __slots__ = ()

    name: ClassVar[str]
    depth: ClassVar[str | None] = None
    uses_leader: ClassVar[bool] = True
    weighs: ClassVar[bool] = False
    ceiling: ClassVar[bool] = False

    @property
    def uses_peers(self) -> bool:
        """Whether the number of peers changes what happens."""
        return True

    @property
    @abstractmethod
    def label(self) -> str:
        """Its name with the settings that tell it apart in a table; never the number of peers."""

    @abstractmethod
    def calls(self, peers: int) -> int:
        """Return how many completions one question takes with so many peers: the most, where answers decide."""

    def fewest_calls(self, peers: int) -> int:
        """Return how many completions one question takes at least."""
        return self.calls(peers)

    @abstractmethod
    def reads(self, peers: int) -> int:
        """Return the most other completions that one prompt holds: what its length depends on."""

    @abstractmethod
    async def solve(self, question: Question, room: Room) -> str:
        """Confer, and return the final text."""


def counted(number: int, thing: str) -> str:
    """Return `1 round`, `2 rounds`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def shuffler(seed: int, *path: object) -> random.Random:
    """Return a random generator that depends on a seed and a path of names, never on order or time."""
    return random.Random("/".join(map(str, (seed, *path))))  # noqa: S311 - reproducible, not secret
