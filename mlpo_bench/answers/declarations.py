r"""Where a text declares its answer: tags, boxes, and words such as "the answer is".

Models quote: the instruction, their peers, a placeholder. A declaration is the writer's own unless the words before it
in its sentence ascribe it to somebody else, or it stands beside another one that it is an alternative to. What is not
the writer's own is passed over, so that a leader who quotes its peers is read by its own conclusion.

Every function here takes time linear in the text, whatever it holds: patterns repeat only within small bounds.
"""

from __future__ import annotations

import json
import re
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from mlpo_bench.answers import passages


if TYPE_CHECKING:
    from collections.abc import Iterator


_TRIED = 20

_ESCAPED_TAG = re.compile(r"&lt;\s?(/?)\s?((?:final[_ -]?)?ans(?:wer)?)\s?&gt;", re.IGNORECASE)
_TAG = re.compile(r"<\s{0,2}(/?)\s{0,2}(?:final[_ -]?)?ans(?:wer)?(?:\s[^<>\n]{0,80})?(?:>|\Z)", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"\W{0,4}(?:\.\.\.|\u2026)\W{0,4}"
    r"|\W{0,4}(?:(?:the|your|my|an?|final|correct|right|short|exact|chosen|missing)[\s_]{1,3}){0,4}"
    r"(?:answer|expression|result|value|number|letter|option|response|choice|content|solution|words|yes/no)"
    r"(?:[\s_](?:goes|here|in latex|alone)){0,3}\W{0,4}|\W{0,4}first second third\W{0,4}",
    re.IGNORECASE,
)

# Patterns for lower-case text: one that begins with plain letters is searched for many times faster.
_IS = (
    r"(?:\b(?:is|was|would\ be|should\ be|must\ be|seems\ to\ be|appears\ to\ be|has\ to\ be|will\ be|comes\ to"
    r"|comes\ out\ (?:as|to|at)|equals)\b|:|=)(?:[\s*_\"']{0,4}:)?"
)
_ANSWER_IS = re.compile(
    rf"answer(?<=\banswer)(?:\ (?:choice|option|key))?(?:\ (?:to|for|of|here)\b[^.:\n]{{0,80}}?)?[\s*_]{{0,4}}{_IS}"
)
_CORRECT_IS = re.compile(rf"(?:correct|right|best)\ (?:option|choice|letter|statement)(?:\ here)?[\s*_]{{0,4}}{_IS}")
_ABROAD = re.compile(
    r"(?:\u7b54\u6848|\u7b54\u3048|\uc815\ub2f5)\s{0,2}(?:\u5e94\u8be5\u662f|\u662f|\u4e3a|\u70ba|\u306f|\uc740|:)\s{0,2}:?"
    r"|\b(?:antwort|l\u00f6sung|r\u00e9ponse|reponse|respuesta|risposta|resposta|\u043e\u0442\u0432\u0435\u0442)\s{0,2}"
    r"(?:(?:ist|lautet|est|es|\u00e8|\u00e9)\b|:|-)\s{0,2}:?"
)
_HEADING = re.compile(r"^[^\w\n<>]{0,12}(?:final\s|my\s|the\s)?answer[^\w\n<>]{0,6}$", re.MULTILINE)
_HASHES = re.compile(r"^\s{0,4}####[ \t]{1,4}(?=\S)", re.MULTILINE)
_LETTER_A = re.compile(r"^[ \t]{0,4}a:[ \t]{1,4}(?=\S)", re.MULTILINE)
_JSON = re.compile(
    r"[\"'](?:final[_ ]?)?answer[\"']\s{0,4}:\s{0,4}(\"(?:[^\"\\\n]|\\.){0,2000}\"|[^\s,}\"][^,}\n]{0,200})"
)

_SOMEBODY = (
    r"(?:peer|agent|attempt|proposal|solution|response|colleague|teammate|member|expert|student|candidate|assistant"
    r"|model|solver|participant|answer|opening)s?"
)
_SAID = (
    r"(?:wrote|writes?|says?|said|claims?|claimed|g[ai]ves?|answers?|answered|thinks?|thought|chose|chooses?|picks?"
    r"|picked|suggests?|suggested|put|puts|got|gets|has|have|had|concludes?|concluded|proposes?|proposed|states?"
    r"|stated|offers?|offered|argues?|argued|arrived?|lists?|listed|responded|responds?|replied|replies|believes?)"
)
_NUMBERED = r"(?:\s?(?:#|no\.?\s)?(?:[0-9]{1,3}|[a-e]|one|two|three))"
_ASCRIBED = re.compile(
    rf"\b(?:{_SOMEBODY}{_NUMBERED}?|(?:(?:the|one|an?)\s)?(?:first|second|third|fourth|other|another|others|some)"
    rf"(?:\s{_SOMEBODY})?|others|some|they)\s(?:\w{{1,12}}\s)?{_SAID}\b"
    rf"|\b{_SOMEBODY}{_NUMBERED}(?:'s\b|\W{{0,4}}\Z|\s?:)"
)
_ENDORSED = re.compile(
    r"\b(?:agree|rightly|correctly|is right|are right|is correct|are correct|follow|trust|adopt|side|go|going|accept"
    r"|convinced|like|as)\b"
)
_HYPOTHETICAL = re.compile(
    r"\b(?:if|were|unless|otherwise|suppose|supposing|without|had|note|for example|for instance)\b"
)
_OR = re.compile(r"[\s,]{0,3}(?:or|/|\||and/or)\s{0,3}")


