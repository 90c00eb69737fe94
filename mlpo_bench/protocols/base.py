"""What every protocol offers: the conversation itself, and what it will take."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, ClassVar
from typing import Protocol as TypingProtocol


if TYPE_CHECKING:
    from mlpo_bench.protocols.room import Room
    from mlpo_bench.questions import Question


class Protocol(TypingProtocol):
    """How members confer over a question.

    A protocol is a frozen dataclass whose fields are its settings. It never sees engines, batches or gold answers.
    """

    name: ClassVar[str]

    @property
    def label(self) -> str:
        """Its name with the settings that tell it apart in a table."""
        ...

    def calls(self, peers: int) -> int:
        """Return how many completions one question takes with so many peers."""
        ...

    def reads(self, peers: int) -> int:
        """Return the most other completions that one prompt holds: what its length depends on."""
        ...

    async def solve(self, question: Question, room: Room) -> str:
        """Confer, and return the final text."""
        ...


def shuffler(seed: int, *path: object) -> random.Random:
    """Return a random generator that depends on a seed and a path of names, never on order or time."""
    return random.Random("/".join(map(str, (seed, *path))))  # noqa: S311 - reproducible, not secret
