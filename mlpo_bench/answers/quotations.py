r"""Whose words a declaration stands in: the writer's own, a peer's, several peers', or those of a way not taken.

A leader tells what its peers wrote, and which answers it rejects. None of that is its own answer.

Every pattern repeats only within small bounds, so that searching takes time linear in the text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlpo_bench.answers import passages


if TYPE_CHECKING:
    from mlpo_bench.answers.declared import Declared


_SOMEBODY = (
    r"(?:peer|agent|attempt|proposal|solution|response|colleague|teammate|member|expert|student|candidate|assistant"
    r"|model|solver|participant|answer|opening)s?"
)
# "You have 7 left" tells what is there, "you have (B)" what was said.
_A_NUMBER = (
    r"\s(?:now\s|exactly\s|only\s|still\s|a total of\s){0,2}(?:[0-9$]"
    r"|(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w{3,5}teen|twenty|thirty)\b)"
)
_SAID = (
    r"(?:wrote|writes?|says?|said|claims?|claimed|g[ai]ves?|answers?|answered|thinks?|thought|chose|chooses?|picks?"
    rf"|picked|suggests?|suggested|put|puts|(?:got|gets|has|have|had)(?!{_A_NUMBER})|concludes?|concluded|proposes?|proposed|states?"
    r"|stated|offers?|offered|argues?|argued|arrived?|lists?|listed|responded|responds?|replied|replies|believes?)"
)
_NUMBERED = r"(?:\s?(?:#|no\.?\s)?(?:[0-9]{1,3}|[a-e]|one|two|three))"
_ASCRIBED = re.compile(
    rf"\b(?:(?:you|they|others|some|many|most|people|some people)\s(?:\w{{1,12}}\s)?{_SAID}"
    rf"|(?:i|we)(?:\s(?:first|initially|originally|earlier|previously))?\s(?:said|wrote|thought|had)"
    rf"|{_SOMEBODY}{_NUMBERED},?\s(?:who\s|which\s)?(?:\w{{1,12}}\s)?{_SAID}"
    rf"|(?:the|one|an|another|other|each|that)\s(?:\w{{1,8}}\s)?{_SOMEBODY},?\s(?:who\s)?{_SAID}"
    rf"|(?:the\s)?(?:first|second|third|fourth|last)\s(?:{_SOMEBODY}\s|one\s)?{_SAID}"
    rf"|according to\s(?:the\s)?(?:\w{{1,8}}\s)?{_SOMEBODY}|{_SOMEBODY}{_NUMBERED}?\s(?:is|was)\s(?:wrong|mistaken))\b"
    rf"|\b{_SOMEBODY}{_NUMBERED}(?:'s\b|\s?:)"
)
_NAMED_LAST = re.compile(rf"\b{_SOMEBODY}{_NUMBERED}\W{{0,4}}\Z")
_ENDORSED = re.compile(
    r"\b(?:agree|rightly|correctly|is right|are right|is correct|are correct|follow|trust|adopt|side|go|going|accept"
    r"|convinced|like|as)\b"
)
_ASCRIBED_AFTER = re.compile(
    rf"\s{{0,2}}(?:was\s(?:given|written|said|chosen|proposed)\s|came\s|comes\s|is\s)?(?:by|from)\s(?:the\s)?(?:\w{{1,8}}\s)?{_SOMEBODY}\b",
    re.IGNORECASE,
)
_ENDORSED_AFTER = re.compile(
    r"[\s.,;]{0,3}(?:and\s|but\s)?(?:i (?:\w{2,12}\s)?agree"
    r"|(?:that|this|which|it) is (?:\w{2,12}\s)?(?:right|correct|true)|is (?:\w{2,12}\s)?(?:right|correct))\b",
    re.IGNORECASE,
)
# Several of them. What students and models have or got may be the question's own matter, what peers say is not.
_PEERS = r"(?:peer|agent|attempt|proposal|response|solution|colleague|teammate|solver|expert|assistant|model|answer)s"
_SPOKE = (
    r"(?:wrote|writes?|says?|said|claims?|claimed|gave|gives?|answer|answered|thinks?|thought|chose|chooses?|picks?|picked"
    r"|suggest|suggests|suggested|concludes?|concluded|proposes?|proposed|states?|stated|offer|offered|argue|argued"
    r"|respond|responded|reply|replied|believe|believes|believed|vote|voted|votes|favou?rs?|favou?red)"
)
_LISTED = rf"{_NUMBERED}(?:(?:,\s?(?:and\s)?|\s(?:and|&|or)\s)(?:{_SOMEBODY})?{_NUMBERED}){{1,9}}"
_MANY = r"(?:both|all|most|many|some|several|none|two|three|four|five|the|my|these|those|of|other)"
_MAJORITY = r"(?:majority|consensus)"
_OF_SEVERAL = re.compile(
    rf"\b(?:{_SOMEBODY}{_LISTED},?\s(?:who\s|which\s)?(?:\w{{1,12}}\s)?{_SPOKE}"
    rf"|(?:{_MANY}\s){{0,4}}{_PEERS}\s(?:\w{{1,12}}\s)?{_SPOKE}"
    rf"|(?:both|all)(?:\sof\sthem)?\s{_SPOKE}"
    rf"|{_MAJORITY}(?:\sof\s(?:{_MANY}\s){{0,2}}{_PEERS})?\s(?:\w{{1,12}}\s)?{_SPOKE})\b"
    rf"|\b{_SOMEBODY}{_LISTED}(?:'s\b|\s?:)"
)
# "the peers' ", "their ", "the majority " before "answer is", or "their answer was" before a tag or a box
_OF_SEVERAL_LAST = re.compile(
    rf"(?:\b(?:{_PEERS}'|(?:other|each|that|another)\s{_SOMEBODY}'s|their|his|her|{_MAJORITY}(?:'s)?)"
    r"(?:\s(?:own|final|first|common|shared|joint|proposed|original)){0,2}"
    r"(?:\s(?:answer|choice|attempt|conclusion|vote|view)s?(?:\s(?:is|was|are|were))?)?"
    rf"|\b{_SOMEBODY}{_LISTED})[\s:*_$\"'(]{{1,6}}\Z"
)
_BUT = re.compile(r",?\s(?<!\bnothing )(?<!\banything )(?<!\ball )but\s")
# What the writer says beside what others say: "both peers say (A), so ...", "although both say (A), ...".
_OWN_PART = re.compile(
    r"(?:\A\W{0,6}(?:although|though|while|whereas|even though|even if|since|because|as|given that)\b[^\n]{0,300},\s"
    r"|[,;]?\s(?:and\s)?(?:so(?!\sthat\b)|therefore|thus|hence)\b"
    r"|[,;]\s(?:which (?:means|gives|leaves|makes)|that leaves|(?:(?:while|whereas|yet|though)\s)?"
    r"(?:i|we|my|mine|the (?:correct|right|true|actual))\b))"
)
_CONCEDED = re.compile(r"\A\W{0,6}(?:although|though|while|whereas|even though|even if)\b[^\n]{0,300},\s")
_REJECTED = re.compile(
    r"(?:(?:[,;>)}$-]\s{0,2}|\band\s|\bbut\s|\banswer\sis\s)not|\brather than|\binstead of|\breject(?:s|ed|ing)?"
    r"|\bunlike|\b(?:choose|chose|choosing|prefer|preferred|pick|picked|take|took|favou?r)\b[^\n]{0,200}\sover"
    r"|\bother\s(?:answer|option|choice|candidate|proposal|attempt|value|result)s?(?:\sof|,|:)?)[\s*_$(\"']{1,4}\Z"
)
_WRONG = re.compile(
    r"[ ,*_$)\"']{0,4}\s(?:is|are|was|were|would be|must be|cannot be|can't be)\s"
    r"(?:\w{2,12}ly\s|also\s|both\s|all\s){0,2}(?:wrong|incorrect|mistaken|false(?=[\s.,;])|ruled out"
    r"|(?:(?<=cannot be )|(?<=can't be )|not\s)(?:right|correct|the answer))",
    re.IGNORECASE,
)


_WHOLE = re.compile(r"[\w)\]>\"'*][.!?]\s{1,4}\Z")


def ascribed(sentence: str) -> bool:
    """Return whether a sentence tells what somebody else said and does not endorse it."""
    lowered = sentence.lower()
    return _ASCRIBED.search(lowered) is not None and _ENDORSED.search(lowered) is None


def own_parts(sentence: str) -> list[str]:
    """Return what a sentence says behind what others said: of "peers 1 and 2 say (A), but it is (B)" the last part."""
    but = _BUT.search(sentence)
    said = sentence[: but.start()].lower() if but else ""
    return [sentence[but.end() :]] if but and (_ASCRIBED.search(said) or _OF_SEVERAL.search(said)) else []


def anothers(text: str, one: Declared) -> bool:
    """Return whether the words before a declaration, in its sentence and after any earlier tag, make it another's.

    What another said and the writer endorses, before or behind it, is the writer's own, and so is a tag that stands
    behind a whole sentence on somebody and ends the text.
    """
    before = _before(text, one)
    if _stands_alone_at_the_end(text, one):
        return False
    if one.kind != "phrase" and _ASCRIBED_AFTER.match(text, one.end):
        return True
    if not ascribed(before) and not (_NAMED_LAST.search(before) and not _ENDORSED.search(before)):
        return False
    return one.kind == "phrase" or not _ENDORSED_AFTER.match(text, one.end)


def told_by_several(text: str, one: Declared) -> bool:
    """Return whether the words before a declaration tell what several others said: "both peers say"."""
    return _others(text, one, _OF_SEVERAL)


def named_of_several(text: str, one: Declared) -> bool:
    """Return whether the words right before a declaration name several others: "their", "the majority"."""
    return _others(text, one, _OF_SEVERAL_LAST)


def _stands_alone_at_the_end(text: str, one: Declared) -> bool:
    """Return whether a tag or a box stands behind a whole sentence and ends the text."""
    return (
        one.kind != "phrase"
        and _WHOLE.search(text, max(0, one.start - 8), one.start) is not None
        and not text[one.end :].strip("$.*_` \n")
    )


def _others(text: str, one: Declared, naming: re.Pattern[str]) -> bool:
    before = _before(text, one)
    for own in _OWN_PART.finditer(before):
        before = " " * own.end() + before[own.end() :]
    if _stands_alone_at_the_end(text, one) or _ENDORSED.search(before) or not naming.search(before):
        return False
    return one.kind == "phrase" or not _ENDORSED_AFTER.match(text, one.end)


def rejected(text: str, one: Declared) -> bool:
    """Return whether the words right beside a tag or a box reject it: "not", "rather than", "would be wrong"."""
    before = text[passages.sentence_start(text, one.start) : one.start].lower()
    return _REJECTED.search(before) is not None or _WRONG.match(text, one.end) is not None


def _before(text: str, one: Declared) -> str:
    """Return the words before a declaration in its sentence, after any earlier tag, a "but" and what it concedes."""
    before = text[passages.sentence_start(text, one.start) : one.start].lower()
    before = _BUT.split(before.rpartition("</answer>")[2])[-1]
    conceded = _CONCEDED.match(before)
    return before[conceded.end() :] if conceded else before
