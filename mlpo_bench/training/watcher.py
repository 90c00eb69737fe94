"""What a display gets to know of a stage under way."""

from __future__ import annotations

from typing import Protocol

from mlpo_bench.runs.watcher import Listener


class Watcher(Listener, Protocol):
    """Takes what happens as it happens, from one thread."""

    def begin(self, what: str, total: int) -> None:
        """Take what is counted from now on, and how many of it there are."""

    def advance(self, count: int = 1) -> None:
        """Take that so many more are done."""


class Silent:
    """A watcher that shows nothing."""

    def say(self, text: str) -> None:
        """Take a sentence."""

    def begin(self, what: str, total: int) -> None:
        """Take what is counted."""

    def advance(self, count: int = 1) -> None:
        """Take progress."""
