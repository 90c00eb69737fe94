r"""Closing sentences that wrap their number: the reason first, what is left behind a comma, what it is not at the end.

Every pattern repeats only within small bounds.
"""

from __future__ import annotations

import re


_DIGITS = r"[-$]{0,2}[0-9]{1,20}(?:,[0-9]{3}){0,6}(?:\.[0-9]{1,20})?"
_NOUNS = r"(?:\s(?!and\b|or\b|of\b|but\b|more\b|less\b|fewer\b|times\b|to\b)[a-z'-]{1,20}){0,5}"
_CONTRAST = re.compile(
    rf"(?:,\s(?:and\s)?|\s\()not\s{_DIGITS}(?:\s[a-z]{{1,20}}){{0,3}}[.!*_)\s]{{0,4}}\Z", re.IGNORECASE
)
_REASON_FIRST = re.compile(
    r"\A[\W_]{0,8}(?:(?:so|thus|and|but),?\s)?(?:since|because|as|given|after|with|by|having)\s[^?\n]{1,300},\s"
    r"(?P<clause>(?![^,]{0,200}\b(?:more|less|fewer|times|if|unless)\b)[^,?]{3,200})\Z",
    re.IGNORECASE,
)
_WHOM = r"(?:(?:him|her|them|it|us|me|you|(?:the|his|her|their)\s[a-z]{2,15}|(?-i:[A-Z])[a-z]{1,15})\s)?"
# "..., leaving her with $8", "..., which leaves 8 apples", "..., for a total of $14"
_LEFT_OVER = re.compile(
    r"(?:\A|[,;]\s|\sand\s)(?:thus\s|so\s|which\s|this\s|that\s){0,2}"
    rf"(?:(?:leaving|leaves|will leave|would leave)\s{_WHOM}(?:with\s)?"
    r"(?:only\s|just\s|exactly\s|a\s[a-z]{2,12}\sof\s)?"
    rf"|(?:for|making|giving|yielding|giving\s{_WHOM})\s?(?:a\s)?(?:grand\s)?total\sof\s)"
    rf"(?P<said>{_DIGITS}{_NOUNS})[.!*_\s]{{0,4}}\Z",
    re.IGNORECASE,
)
_SUPPOSES = re.compile(r"\b(?:if|unless|had|were|suppose|otherwise|without)\b", re.IGNORECASE)


def without_contrast(text: str) -> str:
    """Return a text without the number that it says it is not, at its end: "7 dollars left, not 8"."""
    return _CONTRAST.sub("", text)


def behind_reason(sentence: str) -> str | None:
    """Return what a sentence says behind the reason that it opens with: "Since ..., he has 12 apples"."""
    reason = _REASON_FIRST.match(sentence)
    return str(reason["clause"]) if reason else None


def left_over(sentence: str) -> str | None:
    """Return the amount that a sentence leaves or adds up to at its end, or None."""
    left = None if _SUPPOSES.search(sentence) else _LEFT_OVER.search(sentence)
    return str(left["said"]) if left else None


def supposes(sentence: str) -> bool:
    """Return whether a sentence says what would be in a case that is not the one."""
    return " would " in sentence and (", but " in sentence or _SUPPOSES.search(sentence) is not None)
