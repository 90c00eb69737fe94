r"""Where a text declares its answer: tags, boxes, and words such as "the answer is".

Models quote: the instruction, their peers, a placeholder. A declaration is the writer's own unless the words before it
in its sentence ascribe it to somebody else, or it stands beside another one that it is an alternative to. What is not
the writer's own is passed over, so that a leader who quotes its peers is read by its own conclusion.

Every function here takes time linear in the text, whatever it holds: patterns repeat only within small bounds.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from mlpo_bench.answers import abroad, corrections, passages, quotations, structured
from mlpo_bench.answers.declared import Declared


if TYPE_CHECKING:
    from collections.abc import Iterator


_TRIED = 20

_ESCAPED_TAG = re.compile(
    r"&(?:lt|#60|#x3c);\s?(/?)\s?((?:final[_ -]?)?ans(?:wer)?)\s?&(?:gt|#62|#x3e);", re.IGNORECASE
)
_TAG = re.compile(
    r"(?:\\?[<\[]\s{0,2}(?P<close>/?)\s{0,2}(?:final[_ -]?)?|(?<![\w<\[/\\-])(?=answer>))ans(?:wer)?"
    r"(?:\s[^<>\[\]\n]{0,80})?(?P<self>/?)\s{0,2}(?:\\?[>\]]|\Z)",
    re.IGNORECASE,
)
# Tags by other names count where they hold a line: `<solution>42</solution>`, not a whole way to it.
_OTHER_TAG = re.compile(
    r"<(?P<name>solution|result|response|output|final)>\s{0,9}(?P<said>[^<>\n]{1,200}?)\s{0,9}</(?P=name)>",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"\W{0,4}(?:\.\.\.|\u2026|\\[lc]?dots(?![a-z]))\W{0,4}"
    r"|\W{0,4}(?:(?:the|your|my|an?|final|correct|right|short|exact|chosen|missing)[\s_]{1,3}){0,4}"
    r"(?:answer|expression|result|value|number|letter|option|response|choice|content|solution|words|yes/no)"
    r"(?:[\s_](?:goes|here|in latex|alone)){0,3}\W{0,4}|\W{0,4}first second third\W{0,4}",
    re.IGNORECASE,
)

# Patterns for lower-case text: one that begins with plain letters is searched for many times faster.
_IS = (
    r"(?:\b(?:is(?:(?=n't\b)|\b)|was(?:(?=n't\b)|\b)"
    r"|(?:(?:would|should|must|will|(?:can|could)(?=\ only\b))(?:\ (?:therefore|thus|then|hence|clearly|indeed"
    r"|surely|only|just|definitely))?\ be|(?:seems|appears|has|turns\ out|happens)\ to\ be|comes\ to"
    r"|comes\ out\ (?:as|to|at)|equals)\b)|:|=>?|->|\u2192|\u21d2)(?:[\s*_\"']{0,4}:)?"
)
_ANSWER_IS = re.compile(
    rf"answer(?<=\banswer)(?:\ (?:choice|option|key))?(?:\ (?:to|for|of|here)\b[^.:\n]{{0,80}}?)?"
    rf"(?:\ \([^()\n]{{1,40}}\)|,\ (?:then|therefore|thus|hence|of\ course|however|finally"
    rf"|clearly|in\ short|in\ fact|in\ the\ end|by\ elimination"
    rf"|if\ you\ look\ closely),\ )?[ \t*_]{{0,4}}{_IS}"
)
# "the answer's 10"; "the answer's digits" are its own.
_ANSWER_S = re.compile(
    r"answer(?<=\banswer)'s\ (?:(?:definitely|clearly|probably|simply|just|exactly|therefore)\ )?"
    r"(?=[-$(\\*\"0-9]|(?:[a-r]|yes|no|true|false|valid|invalid|half|an?\ (?:half|dozen|hundred|thousand)"
    r"|(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|[a-z]{3,5}teen|[a-z]{3,5}ty)(?:-[a-z]{3,5})?)\b[^a-z]{0,4}(?:\Z|\n))"
)
_CHOICE_IS = re.compile(
    r"(?:correct|right|best|final|my|selected|chosen)\ (?:option|choice|letter|statement|selection|pick)"
    rf"(?:\ here)?[ \t*_]{{0,4}}{_IS}"
)
_HEADING = re.compile(r"^[^\w\n<>]{0,12}(?:final\s|my\s|the\s)?answer[^\w\n<>]{0,6}$", re.MULTILINE)
_HASHES = re.compile(
    r"^\s{0,4}####[ \t]{0,4}(?![0-9]{1,3}\.\s)(?=[^\s#\n]{1,15}\s{0,4}$|[^#\n][^\n]{0,200}\s{0,9}\Z)", re.MULTILINE
)
_ABBREVIATED = re.compile(
    r"(?:^|[.!?]\s)[ \t*_#>]{0,6}(?:ans(?:wer)?\.|answer\s[-\u2014]|ans\s?[:=-]|(?:final )?verdict\s?:)"
    r"[ \t*_]{0,4}(?=[^\s.=-])",
    re.MULTILINE,
)
_LETTER_A = re.compile(r"^[ \t]{0,4}a:[ \t]{1,4}(?=\S)", re.MULTILINE)
_BETWEEN_LONGEST = 5_000
_ASIDE = 60

_DENIED = re.compile(
    r"(?:n't|\bnot|\bunlikely|(?<!\bno\s)(?<!\bwithout\s)(?<!\bwithout a\s)(?<!\bbeyond\s)\bdoubt\w{0,3}"
    r"|\bhardly|\bimpossible|\bnever)\b[^.,;:!?\n]{0,30}\Z"
)
_ABOUT_ANSWER = re.compile(
    r"(?:(?:very|quite|most|only|indeed|also)\s)?(?:(?:helpful|useful|clear|unclear|correct|wrong|incorrect|ready|unknown|complete"
    r"|given|found|shown|expressed|written|rounded|simplified|stated|reported|based|straightforward|obvious)(?=\W{0,3}(?:\Z|\n)|[,;]?\s(?:to|for|if|when|because|since|as|only"
    r"|and|by|in|on|above|below)\b)|(?:right|still)(?=\s(?:if|when|because|since|as)\b))",
    re.IGNORECASE,
)
_UNKNOWN = re.compile(r"unknown\W{0,3}(?:\Z|\n)", re.IGNORECASE)
_WISH = re.compile(r"\b(?:i hope|hopefully|let me know|please|thank)\b")
_HYPOTHETICAL = re.compile(
    r"(?:if|were|unless|otherwise|suppose|supposing|without|had|note|remark|for example|for instance|p\.s)\b"
)
_NOT_THE_ANSWER = re.compile(r"\b(?:wrong|incorrect|common|typical|tempting|na\u00efve|naive|other|another)\s\Z")
_SHORT_NOT = re.compile(r"\An't\b")  # "the answer isn't"
_OR = re.compile(r"[\s,]{0,3}(?:or|/|\||and/or)\s{0,3}")


def is_placeholder(content: str) -> bool:
    """Return whether a tag or box holds the name of what belongs there: `your answer`, `...`."""
    return _PLACEHOLDER.fullmatch(content.strip()) is not None


def with_tags_unescaped(text: str) -> str:
    """Return a text with `&lt;answer&gt;` written as a tag."""
    return _ESCAPED_TAG.sub(r"<\1\2>", text) if "&" in text else text


def tagged(text: str) -> Iterator[Declared]:
    """Yield what stands in the last `<answer>` of the writer's own; where it is never closed, its first line.

    Attributes, spaces, the name `final_answer`, an opening tag where a closing one is meant and the other way round
    are read too.
    """
    marks = list(deque(_TAG.finditer(text), maxlen=2 * _TRIED))
    declared: list[Declared] = []
    for mark, following in pairwise([*marks, None]):
        assert mark is not None
        content = text[mark.end() : following.start() if following else len(text)]
        if _closes(mark) and not (following and _closes(following) and not declared):
            continue
        if following is None:
            content = passages.first_line(content)
        if content.strip() and not is_placeholder(content):
            end = following.end() if following else mark.end() + len(content)
            declared.append(Declared("tag", mark.start(), end, content.strip()))
    if not declared:
        declared = [
            Declared("tag", mark.start(), mark.end(), mark["said"])
            for mark in deque(_OTHER_TAG.finditer(text), maxlen=_TRIED)
            if not is_placeholder(mark["said"])
        ]
    own = [
        one
        for one in declared
        if not (
            quotations.anothers(text, one) or quotations.told_by_several(text, one) or quotations.rejected(text, one)
        )
        and not _an_alternative(text, one, declared)
    ]
    surely = [one for one in own if not quotations.named_of_several(text, one)]
    yield from (surely or own)[-1:]


def _closes(tag: re.Match[str]) -> bool:
    return bool(tag["close"] or tag["self"])


def boxed(text: str) -> Iterator[Declared]:
    r"""Yield what the last closed `\boxed{}` or `\fbox{}` of the writer's own holds."""
    doubtful = None
    for start, end, content in (*passages.open_box(text), *passages.boxes(text)):
        box = Declared("box", start, end, content)
        before = text[passages.sentence_start(text, start) : start].lower()
        if is_placeholder(content) or quotations.anothers(text, box) or quotations.rejected(text, box):
            continue
        if not _of_another_case(before, "") and not of_several(text, box):
            yield box
            return
        doubtful = doubtful or box
    if doubtful:
        yield doubtful