@dataclass(frozen=True, slots=True)
class Declared:
    """A place where a text declares an answer.

    `passage` is what was declared: the content of a tag or box, or all that follows the words. `end` is where the
    declaration ends: behind the tag or box, or behind the words.
    """

    kind: str
    start: int
    end: int
    passage: str


def with_tags_unescaped(text: str) -> str:
    """Return a text with `&lt;answer&gt;` written as a tag."""
    return _ESCAPED_TAG.sub(r"<\1\2>", text) if "&lt;" in text else text


def tagged(text: str) -> Iterator[Declared]:
    """Yield what stands in the last `<answer>` of the writer's own; where it is never closed, its first line.

    Attributes, spaces, the name `final_answer`, an opening tag where a closing one is meant and the other way round
    are read too.
    """
    marks = list(deque(_TAG.finditer(text), maxlen=2 * _TRIED))
    found: list[Declared] = []
    for one, following in pairwise([*marks, None]):
        assert one is not None
        content = text[one.end() : following.start() if following else len(text)]
        closed = following is not None and (bool(following.group(1)) or not one.group(1))
        if one.group(1) and not (following and following.group(1) and found == []):
            continue
        if not closed:
            content = passages.first_line(content)
        if content.strip() and not _PLACEHOLDER.fullmatch(content.strip()):
            end = following.end() if following and closed else one.end() + len(content)
            found.append(Declared("tag", one.start(), end, content.strip()))
    own = [one for one in found if not _ascribed(text, one.start) and not _an_alternative(text, one, found)]
    yield from reversed(own[-1:])


def boxed(text: str) -> Iterator[Declared]:
    r"""Yield what the last closed `\boxed{}` or `\fbox{}` of the writer's own holds."""
    for start, end, content in passages.boxes(text):
        if not _PLACEHOLDER.fullmatch(content) and not _ascribed(text, start):
            yield Declared("box", start, end, content)
            return


def phrased(text: str, *, letter_a: bool = True) -> Iterator[Declared]:
    """Yield what follows "the answer is" and its kin, the last one first, those about some other case at the end.

    Args:
        text: Prepared text.
        letter_a: Whether a line that begins with "A:" declares an answer; among options it names one.
    """
    lowered = passages.lower(text)
    patterns = [_ANSWER_IS, _CORRECT_IS, _ABROAD, _HEADING, _HASHES, *([_LETTER_A] if letter_a else [])]
    spans = {m.end(): m for pattern in patterns for m in deque(pattern.finditer(lowered), maxlen=_TRIED)}
    doubtful: list[Declared] = []
    values = {one.start(): one for one in deque(_JSON.finditer(text), maxlen=_TRIED)}
    found = [Declared("phrase", m.start(), m.end(), text[m.end() :].strip()) for m in spans.values()]
    found += [Declared("phrase", m.start(), m.end(), _json_value(m.group(1))) for m in values.values()]
    for one in sorted(found, key=lambda declared: declared.end, reverse=True):
        if not one.passage or _ascribed(lowered, one.start):
            continue
        words_before = lowered[passages.sentence_start(lowered, one.start) : one.start]
        if _HYPOTHETICAL.search(words_before) and "would" in lowered[one.start - 20 : one.end]:
            doubtful.append(one)
        else:
            yield one
    yield from doubtful


def _json_value(written: str) -> str:
    """Return what a JSON value says, as text."""
    try:
        return str(json.loads(written))
    except ValueError:
        return written.strip(" \"'")


def _ascribed(text: str, at: int) -> bool:
    """Return whether the words before a declaration, in its sentence and after any earlier tag, make it another's."""
    before = text[passages.sentence_start(text, at) : at].lower()
    before = before.rpartition("</answer>")[2]
    if _ENDORSED.search(before):
        return False
    return _ASCRIBED.search(before) is not None


def _an_alternative(text: str, one: Declared, others: list[Declared]) -> bool:
    """Return whether a tag is joined by "or" to another with other content, as in an instruction that is repeated."""
    for other in others:
        first, second = sorted((one, other), key=lambda declared: declared.start)
        between = text[first.end : second.start]
        if first is not second and first.passage != second.passage and _OR.fullmatch(between):
            return True
    return False
