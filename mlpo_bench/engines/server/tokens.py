"""The tokens that a server tells with an answer, where they can be."""

from __future__ import annotations

from typing import Any

from mlpo_bench.chat import Usage


_MOST_TOLD = 100_000_000
"""More tokens than any model reads or writes at once: a larger figure is none."""
_CACHE_WRITES = ("cache_creation_input_tokens", "cache_write_tokens", "cache_creation_tokens")
"""What servers call the tokens of a prompt that they wrote to a cache."""


def told_usage(told: Any) -> Usage | None:  # noqa: ANN401 - whatever JSON holds
    """Return the tokens that a server tells; None where it leaves some out, or where they cannot be."""
    if not isinstance(told, dict):
        return None
    prompt = _first_count(told, "prompt_tokens", "input_tokens")
    written = _first_count(told, "completion_tokens", "output_tokens")
    total = _first_count(told, "total_tokens")
    if written is None and total is not None and prompt is not None and total >= prompt:
        written = total - prompt
    if prompt is None and total is not None and written is not None and total >= written:
        prompt = total - written
    if prompt is None or written is None:
        return None
    details = told.get("prompt_tokens_details") or told.get("input_tokens_details")
    cached = _first_count(details, "cached_tokens") if isinstance(details, dict) else None
    if cached is None:
        cached = _first_count(told, "prompt_cache_hit_tokens", "cache_read_input_tokens", "cached_tokens") or 0
    # Where more was cached than the prompt has, the server counts what was cached apart.
    fresh = prompt - cached if cached <= prompt else prompt
    stored = _first_count(details, *_CACHE_WRITES) if isinstance(details, dict) else None
    stored = (_first_count(told, *_CACHE_WRITES) or 0) if stored is None else stored
    if not prompt + cached + stored:  # no prompt has no tokens
        return None
    apart = (cached if cached > prompt else 0) + stored
    written += _beside(told, written, None if total is None else total - prompt - written, apart)
    return Usage(max(fresh, stored), cached, written, stored) if written <= _MOST_TOLD else None


def _beside(told: dict[str, Any], written: int, left: int | None, cached: int) -> int:
    """Return how many tokens of thinking were written beside those that a server counts as its completion.

    Most servers count them within. They are counted apart where they are more than the whole, or the total is larger
    by just so many, or is larger though nothing else explains it. `left` is what the total holds beyond the prompt and
    the completion (None where there is none), `cached` what may have been cached apart.
    """
    details = told.get("completion_tokens_details") or told.get("output_tokens_details")
    thought = _first_count(details, "reasoning_tokens") if isinstance(details, dict) else None
    if left is None:
        return thought if thought and thought > written else 0
    if left <= 0 or (thought is None and cached):
        return 0
    return left if thought is None or thought > written or thought == left else 0


def _first_count(told: dict[str, Any], *names: str) -> int | None:
    return next((count for name in names if (count := _count(told.get(name))) is not None), None)


def _count(value: Any) -> int | None:  # noqa: ANN401
    """Return a number of tokens, or None for what is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= _MOST_TOLD else None