def phrased(text: str, *, letter_a: bool = True, unknown: bool = False) -> Iterator[Declared]:
    """Yield what follows "the answer is" and its kin, the last one first.

    Those about some other case, and what several others say, are doubtful and stand at the end.

    Args:
        text: Prepared text.
        letter_a: Whether a line that begins with "A:" declares an answer; among options it names one.
        unknown: Whether "the answer is unknown" declares one.
    """
    lowered = passages.lower(text)
    patterns = [
        _ANSWER_IS,
        _ANSWER_S,
        _CHOICE_IS,
        *abroad.DECLARING,
        _HEADING,
        _HASHES,
        _ABBREVIATED,
        *([_LETTER_A] if letter_a else []),
    ]
    ends = {m.end(): m.start() for pattern in patterns for m in deque(pattern.finditer(lowered), maxlen=_TRIED)}
    declared = [
        Declared("phrase", start, end, _SHORT_NOT.sub("not", text[end:].strip())) for end, start in ends.items()
    ]
    declared += structured.stated(text)
    doubtful: list[Declared] = []
    for one in _apart(text, sorted(declared, key=lambda one: one.end, reverse=True)):
        before = text[passages.sentence_start(text, one.start) : one.start].lower()
        behind = re.split(r"[.!?]\s|\n", lowered[one.start : one.end + 200], maxsplit=1)[0]
        if not one.passage or _in_passing(one, before, behind, unknown=unknown) or quotations.anothers(text, one):
            continue
        if _of_another_case(before, behind) or of_several(text, one) or corrections.seems(before):
            doubtful.append(replace(one, doubtful=True))
        else:
            yield one
    yield from doubtful


