"""A number that is said with what it consists of: "You have 8 objects: 5 apples and 3 pears" says 8.

Every pattern repeats only within small bounds.
"""

from __future__ import annotations

import re

from mlpo_bench.answers import number_words


_MOST = 40
_SAID = r"(?P<said>[0-9]{1,6}|[a-z]{3,9}(?:-[a-z]{3,5})?)"
_WITH_PARTS = re.compile(
    r"\A[\W_]{0,8}(?:(?:so|thus|hence|therefore|altogether|in total),?\s)?"
    r"(?:you|i|we|he|she|they|there)(?:'ve|\s(?:now\s)?"
    r"(?:have|has|are|is|were|was|own|owns))\s(?:got\s|exactly\s)?(?P<in_all>a total of\s)?"
    rf"[*_]{{0,2}}{_SAID}[*_]{{0,2}}(?:\s[a-z*_]{{2,20}}){{1,4}}"
    r"(?::|\s?\(|,\s(?:namely|including|consisting of))\s?(?P<parts>[^.:;?!()]{3,600})\)?[.!*_\s]{0,4}\Z",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r",\s(?:and\s)?|\sand\s|\splus\s|\s\+\s")
_PART = re.compile(r"[*_\s]{0,4}(?P<said>[0-9]{1,6}|an?|[a-z]{3,9}(?:-[a-z]{3,5})?)[*_]{0,2}\s[a-z]", re.IGNORECASE)
_ASIDE = re.compile(r"\s\((?!or\b|not\b|maybe\b|perhaps\b|if\b)[^()\n]{3,300}\)(?=[.!*_\s]{0,4}\Z)", re.IGNORECASE)


def whole(sentence: str) -> str | None:
    """Return the number that a sentence opens with where the parts that it goes on to name add up to it."""
    match = _WITH_PARTS.match(sentence)
    total = None if match is None else _number(match["said"])
    if match is None or total is None:
        return None
    named = [_PART.match(part) for part in _BETWEEN.split(match["parts"], maxsplit=_MOST)]
    counts = [_number(part["said"]) if part else None for part in named]
    adds_up = None not in counts and sum(filter(None, counts)) == total
    return str(total) if match["in_all"] or adds_up else None


def without_aside(sentence: str) -> str:
    """Return a sentence without what it adds in brackets at its end: "a total of 4 animals (1 cow, 3 goats)"."""
    return _ASIDE.sub("", sentence)


def _number(said: str) -> int | None:
    if said.isdecimal():
        return int(said)
    if said.casefold() in {"a", "an"}:
        return 1
    words = number_words.whole(said)
    return None if words is None else int(words)
