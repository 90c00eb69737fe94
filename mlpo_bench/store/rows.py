"""What the store holds of a completion, as JSON; what holds none is never taken for one."""

from __future__ import annotations

import math
from typing import get_args

import orjson

from mlpo_bench.chat import Completion, FinishReason, Usage


MOST_TOKENS = 2**31 - 1
"""More than any completion has; what a run's ledger holds."""

_LATEST = 2**40
"""More seconds since 1970 than have passed, by far."""


def written(made: Completion) -> bytes:
    """Return the row of a completion."""
    u = made.usage
    row = [made.text, u.prompt, u.cached, u.completion, made.finish_reason, made.seconds]
    more = made.more | ({} if made.asked_at is None else {"asked_at": round(made.asked_at)})
    return orjson.dumps([*row, more] if more else row)


def read(value: bytes) -> Completion | None:
    """Return the completion that a row holds, or None where it holds none."""
    try:
        text, prompt, cached, completion, finish_reason, seconds, *more = orjson.loads(value)
        made = Completion(text, Usage(prompt, cached, completion), finish_reason, seconds, **dict(*more))
    except (ValueError, TypeError):
        return None
    return made if sound(made) else None


def sound(made: Completion) -> bool:
    """Whether a completion holds what one can hold: text, whole numbers of tokens, seconds that have passed."""
    u = made.usage
    return (
        isinstance(made.text, str)
        and isinstance(u, Usage)
        and all(type(count) is int and 0 <= count <= MOST_TOKENS for count in (u.prompt, u.cached, u.completion))
        and made.finish_reason in get_args(FinishReason)
        and type(made.seconds) in {int, float}
        and 0 <= made.seconds < math.inf
        and isinstance(made.reasoning, str | None)
        and isinstance(made.refused, bool)
        and isinstance(made.estimated, bool)
        and type(made.cache_written) is int
        and 0 <= made.cache_written <= MOST_TOKENS
        and (made.asked_at is None or (type(made.asked_at) in {int, float} and 0 <= made.asked_at < _LATEST))
    )
