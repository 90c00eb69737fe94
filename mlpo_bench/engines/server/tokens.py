"""The tokens that a server tells with an answer, where they can be."""

from __future__ import annotations

from typing import Any

from mlpo_bench.chat import Usage


_MOST_TOLD = 100_000_000
"""More tokens than any model reads or writes at once: a larger figure is none."""
_CACHE_WRITES = ("cache_creation_input_tokens", "cache_write_tokens", "cache_creation_tokens")
"""What servers call the tokens of a prompt that they wrote to a cache."""


_ANTHROPIC = ("cache_read_input_tokens", "cache_creation_input_tokens")


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
    stored = _first_count(details, *_CACHE_WRITES) if isinstance(details, dict) else None
    stored = (_first_count(told, *_CACHE_WRITES) or 0) if stored is None else stored
    if not prompt + cached + stored:  # no prompt has no tokens
        return None
    left = None if total is None else total - prompt - written
    thought = _thought(told)
    beyond = _cached_beside(left, thought, cached, stored)
    apart = cached > prompt or beyond > 0 or _anthropic(told)
    if apart and left is not None and left != thought and left >= (beyond or cached):
        left -= beyond or cached
    written += _beside(thought, written, left, (cached if apart else 0) + stored)
    fresh = prompt if apart else prompt - cached
    fresh = fresh + stored if _anthropic(told) or beyond > cached else max(fresh, stored)
    return Usage(fresh, cached, written, stored) if written <= _MOST_TOLD else None


def _anthropic(told: dict[str, Any]) -> bool:
    """Whether a cache is told under the names of Anthropic, whose `input_tokens` hold nothing of it."""
    return "prompt_tokens" not in told and any(name in told for name in _ANTHROPIC)


def _cached_beside(left: int | None, thought: int | None, cached: int, stored: int) -> int:
    """Return how many tokens of a cache a total holds beyond prompt and completion; none where they are within.

    `left` is what it holds there in all. Where that is the thinking as well, it is the thinking.
    """
    if not cached or not left or left == thought:
        return 0
    sizes = (cached, cached + stored)
    return next((size for size in sizes if left == size or (thought and left == size + thought)), 0)


def _thought(told: dict[str, Any]) -> int | None:
    """Return how many tokens of thinking a server tells; None where it tells none."""
    details = told.get("completion_tokens_details") or told.get("output_tokens_details")
    return _first_count(details, "reasoning_tokens") if isinstance(details, dict) else None


def _beside(thought: int | None, written: int, left: int | None, cached: int) -> int:
    """Return how many tokens of thinking were written beside those that a server counts as its completion.

    Most servers count them within. They are counted apart where they are more than the whole, or the total is larger
    by just so many, or is larger though nothing else explains it. `left` is what the total holds beyond the prompt and
    the completion (None where there is none), `cached` what may have been cached apart.
    """
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
