"""How fast a server may be asked: so many at once, so many a minute, and not before it says (`waits` reads that)."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from typing import TYPE_CHECKING

from mlpo_bench.errors import Stopped


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
"""Where a server does not say how long to wait: twice as long each time, up to a minute, which most windows are."""


class Pace:
    """Lets requests to one server begin.

    How many may be under way finds its own level: half as many each time the server asks to wait, then one more for
    each round that was answered, up to `most`.

    Args:
        most: requests in flight.
        per_minute: requests that may begin in a minute, spread evenly; None for any number.
    """

    def __init__(self, most: int, per_minute: float | None = None) -> None:
        self._most, self._level = most, float(most)
        self._apart = 60.0 / per_minute if per_minute else 0.0
        self._next = self._not_before = self._halved_until = -math.inf
        self._in_flight = self._refused = 0
        self._turn = asyncio.Lock()
        self._changed, self._halting = asyncio.Event(), asyncio.Event()
        self._halted: Exception | None = None

    @property
    def level(self) -> int:
        """How many requests may be under way now."""
        return max(1, int(self._level))

    def halt(self, reason: Exception) -> None:
        """Let nothing begin any more: what waits gets `reason` instead."""
        self._halted = self._halted or reason
        self._changed.set()
        self._halting.set()

    async def rest(self, seconds: float) -> None:
        """Wait before a request that failed is tried again.

        Raises:
            Exception: what `halt` was given, as soon as it is.
        """
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._halting.wait(), seconds)
        self._check()

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait until a request may begin; inside, it is under way.

        Raises:
            Exception: what `halt` was given.
        """
        async with self._turn:
            while (wait := self._wait()) != 0:
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), None if wait == math.inf else wait)
            self._in_flight += 1
            self._next = max(self._next, time.monotonic()) + self._apart
        try:
            yield
        finally:
            self._in_flight -= 1
            self._changed.set()

    def _wait(self) -> float:
        """Return how many seconds the next request has to wait: infinitely many for another to end, or none."""
        self._check()
        if self._in_flight >= self.level:
            return math.inf
        return max(0.0, self._not_before - time.monotonic(), self._next - time.monotonic())

    def _check(self) -> None:
        if self._halted is not None:
            raise Stopped if isinstance(self._halted, Stopped) else self._halted.with_traceback(None)

    def slow_down(self, seconds: float) -> None:
        """Let nothing begin for so many seconds, and less at once from then on."""
        now = time.monotonic()
        if now >= self._halved_until:  # those that were under way together are refused together
            self._level = max(1.0, self._level / 2)
            self._refused += 1
        self._not_before = max(self._not_before, now + seconds)
        self._halved_until = max(self._halved_until, self._not_before)

    def next_wait(self) -> float:
        """Return for how many seconds to wait after a refusal where the server does not say: longer each time."""
        before = self._refused - (time.monotonic() < self._halved_until)
        return float(min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(before, 16)))

    def answered(self) -> None:
        """Take note that a request was answered."""
        self._refused = 0
        self._level = min(float(self._most), self._level + 1 / self._level)
