r"""Where a writer takes back what it said, and what it says instead: "Wait, it is 12", "but it is actually (B)".

Every pattern repeats only within small bounds, so that searching takes time linear in the text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlpo_bench.answers import passages


if TYPE_CHECKING:
    from mlpo_bench.answers.declared import Declared


CORRECTION = re.compile(
    r"(?:\A|[.!?\n])[\s*_\"')]{0,6}(?:(?:but|oh|and|so|no|hmm+)[,.]?\s)?"
    r"(?:no[,:.]|(?:wait|hmm+|hold on|oops|sorry|scratch that|correction|actually|on second thoughts?|on reflection"
    r"|edit|however|let me re-?\w{4,12}|i made an?\s\w{1,12}|my mistake"
    r"|that(?:'s| is| was) (?:wrong|not right|incorrect)"
    r"|(?<=\bbut\s)(?:it|that)(?:'s|\sis)\s(?:actually|really|in fact))\b)"
    r"|(?:\.\.\.|\u2026|\u2014|-)\s?(?:no|wait|sorry|actually)\b"
    r"|,\s(?:but|no)\b[^.!?\n]{0,30}\b(?:mistake|wrong|incorrect|not right)\b",
    re.IGNORECASE,
)
_ACTUALLY = r"(?:actually|really|in fact|in reality|instead|rather|indeed)"
_LEAD_IN = (
    r"(?:(?:no|oh|wait|hmm+|oops|sorry|but|so|and|well|actually|correction|scratch that|rather|however|in fact|instead"
    r"|in reality|really|on reflection|on second thoughts?|let me correct that|my mistake)\b[,:.!;]?\s)"
)
_IT_IS = (
    r"(?:it|that|this|the\s(?:(?:correct|right|real|true|actual)\s)?(?:answer|result|value|one))"
    r"(?:'s|\sis|\s(?:should|must|would|has\sto|ought\sto)\sbe|\sshould\shave\sbeen)"
)
_INSTEAD = rf"(?P<it_is>{_IT_IS}\s(?:{_ACTUALLY},?\s){{0,2}})?(?P<said>\S[^\n]{{0,2000}})\Z"
_RESTATED = re.compile(rf"\A[\W_]{{0,6}}(?P<lead>{_LEAD_IN}{{0,6}}){_INSTEAD}", re.IGNORECASE)
_CLEARLY = re.compile(
    r"\b(?:no|wait|hmm+|oops|sorry|correction|scratch|actually|in fact|in reality|my mistake|should be"
    r"|should have been)\b",
    re.IGNORECASE,
)
# What "might seem (A), but it is actually (B)" and "No, but that is wrong; it is Yes" say.
_OVERTURNED = re.compile(
    r"(?P<denied>[^\n]{1,200}?)[,;]?\s(?:but|yet)[,]?\s"
    r"(?P<wrong>(?:that|this|it)(?:'s|\sis|\swas|\swould\sbe)\s(?:wrong|incorrect|false|mistaken|a trap"
    r"|not\s(?:right|correct|so|the case))[,;:]\s(?:and\s|but\s)?)?"
    rf"(?P<lead>{_LEAD_IN}{{0,3}}){_INSTEAD}",
    re.IGNORECASE,
)
_SEEMING = re.compile(
    r"(?<!\bi\s)(?<!\bwe\s)\b(?:might|may|could|would)\s(?:(?:at\s)?first\s|initially\s)?"
    r"(?:seem|appear|think|say|assume|expect|guess|look)\b"
    r"|\b(?:seems|looks|appears)\sas\sif\b|\bat first(?:\s(?:glance|sight))?\b|\b(?:intuitive|obvious)\s\Z",
    re.IGNORECASE,
)
# What "it is" goes on with where it speaks of the answer and gives none: "it is worth noting", "it is the capital".
_REMARK = re.compile(
    r"(?:an?|the|quite|very|so|not|also|only|just|wrong|right|correct|incorrect|clear|unclear|important|worth|possible"
    r"|impossible|likely|because|that|what|how|when|where|if|in|on|at|to|too|still|now|more|less|hard|easy|fine|good"
    r"|okay|ok|known|written|obvious|ambiguous|consistent|simple|simpler|different|better|best|all|both|my|our|your"
    r"|\w{3,20}ed|\w{3,20}ing)\b",
    re.IGNORECASE,
)
# "If the river were frozen, the answer would be (C)": what such a sentence says is not so.
_SUPPOSED = re.compile(
    r"\b(?:if|unless|had|were)\b[^.;!?]{1,200},\s(?:then\s)?(?:the\s(?:\w{2,12}\s)?(?:answer|result|option|value|choice)|it|that)\s"
    r"(?:would|might|could)\s(?:be|have\sbeen)\b(?![^.!?]{0,200}\b(?:so|therefore|thus|but)\b)",
    re.IGNORECASE,
)
_FEW_WORDS = 6
_NOT_BUT = re.compile(
    r"not\s[^\n]{1,80}?(?:,?\sbut\s(?:rather\s)?|[,;]\s(?:but\s|rather\s)?(?:it|that)(?:'s|\sis)\s)"
    rf"(?:{_ACTUALLY}\s)?(?P<said>[^\n]{{1,200}})\Z",
    re.IGNORECASE,
)
_THIS_NOT_THAT = re.compile(r"(?P<said>[^,\n]{1,80}),\s(?:and\s)?not\s[^,\n]{1,80}\Z", re.IGNORECASE)


def takes_back(text: str) -> bool:
    """Return whether a text takes back what stands before it: "Wait, ..."."""
    return CORRECTION.search(text) is not None


def supposes(sentence: str) -> bool:
    """Return whether a sentence says what would be the answer in a case that is not the one."""
    return _SUPPOSED.search(sentence) is not None


def restated(sentence: str) -> tuple[str, bool] | None:
    """Return what a sentence that corrects says instead, and whether it clearly says what "it is", or None."""
    match = _RESTATED.match(sentence.strip())
    if match is None or not (match["lead"] or match["it_is"]):
        return None
    clearly = match["it_is"] and _CLEARLY.search(sentence, 0, match.start("said"))
    return _unmarked(match["said"]), bool(clearly)


def overturned(text: str, declared: Declared) -> tuple[str, str] | None:
    """Return what a sentence declares and what it then says instead: "might seem (A), but it is actually (B)"."""
    match = _OVERTURNED.match(passages.sentence(declared.passage))
    if match is None or not match["it_is"]:
        return None
    before = text[passages.sentence_start(text, declared.start) : declared.start]
    against = match["wrong"] or re.search(_ACTUALLY, match["lead"] + match["it_is"], re.IGNORECASE)
    return (match["denied"], _unmarked(match["said"])) if against or seems(before) else None


def seems(before: str) -> bool:
    """Return whether the words before a declaration say that it only seems so: "one might think", "at first glance"."""
    return _SEEMING.search(re.split(r"\bbut\s", before)[-1]) is not None


def a_remark(said: str, answer: str) -> bool:
    """Return whether what "it is" goes on with is a remark rather than another answer of a free form."""
    first = answer.partition(" ")[0].casefold()
    remark = _REMARK.match(said)
    return len(said.split()) > _FEW_WORDS or (remark is not None and remark.group().casefold() != first)


def undenied(passage: str, *, free: bool) -> str:
    """Return a declared passage by what it affirms: of "not bat but ape", and in free form of "ape, not bat", "ape"."""
    sentence = passages.sentence(passage.lstrip("*_ \n"))
    match = _NOT_BUT.match(sentence) or (_THIS_NOT_THAT.match(sentence) if free else None)
    return match["said"] if match else passage


def _unmarked(said: str) -> str:
    return said.rstrip(".! ").strip()
