r"""Several values that a sentence gives together, "x = 1 and x = 3", and those that it says are none.

Every pattern repeats only within small bounds.
"""

from __future__ import annotations

import re


_VALUE = r"-?\s?[^\s,;=$]{1,40}(?:\s[-+*/\u00b1]\s[^\s,;=$]{1,20}){0,2}"
_ASSIGNED = rf"(?:[a-zA-Z](?:_[0-9a-z])?\s?=\s?{_VALUE}|\([a-z],\s?[a-z](?:,\s?[a-z])?\)\s?=\s?\([^()\n]{{1,40}}\))"
_JOINED = r"\s?(?:[,;]\s(?:and\s|or\s)?|(?<=\s)(?:and|or)\s)"
_SEVERAL = re.compile(
    rf"(?<![\w)}}+*/^=<>-])(?<![+*/=<>^-]\s)(?P<said>{_ASSIGNED}(?:{_JOINED}(?:{_ASSIGNED}|-?[0-9]\S{{0,20}}(?=[,.;\s]|\Z))){{1,9}})\s{{0,3}}\Z"
)
# In these words what comes first is a condition: "since x = 2, y = 5".
_ON_CONDITION = re.compile(
    r"\b(?:since|because|when|if|where|with|given|for|as|from|at|let|setting)\s\W{0,3}\Z", re.IGNORECASE
)
_NUMBER = r"(?:-?[0-9]{1,15}(?:[./][0-9]{1,15})?|\([^()\n]{1,40},[^()\n]{1,40}\))"
_NUMBERS = re.compile(
    r"\b(?:solutions|roots|zero(?:e)?s|values|answers|intercepts|points|pairs)\b[^.:=?!\n]{0,60}?\bare:?\s"
    rf"(?P<said>{_NUMBER}(?:(?:,\s(?:and\s|or\s)?|\s(?:and|or)\s){_NUMBER}){{1,9}})\s{{0,3}}\Z",
    re.IGNORECASE,
)
_NO_LONGER = r"(?:rejected|discarded|dismissed|extraneous|excluded|ruled out|inadmissible)"
_REJECTING = (
    r"(?:and\s|so\s|but\s)?(?:we\s)?(?:must\s|can\s)?(?:reject|discard|dismiss|ignor|exclud)(?:e|ed|es|s|ing)?\s"
)
# Behind a solution: "(reject x = -3)", ", discarding -3", "(x = -3 is extraneous)"
_REJECTED = re.compile(
    rf"(?:\s?\((?:{_REJECTING}[^()\n]{{1,60}}|[^()\n]{{1,40}}\s(?:is|are|was|being)\s{_NO_LONGER}[^()\n]{{0,40}})\)"
    rf"|,\s{_REJECTING}[^()\n,]{{1,60}}|\s(?=we\s){_REJECTING}[^()\n,]{{1,60}}"
    rf"|,\s(?:and\s|but\s|as\s|since\s|because\s)?\$?[a-zA-Z]\s?=\s?[^()\n,]{{1,30}}\s(?:is|was|being)\s{_NO_LONGER}[^()\n,]{{0,40}})"
    r"[.\s]{0,4}\Z",
    re.IGNORECASE,
)


def listed(sentence: str) -> str | None:
    """Return the several values that a sentence ends in, as they are written, or None."""
    sentence = sentence.rstrip("*_ ").rstrip(".!")
    if numbers := _NUMBERS.search(sentence):
        return str(numbers["said"])
    several = _SEVERAL.search(sentence)
    if several is None or _ON_CONDITION.search(sentence, 0, several.start()):
        return None
    return str(several["said"])


def without_rejected(text: str) -> str:
    """Return a text without what it says at its end of values that are no solutions."""
    return _REJECTED.sub("", text)
