"""How servers say that a text came to its end, was cut off, or was not to be."""

from __future__ import annotations

import re
from typing import Any

from mlpo_bench.engines.server.words import one_line
from mlpo_bench.errors import EngineError


_STOPPED = {
    "", "stop", "stopped", "eos", "eos_token", "end_turn", "stop_sequence", "stop_sequence_reached", "complete",
    "completed", "finish", "finished", "end", "done", "normal", "finish_reason_stop",
}  # fmt: skip
_REFUSED = {"refusal", "refused"}
_FILTERED = re.compile(
    r"content_filter|safety|recitation|blocklist|blocked|prohibited|sensitive|spii|guardrail|moderat|flagged|policy"
    r"|model_armor|censor"
)
_TOOLS = {"tool_calls", "tool_use", "function_call"}
_FAILURE = re.compile(
    r"error|fail(?:ed|ure)|abort|cancel|time(?:d_)?_?out|overload|shut(?:ting)?_?down|preempt|interrupt|disconnect"
    r"|unavailable|insufficient_system_resource|rate_limit"
)
_CUT = re.compile(r"length|limit|max_|maxtokens|context_|incomplete|truncat|budget|repetition|pause_turn|\Atokens?\Z")


def ending(reason: Any, text: str) -> tuple[str, str]:  # noqa: ANN401 - whatever JSON holds
    """Return how an answer ended (`stop`, `length` or `refused`), and what is odd about the way it says so.

    Raises:
        EngineError: it did not end, but failed.
    """
    shown = one_line(repr(reason), 60)
    word = _word(reason)
    if word is None:
        return "stop", f"says {shown} where it should say why an answer ended; taken as its end"
    if word in _STOPPED:
        return "stop", ""
    if word in _REFUSED:
        return "refused", ""
    if _FILTERED.search(word):
        raise EngineError(f"ended an answer with {shown}: a filter of its own.", transient=False, own=True)
    if _FAILURE.search(word):  # before what was cut off: ERROR_LIMIT is no length
        raise EngineError(f"ended an answer with {shown}.")
    if _CUT.search(word):
        return "length", ""
    if word in _TOOLS and not text.strip():
        told = f"ended an answer with {shown}: it calls a tool, though none was offered."
        raise EngineError(told, transient=False, own=True)
    return "stop", f"ended an answer with {shown}, which is taken as its end"


def _word(reason: Any) -> str | None:  # noqa: ANN401
    """Return the word of a reason, in small letters: `FinishReason.length` and `{"type": "length"}` hold one too."""
    if isinstance(reason, dict):
        reason = reason.get("type", reason)
    if reason is None:
        return ""
    if not isinstance(reason, str):
        return None
    return re.sub(r"[\s-]+", "_", reason.strip().rstrip(".").rpartition(".")[2].lower())
