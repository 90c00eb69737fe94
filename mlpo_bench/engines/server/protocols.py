"""Answers in another protocol than OpenAI's: each is named, and none is asked for again, for all would be alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlpo_bench.errors import EngineError


if TYPE_CHECKING:
    from collections.abc import Callable

_FORMS: tuple[tuple[str, Callable[[dict[str, Any]], bool]], ...] = (
    ("Anthropic's own form", lambda c: c.get("type") == "message" and isinstance(c.get("content"), list)),
    ("Gemini's own form", lambda c: isinstance(c.get("candidates"), list)),
    ("the form of OpenAI's Responses", lambda c: c.get("object") == "response"),
    ("Bedrock's own form", lambda c: isinstance(c.get("output"), dict) and "stopReason" in c),
    ("Ollama's own form", lambda c: "done" in c and ("message" in c or "response" in c)),
    ("Cohere's own form", lambda c: "finish_reason" in c and ("message" in c or "text" in c)),
    ("TGI's own form", lambda c: "generated_text" in c),
    ("Cloudflare's own form", lambda c: isinstance(c.get("result"), dict) and c.get("success") is True),
    ("llama.cpp's own form", lambda c: isinstance(c.get("content"), str) and "stop" in c),
)


def other_protocol(content: Any) -> EngineError | None:  # noqa: ANN401 - whatever JSON holds
    """Return the fault of an answer that another protocol's server gave; None where it is none that is known."""
    one = content[0] if isinstance(content, list) and content else content
    if not isinstance(one, dict):
        return None
    form = next((name for name, holds in _FORMS if holds(one)), None)
    if form is None:
        return None
    return EngineError(
        f"did not answer with a completion: this is {form}. A base_url leads to where OpenAI's protocol is spoken, and "
        "ends in /v1 with most servers.",
        transient=False,
    )


def is_piece(choice: dict[str, Any]) -> bool:
    """Whether a choice is a piece of a stream."""
    return isinstance(choice.get("delta"), dict) and choice.get("message") is None and "text" not in choice