def _apart(text: str, declared: list[Declared]) -> Iterator[Declared]:
    """Yield declarations, the last one first, each up to the semicolon behind which its sentence declares another."""
    later = len(text)
    for one in declared:
        between = text[one.end : later][:_BETWEEN_LONGEST]
        mine, semicolon, rest = between.rpartition(";")
        joined = later < len(text) and semicolon and not re.search(r"[.!?]\s|\n", between) and len(rest) <= _ASIDE
        yield replace(one, passage=mine.strip()) if joined and one.passage.startswith(mine.strip()) else one
        later = one.start


def _in_passing(one: Declared, before: str, behind: str, *, unknown: bool) -> bool:
    """Return whether a sentence speaks of the answer without giving it.

    "I hope this answer is helpful", "I don't think the answer is", "if she lies, the answer is ...; if not, ...".
    """
    either = "if " in before and " if " in behind
    said_of_it = _ABOUT_ANSWER.match(one.passage) and not (unknown and _UNKNOWN.match(one.passage))
    return (
        either
        or denied(before)
        or _NOT_THE_ANSWER.search(before) is not None
        or bool(said_of_it)
        or _WISH.search(before) is not None
    )


def _of_another_case(before: str, behind: str) -> bool:
    """Return whether a sentence speaks of a case that is not the one: "would be ... if", or in brackets."""
    aside = before.rfind("(") > before.rfind(")")
    would = "would" in before[-20:] or "would" in behind[:24]
    return aside or would or _HYPOTHETICAL.match(before.lstrip("*_ -")) is not None


def denied(before: str) -> bool:
    """Return whether the words right before something deny it: "I don't think that", "it is unlikely that"."""
    return _DENIED.search(before.lower()) is not None


def of_several(text: str, one: Declared) -> bool:
    """Return whether the words before a declaration make it what several others say."""
    return quotations.told_by_several(text, one) or quotations.named_of_several(text, one)


def _an_alternative(text: str, one: Declared, others: list[Declared]) -> bool:
    """Return whether a tag is joined by "or" to another with other content, as in an instruction that is repeated."""
    for other in others:
        first, second = sorted((one, other), key=lambda declared: declared.start)
        between = text[first.end : second.start]
        if first is not second and first.passage != second.passage and _OR.fullmatch(between):
            return True
    return False
