"""What a protocol says in numbers of a question, which plans and matched votes go by: it may be anybody's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from mlpo_bench.protocols.base import Protocol

MOST_CALLS = 2**31
_SHOWN = 60


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
