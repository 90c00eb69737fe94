"""How far a denial reaches: it denies a word of its own clause, and none of the clause that stands behind it."""

from __future__ import annotations

import re


_VERB = (
    r"(?:is|isn't|was|wasn't|must|should|can|cannot|can't|could|would|may|has|does|doesn't|makes|renders|leaves|fails"
    r"|remains|becomes|means|shows|proves|seems|appears|conclude|follows)\b"
)
# What a denied verb or noun goes on with is denied, a clause or not: "not the case that it is", "no way it is".
_GOVERNING = (
    r"(?:case|way|reason|fact|sure|certain|clear|true|likely|possible|something|anything|what|one|why|how|whether|if"
    r"|where|when|(?:think|believ|doubt|sa[yi]|claim|conclud|mean|impl[yi]|entail|show|prove|establish|demonstrat|guarante|ensur"
    r"|suggest|indicat|support|call|consider|regard|mak|render)\w{0,4})"
)
_SUBJECT = (
    r"(?:(?:it|this|we|i)\s(?:\w{1,12}\s)?"
    r"|(?:the|this|that)\s(?:\w{1,12}\s)?(?:argument|reasoning|inference|deduction|conclusion|syllogism|proof)\s(?:\w{2,14}ly\s)?)"
)
# Where a clause begins. A subject that is governed begins none.
_CLAUSE = re.compile(
    rf"(?P<governed>\b(?:{_GOVERNING}\sthat|{_GOVERNING}|that)\s)?\b{_SUBJECT}{_VERB}"
    rf"|\b(?:and|so|then|because|since|while|whereas|although|though)\s(?:(?!that\b)[\w'-]{{1,20}}\s){{0,6}}?{_VERB}"
    r"|\b(?:and|so)\s(?:so|then|therefore|thus|hence|consequently)\b"
    r"|(?<!\bnot\s)(?<!n't\s)(?<!\bcannot\s)(?<!\bis\s)(?<!\bbe\s)\b(?:therefore|thus|hence|consequently)\s(?:\w{2,14}ly\s)?\w+\Z"
    r"|(?<!\bvalid\s)\band\s(?:\w{2,14}ly\s)?invalid\Z"  # "not sound and invalid"; "not sound and valid" denies both
    rf"|(?<!\bnot\s)(?<!n't\s)\b(?:making|rendering|leaving)\b|\bwhich\s{_VERB}",
    re.IGNORECASE,
)
_DENIAL = re.compile(
    r"(?<![\w'-])(?:not(?!\sonly|\ssurprising)|(?:hardly|scarcely)(?!\ssurprising)|(?<!\bno\s)(?<!\bwithout\s)(?<!\bbeyond\s)doubt|lacks?|never|cannot|can't|neither|nor|isn't|aren't|wasn't|doesn't|don't"
    r"|(?:wrong|incorrect|a mistake)(?=\sto\b)"
    r"|fails to be|far from|no(?!,|\.|:|;|\s(?:doubt|question|surprise|wonder)\b))(?![\w'-])[^.,;:!?\n]{0,100}\Z",
    re.IGNORECASE,
)
# "not, in fact, valid"
_ASIDE = re.compile(
    r"(?:(?<=\bnot)|(?<=n't)|(?<=\bcannot)),\s[^.,;:!?\n]{1,40},(?=\s(?:(?:an?|be|\w{2,14}ly)\s){0,3}(?:valid|invalid)\b)",
    re.IGNORECASE,
)
# "There is no reason to think that the", "The premises do not make the"
_REACHES = re.compile(
    rf"(?:\bnot|n't|\bcannot|\bnever|\bhardly|\bno)\s(?:\w{{1,20}}\s){{0,3}}?{_GOVERNING}\s(?:that\s)?(?:(?:the|this|its|an?)\s(?:\w{{1,12}}\s)?)?\Z",
    re.IGNORECASE,
)
_CONSEQUENCE = re.compile(
    r",?\s(?:so|therefore|thus|hence|thereby|consequently|making|rendering|which\s(?:makes|renders|leaves|means))\s",
    re.IGNORECASE,
)
_CLOSES = re.compile(r"\b(?:in)?valid(?:\s(?:argument|inference|deduction|one))?\W{0,6}\Z", re.IGNORECASE)
_REACH = 110


def without_asides(passage: str) -> str:
    """Return a passage without what only comes between a denial and its word: "not, in fact, valid"."""
    return _ASIDE.sub("", passage)


def denied(passage: str, word: re.Match[str]) -> bool:
    """Return whether a word of a passage is denied by its own clause."""
    start = max(0, word.start() - _REACH)
    for clause in _CLAUSE.finditer(passage, start, word.end()):
        if not clause["governed"]:
            start = clause.start()
    return _DENIAL.search(passage, start, word.start()) is not None


def reaches(before: str) -> bool:
    """Return whether words deny the clause that follows right behind them."""
    return _REACHES.search(before[-_REACH:]) is not None


def consequence(passage: str) -> str:
    """Return the last part of a passage where it draws a verdict: "..., so it is invalid", "..., making it valid"."""
    *before, last = _CONSEQUENCE.split(passage)
    return last if before and _CLOSES.search(last) else ""
