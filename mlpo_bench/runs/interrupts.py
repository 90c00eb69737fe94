"""Ctrl-C while engines are asked: the first one stops the asking, the second one everything.

SIGTERM and SIGHUP, by which a batch system or a terminal takes a process back, stop the asking, too: what arrives in
the next few seconds is kept, and then everything stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import stat
import sys
from typing import TYPE_CHECKING, Any

from mlpo_bench.errors import Stopped, StoppedAtOnce


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlpo_bench.dispatch import Dispatch

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
GRACE_S = 5.0
"""How long a process that is told to end waits for answers: batch systems allow some ten seconds and more."""
SAID_EVERY_S = 2.0
# What was waiting for its turn hears one after the other that it gets none.
_SETTLES_S, _SETTLED_AT_LAST = 0.05, 20


@contextlib.contextmanager
def stopped_by_interrupts(dispatch: Dispatch, say: Callable[[str], None]) -> Iterator[None]:
    """Let signals stop the asking, while inside; those that the process ignores go on being ignored.

    Raises:
        Stopped: as what is inside does; it tells which signal it was.
        StoppedAtOnce: at the second Ctrl-C, and `GRACE_S` after the process was told to end.
    """
    stopping = _Stopping(dispatch, say)
    with stopping.on_signals():
        try:
            yield
        except asyncio.CancelledError:
            if stopping.at_once and stopping.work.uncancel() == 0:
                raise StoppedAtOnce(stopping.signum) from None
            raise
        except Stopped as stop:
            stop.signum = stopping.signum
            raise


class _Stopping:
    """What signals do: stop the asking, tell how many answers are under way, and end the work."""

    def __init__(self, dispatch: Dispatch, say: Callable[[str], None]) -> None:
        self._dispatch, self._say_it = dispatch, say
        self._loop, work = asyncio.get_running_loop(), asyncio.current_task()
        assert work is not None
        self.work = work
        self.signum: int = signal.SIGINT
        self.at_once = False
        self._telling: asyncio.Task[None] | None = None
        self._told = False
        self._deadline: asyncio.TimerHandle | None = None

    @contextlib.contextmanager
    def on_signals(self) -> Iterator[None]:
        before: dict[int, Any] = {}
        woken = _wakeup_fd()
        for signum in SIGNALS:
            handler = signal.getsignal(signum)
            if handler is not signal.SIG_IGN:
                with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
                    self._loop.add_signal_handler(signum, self._received, signum)
                    before[signum] = handler  # it is the main thread, and this system has such signals
        try:
            yield
        finally:
            for signum, handler in before.items():
                self._loop.remove_signal_handler(signum)
                if handler is not None:
                    signal.signal(signum, handler)
            if before:
                signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
            self._end()

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        if self._telling is not None:
            self._telling.cancel()
            if not self._told:
                self._say("Stopping: nothing more is asked; saving.")

    def _received(self, signum: int) -> None:
        if signum == getattr(signal, "SIGHUP", None):
            let_go_of_terminal()
        if self._telling is None:
            self._dispatch.stop()
            self._telling = self._loop.create_task(self._tell(signum))
        elif signum == signal.SIGINT:
            self._stop_at_once()
        if signum != signal.SIGINT:
            self.signum = signum
            self._deadline = self._deadline or self._loop.call_later(GRACE_S, self._stop_at_once)

    def _stop_at_once(self) -> None:
        if not self.at_once:
            self.at_once = True
            self.work.cancel()

    async def _tell(self, signum: int) -> None:
        """Say how many answers are under way, and how many are left as they arrive."""
        if not (left := await self._under_way()):
            return
        most, again = ("", " Ctrl-C again stops at once.") if signum == signal.SIGINT else (f"up to {GRACE_S:g} s ", "")
        self._told = True
        self._say(f"Stopping: nothing more is asked; waiting {most}for {_answers(left)} under way.{again}")
        while True:
            await asyncio.sleep(SAID_EVERY_S)
            if 0 < self._dispatch.in_flight < left:
                left = self._dispatch.in_flight
                self._say(f"Still waiting for {_answers(left)} under way.")

    async def _under_way(self) -> int:
        """Return how many answers are under way, once what only waited for its turn is gone."""
        left = self._dispatch.in_flight
        for _ in range(_SETTLED_AT_LAST):
            before = left
            await asyncio.sleep(_SETTLES_S)
            if (left := self._dispatch.in_flight) == before:
                break
        return left

    def _say(self, text: str) -> None:
        with contextlib.suppress(OSError):  # the terminal may be gone
            self._say_it(text)


def _wakeup_fd() -> int:
    """Return what hears of signals beside their handlers, which the loop takes for itself; -1 for nothing."""
    try:
        descriptor = signal.set_wakeup_fd(-1)
    except ValueError:  # a thread
        return -1
    signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)
    return descriptor


def _answers(count: int) -> str:
    return f"{count} answer{'s' * (count != 1)}"


def let_go_of_terminal() -> None:
    """Let what goes to a terminal that is gone go nowhere; writing to it would fail."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # it has no descriptor, or was closed
            descriptor = stream.fileno()
            if stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
