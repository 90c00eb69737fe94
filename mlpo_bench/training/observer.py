"""What a display gets to know of a stage under way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mlpo_bench.runs.observer import Listener


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class TrainingObserver(Listener, Protocol):
    """Takes what happens as it happens, from one thread."""

    def begin(self, what: str, total: int) -> None:
        """Take what is counted from now on, and how many of it there are."""

    def advance(self, count: int = 1) -> None:
        """Take that so many more are done."""

    def figures(self, points: Sequence[Mapping[str, float]]) -> None:
        """Take the figures of all training steps until now, by name."""
