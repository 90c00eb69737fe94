"""Whether the class of a protocol is written so that conversations can be held and told: it may be anybody's."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from mlpo_bench.errors import UsageError, nearest


if TYPE_CHECKING:
    from collections.abc import Sequence

_SHOWN = 60


def check_family(protocol: str, family: object, families: Sequence[str]) -> None:
    """Refuse what a protocol says that it is alike to, where nothing is.

    Raises:
        UsageError: it is no family; the message names the protocol.
    """
    if family not in families:
        hint = nearest(family, families) if isinstance(family, str) else ""
        raise UsageError(
            f"protocol {protocol!r} has the family {family!r:.{_SHOWN}}; it is one of {', '.join(families)}"
            f"{hint or '.'}"
        )


def check_solve(protocol: str, solve: object) -> None:
    """Refuse a method that no conversation can wait for.

    Raises:
        UsageError: it is a function without `async`; the message names the protocol.
    """
    # What stands around an async function may return what that returns, and need not be one itself.
    itself = inspect.isfunction(solve) and not hasattr(solve, "__wrapped__")
    if itself and not inspect.iscoroutinefunction(solve):
        raise UsageError(
            f"the method `solve` of protocol {protocol!r} must be an `async def` that returns the final text."
        )
