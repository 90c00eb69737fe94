"""Answers declared as programs do: a value in JSON, or the argument by which an agent of smolagents hands in its own.

Every pattern repeats only within small bounds.
"""

from __future__ import annotations

import json
import re
from collections import deque
from typing import TYPE_CHECKING

from mlpo_bench.answers.declared import Declared


if TYPE_CHECKING:
    from collections.abc import Iterator


_TRIED = 20
_LONGEST = 5_000
_JSON = re.compile(
    r"[\"'](?:(?:final|correct)[_ ]?)?(?:answer|choice|option|solution)[\"']\s{0,4}:\s{0,4}(?=[^\s])",
    re.IGNORECASE,
)
# `final_answer(42)` on a line of its own; a bare name is a variable, whose value nobody knows.
_CALL = re.compile(
    r"^[ \t>]{0,8}(?:return\s)?`{0,3}(?:final_answer|submit(?:_answer)?)\(\s{0,8}(?:(?:answer|result|value)\s?=\s?)?"
    r"(?=[rfb]?[\"'\[(]|[-+]?[0-9.]|(?:True|False)\b)",
    re.MULTILINE,
)
_QUOTED = re.compile(r"[rfb]?(?P<quote>\"\"\"|'''|\"|')(?P<said>.{0,4000}?)(?<!\\)(?P=quote)", re.DOTALL)
_PLAIN = re.compile(r"(?P<said>[-+]?[0-9][0-9_.,eE/* +-]{0,80}|True|False)\)")


def stated(text: str) -> Iterator[Declared]:
    """Yield the values that a text gives under the name of its answer, in JSON or in a call."""
    for mark in deque(_JSON.finditer(text), maxlen=_TRIED):
        yield Declared("phrase", mark.start(), mark.end(), _json_value(text[mark.end() :][:_LONGEST]))
    for mark in deque(_CALL.finditer(text), maxlen=_TRIED):
        yield Declared("phrase", mark.start(), mark.end(), _argument(text[mark.end() :][:_LONGEST]))


def _json_value(written: str) -> str:
    """Return what the JSON value that a text begins with says, a list by its entries; else the text up to a comma."""
    try:
        value, _ = json.JSONDecoder().raw_decode(written)
    except (ValueError, RecursionError):
        return re.split(r"[,}\n]", written, maxsplit=1)[0].strip(" \"'")
    if isinstance(value, str) and re.search(r"[\x00-\x1f]", value):  # LaTeX whose backslashes were not escaped
        return written[1:].partition('"')[0]
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _argument(written: str) -> str:
    """Return what the argument that a text begins with says, a list or tuple by its entries in quotes."""
    if written[0] in "[(":
        listed = written.partition("])"[written[0] == "("])[0]
        entries = [entry["said"] for entry in _QUOTED.finditer(listed)]
        return ", ".join(entries) if entries else listed[1:].strip()
    said = _QUOTED.match(written) or _PLAIN.match(written)
    return said["said"].strip() if said else ""
