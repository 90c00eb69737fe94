"""Models that do not fit a device together take turns on it: one is awake, the others sleep.

The one that is awake answers all that it is asked, until nobody asks it, or others have waited for long enough. Then
what it has begun is finished, it goes to sleep, and the next one wakes. That takes seconds, so turns are long.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from typing import TYPE_CHECKING, Protocol


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LONGEST_S = 60.0
"""How long others wait, at most, before the one that is awake takes no more requests."""


class Sleeper(Protocol):
    """What can sleep: it gives the device's memory back, and takes it again when it wakes."""

    async def sleep(self) -> None:
        """Give the memory back. Nothing is asked meanwhile."""
        ...

    async def wake(self) -> None:
        """Take it again."""
        ...


class Turns:
    """Whose turn it is on a device.

    Args:
        longest: seconds that others wait before the one that is awake takes no more requests.
    """

    def __init__(self, longest: float = LONGEST_S) -> None:
        self._longest = longest
        self._awake: Sleeper | None = None
        self._since = 0.0
        self._running = 0
        self._waiting: Counter[int] = Counter()
        self._changed = asyncio.Condition()

    def opened(self, one: Sleeper) -> None:
        """Note that a model has been loaded, and so is awake; the others sleep already (see `rest`)."""
        self._awake, self._since = one, time.monotonic()

    async def rest(self) -> None:
        """Send whichever is awake to sleep, so that another can be loaded."""
        if self._awake is not None:
            await self._awake.sleep()
            self._awake = None

    def gone(self, one: Sleeper) -> None:
        """Note that a model is closed."""
        if self._awake is one:
            self._awake = None

    @contextlib.asynccontextmanager
    async def turn(self, one: Sleeper) -> AsyncIterator[None]:
        """Hold a model awake while inside, waiting for its turn first."""
        async with self._changed:
            self._waiting[id(one)] += 1
            try:
                while not await self._admitted(one):
                    await self._changed.wait()
            except BaseException:  # it waits no more, so that it may be another's turn
                self._changed.notify_all()
                raise
            finally:
                self._waiting[id(one)] -= 1
            self._running += 1
        try:
            yield
        finally:
            async with self._changed:
                self._running -= 1
                self._changed.notify_all()

    async def _admitted(self, one: Sleeper) -> bool:
        """Whether a model may be asked now; it is woken where its turn has come. The caller holds the lock."""
        if self._awake is one:
            return not (self._others_wait(one) and self._over())
        if self._running or (self._awake is not None and self._waiting[id(self._awake)] and not self._over()):
            return False
        await self.rest()
        await one.wake()
        self.opened(one)
        return True

    def _others_wait(self, one: Sleeper) -> bool:
        return self._waiting.total() > self._waiting[id(one)]

    def _over(self) -> bool:
        return time.monotonic() - self._since >= self._longest
