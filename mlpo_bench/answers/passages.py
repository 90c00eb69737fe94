r"""Where in a text an answer stands: thoughts taken away, tags, boxes, the phrase "answer is", the closing line.

Every function here takes time linear in the text, whatever it holds: patterns repeat only within small bounds.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterator


_READ_TO = 200_000
_PLAIN = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201b\u2032", "'")
    | dict.fromkeys("\u201c\u201d\u201f\u2033", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d", "-")
    | dict.fromkeys("\u00a0\u2002\u2003\u2009\u202f\u3000", " ")
    | dict.fromkeys("\u200b\u200c\u200d\ufeff", "")
    | {chr(0xFF10 + digit): str(digit) for digit in range(10)}
)
_BOXES_TRIED = 20

_THOUGHT = re.compile(r"<(/?)think(?:ing)?>", re.IGNORECASE)
_TAG = re.compile(r"<(/?)answer>", re.IGNORECASE)
_BOX = re.compile(r"\\(?:boxed|fbox)\s{0,3}\{")
# Begins with letters in one case, as such a pattern is searched for many times faster than one blind to case.
_ANSWER_IS = re.compile(
    r"""answer(?<=\banswer)(?:\ (?:to|for|of|here)\b[^.:\n]{0,80}?)?   # the answer to the question
        [\s*_]{0,4}
        (?:\b(?:is|was|would\ be|should\ be|must\ be)\b|:|=)
        (?:[\s*_]{0,4}:)?""",
    re.VERBOSE,
)
_SENTENCE_END = re.compile(r"[.!?](?=[\s*_\"')\]$]{1,4}[A-Z\s]|[\s*_]{0,4}$)")
_CONCLUSION = re.compile(
    r"[\W_]{0,8}(?:(?:and|so|in)\s)?"
    r"(?:therefore|thus|so|hence|finally|final|in conclusion|conclusion|result|overall|consequently)\b",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """Return the end of a text with typographic quotes, hyphens, minus signs, spaces and wide digits made ASCII."""
    return text[-_READ_TO:].translate(_PLAIN)


def without_thoughts(text: str) -> str:
    """Return a text without what stands in `<think>` blocks.

    A block whose opening stands in the prompt (only `</think>` is seen) and one that was cut off before it closed are
    taken away too: a thought is no answer.
    """
    kept: list[str] = []
    start, depth = 0, 0
    for tag in _THOUGHT.finditer(text):
        closes = bool(tag.group(1))
        if depth == 0 and closes:
            kept.clear()
        elif depth == 0:
            kept.append(text[start : tag.start()])
        depth = 0 if closes else 1
        start = tag.end()
    if depth == 0:
        kept.append(text[start:])
    return "\n".join(kept)


def tagged(text: str) -> Iterator[str]:
    """Yield the content of the last `<answer>`, to its closing tag; where that is missing, its first line."""
    opened: re.Match[str] | None = None
    last: str | None = None
    for tag in _TAG.finditer(text):
        if not tag.group(1):
            opened = tag
        elif opened is not None:
            content = text[opened.end() : tag.start()].strip()
            last, opened = (content or last), None
    if opened is not None and (line := first_line(text[opened.end() :])):
        yield line
    if last:
        yield last


def boxed(text: str) -> Iterator[str]:
    r"""Yield what the last closed `\boxed{}` or `\fbox{}` holds, its braces matched."""
    for box in reversed(deque(_BOX.finditer(text), maxlen=_BOXES_TRIED)):
        content = to_closing_brace(text, box.end())
        if content is not None and content.strip():
            yield content.strip()
            return


def to_closing_brace(text: str, start: int) -> str | None:
    r"""Return the text from `start` to the brace that closes the one before it; `\{` and `\}` are no braces."""
    depth, at = 1, start
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 1
        elif character in "{}":
            depth += 1 if character == "{" else -1
            if depth == 0:
                return text[start:at]
        at += 1
    return None


def after_answer_is(text: str) -> str | None:
    """Return what follows the last "answer is" (or "answer:"), or None where nothing does."""
    found = deque(_ANSWER_IS.finditer(_lower(text)), maxlen=1)
    return text[found[0].end() :].strip() if found else None


def _lower(text: str) -> str:
    """Return a text in lower case, as long as before; what a pattern blind to case takes for s or i becomes one."""
    return text.replace("\u017f", "s").replace("\u0131", "i").replace("\u0130", "i").lower()


def sentence(text: str) -> str:
    """Return the first sentence of a text's first paragraph line, without its full stop."""
    line = first_line(text)
    end = _SENTENCE_END.search(line)
    return line[: end.start()].strip() if end else line


def first_line(text: str) -> str:
    """Return the first line that is not blank, or an empty string."""
    return text.lstrip()[:_READ_TO].partition("\n")[0].strip()


def last_line(text: str) -> str:
    """Return the last line that is not blank, or an empty string."""
    return text.rstrip().rpartition("\n")[2].strip()


def concludes(line: str) -> bool:
    """Return whether a line opens as a conclusion does: "Therefore", "So", "Thus"."""
    return _CONCLUSION.match(line) is not None


def bare(text: str) -> str:
    r"""Return a passage without the markup around it: Markdown, quotes, dollars, `\( \)`, `\text{}`, boxes."""
    previous = None
    while previous != text:
        previous = text
        text = text.strip().strip("*_`\"'$").strip()
        text = re.sub(r"\A\\[\(\[](.{0,2000}?)\\[\)\]]\Z", r"\1", text, flags=re.DOTALL)
        text = re.sub(
            r"\A\\(?:boxed|fbox|text|textbf|mathrm|mathbf|mbox|textit)\s?\{(.{0,2000}?)\}\Z",
            r"\1",
            text,
            flags=re.DOTALL,
        )
    return text
