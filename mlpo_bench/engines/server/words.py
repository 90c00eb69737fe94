"""What a server says, made fit for a line on a terminal: no markup, no control characters, no secrets."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST = 400
_SHORTEST_SECRET = 6
_TITLE = re.compile(r"<(?:title|h1)[^>]{0,200}>(.{1,300}?)</", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"</?[a-zA-Z!][^<>]{0,500}>")
_PLACES = (
    "message", "error", "detail", "details", "errors", "msg", "error_message", "error_msg", "errmsg", "base_resp",
    "status_msg", "title", "reason", "description", "object",
)  # fmt: skip
_DEEPEST = 6


def said(content: Any, raw: str = "") -> str:  # noqa: ANN401 - whatever JSON holds
    """Return what a server says in the JSON of a reply, or in the raw text where there is no JSON."""
    told = _text_in(content, _DEEPEST)
    return one_line(told or _without_tags(raw))


def _text_in(content: Any, depth: int) -> str:  # noqa: ANN401
    """Return the first words in the places where servers put them."""
    if isinstance(content, str):
        return content
    if depth and isinstance(content, dict):
        texts = (_text_in(content[place], depth - 1) for place in _PLACES if place in content)
        told = next((text for text in texts if text.strip()), "")
        return _with_behind(told, _text_in(behind(content), depth - 1))
    if depth and isinstance(content, list):
        parts = [_located(part, depth - 1) for part in content[:5]]
        return "; ".join(part for part in parts if part)
    return ""


def behind(content: Any) -> Any:  # noqa: ANN401
    """Return what the server behind a gateway said, which OpenRouter hands on as it came; None where nothing is."""
    metadata = content.get("metadata") if isinstance(content, dict) else None
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    if not isinstance(raw, str):
        return raw
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return _without_tags(raw)


def _with_behind(told: str, behind: str) -> str:
    """Return a gateway's words ("Provider returned error") with those of the server behind it."""
    if not behind.strip() or behind in told:
        return told
    return f"{told.rstrip(' .')}: {behind}" if told.strip() else behind


def _located(part: Any, depth: int) -> str:  # noqa: ANN401
    """Return one of several faults, with the field that it is about: `seed: extra fields not permitted`."""
    text = _text_in(part, depth)
    place = part.get("loc") if isinstance(part, dict) else None
    if text and isinstance(place, list) and place:
        return f"{place[-1]}: {text}"
    return text


def _without_tags(raw: str) -> str:
    raw = raw[:20_000]
    if (title := _TITLE.search(raw)) is not None:
        return title[1]
    return _TAG.sub(" ", raw) if raw.lstrip().startswith("<") else raw


def one_line(text: str, longest: int = LONGEST) -> str:
    """Return a text as one line of characters that can be seen, cut behind `longest` of them; see `without_users`."""
    text = without_users(text[: 4 * longest])
    seen = "".join(c if c.isprintable() else " " for c in _ESCAPE.sub(" ", text))
    line = " ".join(seen.encode("utf-8", "replace").decode().split())
    return line if len(line) <= longest else f"{line[:longest].rstrip()}…"


# What moves a terminal's cursor or colours its text.
_ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]{0,40}[ -/]{0,4}[@-~]|\][^\x07\x1b]{0,500}(?:\x07|\x1b\\)|.)?", re.DOTALL)


def without_users(text: str) -> str:
    """Return a text in whose addresses no user and no password stands."""
    return _USER.sub("://", text)


_USER = re.compile(r"://[^\s/?#'\"<>]{0,300}@")


def without(secrets: Iterable[str], text: str) -> str:
    """Return a text with secrets replaced by `***`."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text
