"""The marks that set a model's thoughts apart, where its tokenizer or its prompt would hide them.

Whoever reads an answer tells thoughts from it by their marks (`<think>`, `[THINK]`, `<|channel|>analysis`). Two things
take these away. Some tokenizers hold them as special tokens, which are left out of a text. And some templates open a
thought in the prompt, so that an answer that is cut off before it closes one would show no mark at all. So such tokens
are kept, and what a prompt opens stands in front of the answer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterable

_WORD = r"(?:[a-z]{1,12}[:_-]?)?think(?:ing)?(?:_[a-z0-9_]{1,60})?|thoughts?|reasoning"
_OPENS = (
    rf"<(?:{_WORD})>|<\|(?:think(?:ing)?|START_THINKING|begin_of_thought|inner_prefix)\|>|\[THINK\]|\u25c1think\u25b7"
    r"|<\|channel>thought|<\|channel\|>analysis<\|message\|>|<unused94>thought"
)
_CLOSES = (
    rf"</(?:{_WORD})>|<\|(?:/think(?:ing)?|END_THINKING|end_of_thought|inner_suffix)\|>|\[/THINK\]|\u25c1/think\u25b7"
    r"|<channel\|>|<\|channel\|>final<\|message\|>|<unused95>"
)
_MARK = re.compile(rf"(?P<closes>{_CLOSES})|{_OPENS}", re.IGNORECASE)
_OPENING = re.compile(_OPENS, re.IGNORECASE)
# Tokens that are a part of a mark, by one that tells that the others are (`<|end|>` alone ends other models' turns).
_PARTS = {
    "<|channel|>": frozenset({"<|channel|>", "<|message|>", "<|start|>", "<|end|>", "<|return|>", "<|constrain|>"}),
    "<|channel>": frozenset({"<|channel>", "<channel|>"}),
    "<unused94>": frozenset({"<unused94>", "<unused95>"}),
}


def among(special: Iterable[str]) -> frozenset[str]:
    """Return those of a tokenizer's special tokens that set thoughts apart, or are a part of what does."""
    special = frozenset(special)
    marks = {token for token in special if _MARK.fullmatch(token)}
    for telling, parts in _PARTS.items():
        marks |= parts & special if telling in special else set()
    return frozenset(marks)


def may_be_opened_by(template: str) -> bool:
    """Whether a chat template writes what opens a thought."""
    return _OPENING.search(template) is not None


def opened(prompt: str, last: str) -> str:
    """Return what a prompt opens behind the last message and does not close: a thought's mark, to the prompt's end."""
    _, found, behind = prompt.rpartition(last.strip())
    opening = None
    for mark in _MARK.finditer(behind if found else ""):
        opening = None if mark["closes"] else mark
    return behind[opening.start() :] if opening else ""
