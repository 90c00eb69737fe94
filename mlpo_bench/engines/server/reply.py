"""What a server's answer means: a `Reply`, or that request's `EngineError`, whatever the answer holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlpo_bench.engines.server.endings import ending
from mlpo_bench.engines.server.failures import blocked, error_of, failed
from mlpo_bench.engines.server.protocols import is_piece, other_protocol
from mlpo_bench.engines.server.tokens import told_usage
from mlpo_bench.engines.server.words import one_line, said
from mlpo_bench.errors import EngineError, digits_or


if TYPE_CHECKING:
    from collections.abc import Callable

    from mlpo_bench.chat import FinishReason, Usage

_THINKING_FIELDS = ("reasoning_content", "reasoning", "reasoning_text", "thinking")
_THINKING_PARTS = {"thinking", "reasoning", "reasoning_text", "reasoning.text", "reasoning.summary"}
_THINKING_IN = ("thinking", "reasoning", "text", "summary", "content")
_WORDLESS = ("refusal", "redacted_thinking")
"""Kinds of parts that say nothing of the answer."""
_DEEPEST = 8
_READ_OF_A_PAGE = 20_000
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
    if body.lstrip().startswith(b"<"):
        page = said(None, body[:_READ_OF_A_PAGE].decode("utf-8", "replace")).rstrip(".")
        return EngineError(f"sent a page in place of an answer{page and f': {page}'}. Is that the base_url?")
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
        raise other_protocol(content) or EngineError(f"did not answer with a completion, but with {_kind(content)}.")
    choices = content.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, dict) and (foreign := blocked(content) or _of_another_protocol(content)) is not None:
        raise foreign
    answered = isinstance(first, dict) and ("message" in first or "text" in first)
    if (error := error_of(content, first, answered=answered)) is not None:
        raise failed(error)  # what was written until then is no answer
    if not isinstance(first, dict):
        what = f"a choice that is {_kind(first)}" if isinstance(choices, list) and choices else "no choices"
        raise EngineError(f"did not answer with a completion: it has {what}.")
    fingerprint = content.get("system_fingerprint")
    return _chosen(first, told_usage(content.get("usage")), fingerprint if isinstance(fingerprint, str) else None)


def _of_another_protocol(content: dict[str, Any]) -> EngineError | None:
    """Return the fault of an answer in another protocol, unless it tells of an error there."""
    return None if content.get("error") else other_protocol(content)


def _chosen(choice: dict[str, Any], usage: Usage | None, fingerprint: str | None) -> Reply:
    content, message = _content(choice)
    text, thought = _joined(content, "the content")
    reasoning = thought or _reasoning(message)
    refusal = _refusal(message, content)
    usage = usage if usage is None or usage.completion or not text else None  # a text of no tokens cannot be
    reason = choice.get("finish_reason")
    finish, note = ending(reason, text)
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
    if choice.get("message") is not None or ("message" in choice and not choice.keys() & {"text", "delta"}):
        message = choice["message"]
        if not isinstance(message, dict):
            raise EngineError(f"did not answer with a completion: its message is {_kind(message)}.")
        return message.get("content"), message
    if "text" in choice:
        return choice["text"], {}
    if is_piece(choice):
        raise EngineError(_PIECE, transient=False)
    raise EngineError("did not answer with a completion: its choice has no message.")


_PIECE = "answered with a piece of a stream (`delta`), though no stream was asked for; turn that off there."


def _joined(content: Any, what: str, depth: int = _DEEPEST) -> tuple[str, str | None]:  # noqa: ANN401
    """Return the text and the thinking of a content: a string, nothing, a part, or a list of parts."""
    if content is None:
        return "", None
    if isinstance(content, str):
        return _whole(content), None
    if isinstance(content, dict) and depth:
        return _part(content, what, depth)
    if isinstance(content, list) and depth:
        parts = _parts(content, what, depth)
        thoughts = [thought for _, thought in parts if thought]
        return "".join(text for text, _ in parts), "\n".join(thoughts) or None
    raise EngineError(f"did not answer with a completion: {what} is {_kind(content)}.")


class _Textless(EngineError):
    """A part of another kind than text: a call of a tool, an image, a reference, thinking that is encrypted."""


def _parts(content: list[Any], what: str, depth: int) -> list[tuple[str, str | None]]:
    """Return the text and the thinking of each part; those without are passed over where another has some."""
    parts: list[tuple[str, str | None]] = []
    textless: list[_Textless] = []
    for part in content:
        try:
            parts.append(_joined(part, what, depth - 1))
        except _Textless as fault:
            textless.append(fault)
    if textless and not any(text or thought for text, thought in parts):
        raise textless[0]
    return parts


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
        told = f"did not answer with a completion: {what} has a part without text ({shown})."
        raise _Textless(told, transient=False, own="tool" in shown or "function" in shown)
    inner = part["text"]
    return _joined(inner["value"] if isinstance(inner, dict) and "value" in inner else inner, what, depth - 1)


def _reasoning(message: dict[str, Any]) -> str | None:
    """Return the thinking that stands beside a content; what is no text there is none."""
    for field in (*_THINKING_FIELDS, "reasoning_details", "thinking_blocks"):
        told = message.get(field)
        if isinstance(told, dict):  # whatever kind of object it calls itself
            told = next((told[name] for name in _THINKING_IN if told.get(name)), None)
        try:
            text, thought = _joined(told, field)
        except EngineError:
            continue
        if reasoning := (thought or text).strip():
            return reasoning
    return None


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
