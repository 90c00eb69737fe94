"""What a server's answer means: a `Reply`, or that request's `EngineError`, whatever the answer holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlpo_bench.engines.server.tokens import told_usage
from mlpo_bench.engines.server.words import one_line
from mlpo_bench.engines.server.words import said as words_of
from mlpo_bench.errors import EngineError, digits_or


if TYPE_CHECKING:
    from collections.abc import Callable

    from mlpo_bench.chat import FinishReason, Usage

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
_DIGITS_OF_A_STATUS = 3
_WAITS = {"429", "rate_limit_exceeded"}
_PASSING = {408, 409, 425, 429}
_FINAL = {
    "authentication_error", "bad_request", "badrequesterror", "forbidden", "invalid_api_key", "invalid_request",
    "invalid_request_error", "model_not_found", "not_found", "not_found_error", "notfounderror", "permission_denied",
    "permission_error", "unauthenticated", "unauthorized",
}  # fmt: skip
"""Names of errors that stay however often is asked, where servers give a name in place of HTTP's number."""
_STREAMED = (b"data:", b"event:", b"id:", b"retry:", b":")
"""How a stream of server-sent events begins: with a field, or with a comment."""


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


def unreadable(body: bytes, why: ValueError) -> EngineError:
    """Return the fault of a body that holds no JSON; its message completes `the server ...`."""
    if not body.strip():
        return EngineError("sent an empty answer.")
    if _is_streamed(body):
        return EngineError("streams its answer, though no stream was asked for; turn that off there.", transient=False)
    return EngineError(f"sent no valid answer: {digits_or(why)}.")


def _is_streamed(body: bytes) -> bool:
    """Whether a body is a stream: server-sent events, or one object on each line."""
    if body.lstrip().startswith(_STREAMED):
        return True
    lines = [line for line in body.split(b"\n", 2) if line.strip()][:2]
    try:
        return len(lines) > 1 and all(isinstance(parsed(line), dict) for line in lines)
    except ValueError:
        return False


def read(content: Any) -> Reply:  # noqa: ANN401 - whatever JSON holds
    """Return what an answer with status 200 means.

    Raises:
        EngineError: it holds no answer; the message, which completes `the server ...`, says what it holds instead.
    """
    if not isinstance(content, dict):
        raise EngineError(f"did not answer with a completion, but with {_kind(content)}.")
    choices = content.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    for error in (content if content.get("object") == "error" else content.get("error"), _error_of(first)):
        if _says_something(error):  # what was written until then is no answer
            raise _failed(error)
    if not isinstance(first, dict):
        what = f"a choice that is {_kind(first)}" if isinstance(choices, list) and choices else "no choices"
        raise EngineError(f"did not answer with a completion: it has {what}.")
    fingerprint = content.get("system_fingerprint")
    return _chosen(first, told_usage(content.get("usage")), fingerprint if isinstance(fingerprint, str) else None)


def _error_of(choice: Any) -> Any:  # noqa: ANN401
    return choice.get("error") if isinstance(choice, dict) else None


def _says_something(error: Any) -> bool:  # noqa: ANN401
    """Whether an error is one: some servers send the field with nothing in it."""
    inner = error.values() if isinstance(error, dict) else error if isinstance(error, list) else None
    return bool(error) if inner is None else any(inner)


def _failed(error: Any) -> EngineError:  # noqa: ANN401
    """Return the fault of an error that came with status 200."""
    codes = _codes(error)
    if codes & _WAITS:
        return RateLimited(f"answered with an error: {words_of(error) or 'too many requests'}.")
    numbers = {int(code) for code in codes if code.isdecimal() and len(code) <= _DIGITS_OF_A_STATUS}
    final = bool(codes & _FINAL) or any(400 <= one < 500 and one not in _PASSING for one in numbers)  # noqa: PLR2004 - HTTP's
    return EngineError(f"answered with an error: {words_of(error) or 'it does not say which'}.", transient=not final)


def _codes(error: Any) -> set[str]:  # noqa: ANN401
    """Return what an error calls itself, in small letters; a number stands there as text with some servers."""
    told = (error.get(place) for place in ("code", "status", "type")) if isinstance(error, dict) else ()
    return {
        str(int(one) if isinstance(one, float) and one.is_integer() else one).strip().lower()
        for one in told
        if isinstance(one, int | float | str) and not isinstance(one, bool)
    }


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
        raise EngineError(_empty(reason, reasoning, message), transient=False, own=True)
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
        raise EngineError(f"ended an answer with {shown}: a filter of its own.", transient=False, own=True)
    if word in _FAILED:
        raise EngineError(f"ended an answer with {shown}.")
    if word in _TOOLS and not text.strip():
        told = f"ended an answer with {shown}: it calls a tool, though none was offered."
        raise EngineError(told, transient=False, own=True)
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
