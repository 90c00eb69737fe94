"""Whether a protocol is one that plans and results can go by: it may be anybody's."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from mlpo_bench.errors import UsageError, nearest


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.protocols.base import Protocol

MOST_CALLS = 2**31
_SHOWN = 60


def check_class(cls: type[Protocol], families: Sequence[str]) -> None:
    """Check what a class says before anything is asked of it.

    Raises:
        UsageError: it is alike to nothing known, or its `solve` cannot be waited for.
    """
    family: object = cls.family
    if family not in families:
        hint = nearest(family, families) if isinstance(family, str) else ""
        raise UsageError(
            f"protocol {cls.name!r} has the family {family!r:.{_SHOWN}}; it is one of {', '.join(families)}"
            f"{hint or '.'}"
        )
    solve = cls.solve
    # What stands around an async function may return what that returns, and need not be one itself.
    itself = inspect.isfunction(solve) and not hasattr(solve, "__wrapped__")
    if itself and not inspect.iscoroutinefunction(solve):
        raise UsageError(
            f"the method `solve` of protocol {cls.name!r} must be an `async def` that returns the final text."
        )


def calls(protocol: Protocol, peers: int) -> int:
    """Return how many completions a question takes at most.

    Raises:
        UsageError: that is no such number.
    """
    return _whole(protocol, f"calls({peers})", protocol.calls(peers), 1, MOST_CALLS)


def check_counts(protocol: Protocol, peers: int) -> None:
    """Check all that a protocol says in numbers of a question with so many peers.

    Raises:
        UsageError: one of them is none.
    """
    most = calls(protocol, peers)
    _whole(protocol, f"fewest_calls({peers})", protocol.fewest_calls(peers), 1, most)
    _whole(protocol, f"reads({peers})", protocol.reads(peers), 0, MOST_CALLS)


def _whole(protocol: Protocol, of: str, given: object, least: int, most: int) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not least <= given <= most:
        raise UsageError(
            f"protocol {protocol.name!r} says {of} is {given!r:.{_SHOWN}}, which should be a whole number from {least} "
            f"to {most}."
        )
    return given
