"""Ends an answer where it should have ended: not every server takes `stop`, or is sent it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.errors import EngineError


if TYPE_CHECKING:
    from collections.abc import Sequence


def ended(text: str, stops: Sequence[str]) -> tuple[str, str | None]:
    """Return a text up to the first of its stops, and the stop that it went beyond.

    A text that merely keeps the stop at its end, as some servers do, went beyond none.

    Raises:
        EngineError: nothing stands before the stop: where the server takes it, there is no answer either.
    """
    found = min(((at, -len(stop), stop) for stop in stops if (at := text.find(stop)) >= 0), default=None)
    if found is None:
        return text, None
    at, _, stop = found
    if not text[:at].strip():
        raise EngineError(f"answered with nothing: its text begins with {stop!r}.", transient=False, own=True)
    return text[:at], stop if text[at + len(stop) :].strip() else None
