"""What a server's answer means: a `Reply`, or that request's `EngineError`, whatever the answer holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlpo_bench.chat import Usage
from mlpo_bench.engines.server.words import one_line
from mlpo_bench.engines.server.words import said as words_of
from mlpo_bench.errors import EngineError


if TYPE_CHECKING:
    from collections.abc import Callable

    from mlpo_bench.chat import FinishReason

# How servers say that a text came to its end, was cut off, or was not to be.
_STOPPED = {
    "", "stop", "stopped", "eos", "eos_token", "end_turn", "stop_sequence", "stop_sequence_reached", "complete",
    "completed", "finish", "finished", "end", "done", "normal", "finish_reason_stop",
}  # fmt: skip
_CUT_OFF = {
    "length", "max_tokens", "max_length", "max_output_tokens", "max_new_tokens", "model_length", "token_limit",
    "max_completion_tokens", "model_context_window_exceeded", "finish_reason_max_tokens",
}  # fmt: skip
_REFUSED = {"refusal", "refused"}
_FILTERED = {"content_filter", "content_filtered", "safety", "recitation", "blocklist", "prohibited_content", "spii"}
_FAILED = {"error", "abort", "aborted", "cancelled", "canceled", "failed", "timeout", "insufficient_system_resource"}
_TOOLS = {"tool_calls", "tool_use", "function_call"}

_THINKING_FIELDS = ("reasoning_content", "reasoning", "reasoning_text", "thinking")
_THINKING_PARTS = {"thinking", "reasoning", "reasoning_text", "reasoning.text", "reasoning.summary"}
_THINKING_IN = ("thinking", "reasoning", "text", "summary", "content")
_WORDLESS = ("refusal", "redacted_thinking")
"""Kinds of parts that say nothing of the answer."""
_DEEPEST = 8
_MOST_TOLD = 100_000_000
"""More tokens than any model reads or writes at once: a larger figure is none."""
_CACHE_WRITES = ("cache_creation_input_tokens", "cache_write_tokens", "cache_creation_tokens")
"""What servers call the tokens of a prompt that they wrote to a cache."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered.

    `usage` is None where it does not tell its tokens, or tells what cannot be. `note` is what was odd about the answer
    though it counts; `fingerprint` is what the server calls the state that it answered from.
    """

    text: str
    finish_reason: FinishReason
    usage: Usage | None
    reasoning: str | None = None
    refused: bool = False
    note: str = ""
    fingerprint: str | None = None


class RateLimited(EngineError):
    """A server asks to wait, in an answer with status 200."""


def parsed(body: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return what a body holds as JSON.

    Raises:
        ValueError: it holds none, or none that can be read.
    """
    try:
        return json.loads(body, object_pairs_hook=_object)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; of two values under one name nobody knows which is meant."""
    made = dict(pairs)
    if len(made) < len(pairs):
        for name, value in pairs:
            if made[name] != value:
                raise ValueError(f"{one_line(name, 60)!r} stands twice, and is not the same")
    return made


def read(content: Any) -> Reply:  # noqa: ANN401 - whatever JSON holds
    """Return what an answer with status 200 means.

    Raises:
        EngineError: it holds no answer; the message, which completes `the server ...`, says what it holds instead.
    """
    if not isinstance(content, dict):
        raise EngineError(f"did not answer with a completion, but with {_kind(content)}.")
    choices = content.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, dict):
        if content.get("error"):
            raise _failed(content["error"])
        what = f"a choice that is {_kind(first)}" if isinstance(choices, list) and choices else "no choices"
        raise EngineError(f"did not answer with a completion: it has {what}.")
    if first.get("error"):
        raise _failed(first["error"])
    fingerprint = content.get("system_fingerprint")
    return _chosen(first, _usage(content.get("usage")), fingerprint if isinstance(fingerprint, str) else None)


def _failed(error: Any) -> EngineError:  # noqa: ANN401
    """Return the fault of an error that came with status 200."""
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, int | str) and code in {429, "429", "rate_limit_exceeded"}:
        return RateLimited(f"answered with an error: {words_of(error) or 'too many requests'}.")
    final = isinstance(code, int) and 400 <= code < 500 and code not in {408, 409, 425, 429}  # noqa: PLR2004 - HTTP's
    return EngineError(f"answered with an error: {words_of(error) or 'it does not say which'}.", transient=not final)


def _chosen(choice: dict[str, Any], usage: Usage | None, fingerprint: str | None) -> Reply:
    content, message = _content(choice)
    text, thought = _joined(content, "the content")
    reasoning = thought or _reasoning(message)
    refusal = _refusal(message, content)
    usage = usage if usage is None or usage.completion or not text else None  # a text of no tokens cannot be
    reason = choice.get("finish_reason")
    finish, note = _finish(reason, text)
    if finish == "refused" or refusal:
        told = refusal if refusal and not text.strip() else text
        return Reply(told, "stop", usage, reasoning, refused=True, fingerprint=fingerprint)
    if finish == "stop" and not text.strip():
        raise EngineError(_empty(reason, reasoning, message), transient=False)
    cut_off: FinishReason = "length" if finish == "length" else "stop"
    return Reply(text, cut_off, usage, reasoning, note=note, fingerprint=fingerprint)


def _refusal(message: dict[str, Any], content: Any) -> str:  # noqa: ANN401
    """Return the words of a refusal that stands beside the content, or as a part of it; none where there is none."""
    parts = content if isinstance(content, list) else [content]
    told = [message, *(part for part in parts if isinstance(part, dict) and part.get("type") in _WORDLESS)]
    words = (one.get("refusal") for one in told)
    return _whole(next((one for one in words if isinstance(one, str) and one.strip()), ""))


def _content(choice: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return what a choice says, and the message that it stands in (an empty one for a plain completion)."""
    if "message" in choice:
        message = choice["message"]
        if not isinstance(message, dict):
            raise EngineError(f"did not answer with a completion: its message is {_kind(message)}.")
        return message.get("content"), message
    if "text" in choice:
        return choice["text"], {}
    raise EngineError("did not answer with a completion: its choice has no message.")


