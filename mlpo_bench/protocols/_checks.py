"""What is checked of a protocol, for it may be anybody's: its class, what it asks for, and what it ends with.

Files and stores hold what it says. Its numbers are checked in `_counts`.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from mlpo_bench.errors import UsageError, nearest


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NUMBERS = range(2**31)
"""What rounds and samples may be."""
_LENGTHS = range(1, 2**31)
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


def check_asked(
    protocol: str,
    prompts: Iterable[object],
    round: object,  # noqa: A002 - the field's word
    samples: Iterable[object],
    max_tokens: object,
) -> None:
    """Check what a protocol asks of seats, before any of them is asked.

    Raises:
        UsageError: it could not be kept as it is; the message names the protocol.
    """
    _check_whole(protocol, "round", round, NUMBERS)
    for sample in samples:
        _check_whole(protocol, "sample", sample, NUMBERS)
    if max_tokens is not None:
        _check_whole(protocol, "max_tokens", max_tokens, _LENGTHS)
    for prompt in prompts:
        text(protocol, "asks with", prompt, "a prompt")


def text(protocol: str, does: str, given: object, needed: str) -> str:
    """Return what is a text, and one that a file can hold.

    Raises:
        UsageError: it is not; the message names the protocol.
    """
    if not isinstance(given, str):
        raise UsageError(f"protocol {protocol!r} {does} a {type(given).__name__}, not with {needed}.")
    try:
        given.encode()
    except UnicodeEncodeError as error:
        half = ord(given[error.start])
        raise UsageError(
            f"protocol {protocol!r} {does} half of a surrogate pair (U+{half:04X}), which is no character; take it out."
        ) from None
    return given


def _check_whole(protocol: str, name: str, given: object, allowed: range) -> None:
    if not isinstance(given, int) or isinstance(given, bool) or given not in allowed:
        raise UsageError(
            f"protocol {protocol!r} asks with {name}={given!r:.{_SHOWN}}, which should be a whole number from "
            f"{allowed[0]} to {allowed[-1]}."
        )
