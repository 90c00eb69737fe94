"""What a whole process shares, changed while somebody needs it so: runs may be under way beside one another."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar


if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from contextlib import AbstractContextManager
    from typing import Any

Value = TypeVar("Value")


def while_any(change: Callable[[], AbstractContextManager[None]]) -> Callable[[], AbstractContextManager[None]]:
    """Let a change be made by the first who enters, and undone by the last who leaves.

    Each by itself would undo it under the others, or take their change for what was there before.
    """
    lock, undone = threading.Lock(), contextlib.ExitStack()
    inside = 0

    @functools.wraps(change)
    @contextlib.contextmanager
    def held() -> Iterator[None]:
        nonlocal inside
        with lock:
            if not inside:
                undone.enter_context(change())
            inside += 1
        try:
            yield
        finally:
            with lock:
                inside -= 1
                if not inside:
                    undone.close()

    return held


def loop_is_running() -> bool:
    """Whether this thread runs an event loop already, as a notebook's does."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def waited_for(work: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
    """Return what some asynchronous work comes to; in a thread of its own where this one's event loop is running."""
    if not loop_is_running():
        return asyncio.run(work())
    with ThreadPoolExecutor(max_workers=1) as apart:
        return apart.submit(lambda: asyncio.run(work())).result()