def _joined(content: Any, what: str, depth: int = _DEEPEST) -> tuple[str, str | None]:  # noqa: ANN401
    """Return the text and the thinking of a content: a string, nothing, a part, or a list of parts."""
    if content is None:
        return "", None
    if isinstance(content, str):
        return _whole(content), None
    if isinstance(content, dict) and depth:
        return _part(content, what, depth)
    if isinstance(content, list) and depth:
        parts = [_joined(part, what, depth - 1) for part in content]
        thoughts = [thought for _, thought in parts if thought]
        return "".join(text for text, _ in parts), "\n".join(thoughts) or None
    raise EngineError(f"did not answer with a completion: {what} is {_kind(content)}.")


def _part(part: dict[str, Any], what: str, depth: int) -> tuple[str, str | None]:
    kind = part.get("type")
    if isinstance(kind, str) and kind.lower() in _THINKING_PARTS:
        inner = next((part[name] for name in _THINKING_IN if name in part), None)
        text, thought = _joined(inner, what, depth - 1)
        return "", thought or text or None
    if kind in _WORDLESS:
        return "", None
    if "text" not in part:
        shown = one_line(repr(kind), 40)
        raise EngineError(f"did not answer with a completion: {what} has a part without text ({shown}).")
    inner = part["text"]
    return _joined(inner["value"] if isinstance(inner, dict) and "value" in inner else inner, what, depth - 1)


def _reasoning(message: dict[str, Any]) -> str | None:
    """Return the thinking that stands beside a content; what is no text there is none."""
    for field in (*_THINKING_FIELDS, "reasoning_details"):
        try:
            text, thought = _joined(message.get(field), field)
        except EngineError:
            continue
        if reasoning := (thought or text).strip():
            return reasoning
    return None


def _finish(reason: Any, text: str) -> tuple[str, str]:  # noqa: ANN401
    """Return how an answer ended (`stop`, `length` or `refused`), and what is odd about the way it says so."""
    word = "" if reason is None else str(reason).strip().lower() if isinstance(reason, str) else None
    shown = one_line(repr(reason), 60)
    if word is None:
        return "stop", f"says {shown} where it should say why an answer ended; taken as its end"
    if word in _STOPPED:
        return "stop", ""
    if word in _CUT_OFF:
        return "length", ""
    if word in _REFUSED:
        return "refused", ""
    if word in _FILTERED:
        raise EngineError(f"ended an answer with {shown}: a filter of its own.", transient=False)
    if word in _FAILED:
        raise EngineError(f"ended an answer with {shown}.")
    if word in _TOOLS and not text.strip():
        raise EngineError(f"ended an answer with {shown}: it calls a tool, though none was offered.", transient=False)
    return "stop", f"ended an answer with {shown}, which is taken as its end"


def _empty(reason: Any, reasoning: str | None, message: dict[str, Any]) -> str:  # noqa: ANN401
    shown = one_line(repr(reason), 40)
    if reasoning is None:
        if message.get("tool_calls") or message.get("function_call"):
            return f"answered with nothing but a call of a tool, though none was offered (finish reason {shown})."
        return f"answered with nothing: the content is empty, the finish reason {shown}."
    return (
        f"wrote its thinking apart ({len(reasoning)} characters) and no answer: the content is empty, the finish "
        f"reason {shown}. Does its reasoning parser fit the model?"
    )


def _usage(told: Any) -> Usage | None:  # noqa: ANN401
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
    if prompt is None or written is None or (prompt == 0 and written == 0):
        return None
    details = told.get("prompt_tokens_details") or told.get("input_tokens_details")
    cached = _first_count(details, "cached_tokens") if isinstance(details, dict) else None
    if cached is None:
        cached = _first_count(told, "prompt_cache_hit_tokens", "cache_read_input_tokens", "cached_tokens") or 0
    # Where more was cached than the prompt has, the server counts what was cached apart.
    fresh = prompt - cached if cached <= prompt else prompt
    stored = _first_count(details, *_CACHE_WRITES) if isinstance(details, dict) else None
    stored = (_first_count(told, *_CACHE_WRITES) or 0) if stored is None else stored
    return Usage(max(fresh, stored), cached, written, stored)


def _first_count(told: dict[str, Any], *names: str) -> int | None:
    return next((count for name in names if (count := _count(told.get(name))) is not None), None)


def _count(value: Any) -> int | None:  # noqa: ANN401
    """Return a number of tokens, or None for what is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= _MOST_TOLD else None


def _whole(text: str) -> str:
    """Return a text without halves of surrogate pairs, which no UTF-8 file can hold."""
    return text.encode("utf-8", "replace").decode()


_KINDS: dict[type, Callable[[Any], str]] = {
    dict: lambda _: "an object",
    list: lambda value: "a list" if value else "an empty list",
    str: lambda value: f"the text {one_line(value, 60)!r}",
    bool: lambda value: str(value).lower(),
}


def _kind(value: Any) -> str:  # noqa: ANN401
    if value is None:
        return "null"
    return _KINDS.get(type(value), lambda _: "a number")(value)
