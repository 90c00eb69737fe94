"""What a display gets to know of a run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol, TypeVar


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlpo_bench.dispatch import Tally
    from mlpo_bench.log.records import Record
    from mlpo_bench.log.results import CellResult
    from mlpo_bench.matrix.cells import Cell


Thing = TypeVar("Thing")
SAID_EVERY_S = 2.0


class Listener(Protocol):
    """Takes what is said of what happens, as it happens, from one thread."""

    def say(self, text: str) -> None:
        """Take a sentence on what happens now."""


class RunObserver(Listener, Protocol):
    """Takes what happens in a run."""

    def begin(self, cells: Sequence[Cell], questions: Mapping[str, int], tally: Tally) -> None:
        """Take the cells, how many questions each suite has, and a tally that counts on by itself."""

    def conversed(self, cell: Cell, record: Record) -> None:
        """Take the record of a conversation that has ended."""

    def scored(self, result: CellResult) -> None:
        """Take the figures of a cell that is written."""


class Silent:
    """Observes a run or a training, and keeps it to itself."""

    def say(self, text: str) -> None:
        """Take a sentence."""

    def begin(self, *_: object, **__: object) -> None:
        """Take what is ahead."""

    def conversed(self, cell: Cell, record: Record) -> None:
        """Take a record."""

    def scored(self, result: CellResult) -> None:
        """Take a cell's figures."""

    def advance(self, count: int = 1) -> None:
        """Take progress."""

    def figures(self, points: Sequence[Mapping[str, float]]) -> None:
        """Take a training's figures."""


def counted(things: Sequence[Thing], what: str, listener: Listener) -> Iterator[Thing]:
    """Yield things, and say how many are done (`12 of 141 cells read`) as soon as it takes time."""
    last = time.monotonic()
    for done, thing in enumerate(things):
        if time.monotonic() - last >= SAID_EVERY_S:
            last = time.monotonic()
            listener.say(f"{done} of {len(things)} {what}")
        yield thing
