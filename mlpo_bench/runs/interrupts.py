"""Ctrl-C while engines are asked: the first one stops the asking, the second one everything."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

from mlpo_bench.errors import StoppedAtOnce


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlpo_bench.dispatch import Dispatch


@contextlib.contextmanager
def stopped_by_interrupts(dispatch: Dispatch, say: Callable[[str], None]) -> Iterator[None]:
    """Let Ctrl-C stop the asking, and a second one everything, while inside.

    Raises:
        StoppedAtOnce: at the second one.
    """
    loop, work = asyncio.get_running_loop(), asyncio.current_task()
    assert work is not None

    def interrupted() -> None:
        if dispatch.stopped:
            loop.remove_signal_handler(signal.SIGINT)
            work.cancel()
        else:
            dispatch.stop()
            waiting = f"waiting for {dispatch.in_flight} answers under way" if dispatch.in_flight else "saving"
            say(f"Stopping: nothing more is asked; {waiting}. Ctrl-C again stops at once.")

    try:
        loop.add_signal_handler(signal.SIGINT, interrupted)
    except (NotImplementedError, ValueError, RuntimeError):  # not in the main thread, or not on this system
        yield
        return
    try:
        yield
    except asyncio.CancelledError:
        if dispatch.stopped and work.uncancel() == 0:
            raise StoppedAtOnce from None
        raise
    finally:
        loop.remove_signal_handler(signal.SIGINT)
