"""Whole numbers in English words: `twenty-one`, `one hundred and five`."""

from __future__ import annotations

import re


_UNITS_IN_ORDER = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_UNITS = _UNITS_IN_ORDER.split()
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SMALL = {word: n for n, word in enumerate(_UNITS)} | {word: 10 * n for n, word in enumerate(_TENS, start=2)}
_SCALES = {"dozen": 12, "thousand": 10**3, "million": 10**6, "billion": 10**9}
_NUMERAL = "|".join([*_UNITS, *_TENS, *_SCALES, "hundred"])
_WORDS = re.compile(
    r"\A(?P<minus>(?:minus|negative|-)\s?)?(?P<words>(?:an?\s(?=hundred|thousand|million|dozen))?"
    rf"(?:(?:{_NUMERAL})(?![a-z])(?:\sand\s|,\s|[\s-]|\Z){{0,2}}){{1,20}})"
    r"(?P<rest>[a-z\s]{0,60})[.!]?\Z"
)
_AFTERWARDS = re.compile(
    r"\b(?:or|to|and|of|more|less|plus|times|minus|divided|over|half|halves|thirds?|quarters?|fourths?|fifths?|tenths?|point|in|first|second|\w{3,10}ths?)\b"
)


def read(text: str) -> str | None:
    """Return the digits of the number that a text says in words, perhaps before a noun ("twelve hats"), or None."""
    said = _WORDS.match(text.strip().casefold())
    if said is None or _AFTERWARDS.search(said["rest"]):
        return None
    value = _value(re.findall(r"[a-z]+", said["words"]))
    return None if value is None else f"{'-' if said['minus'] and value else ''}{value}"


def whole(text: str) -> str | None:
    """Return the digits of a text that is a number in words and nothing else, or None."""
    said = _WORDS.match(text.strip().casefold())
    return None if said is None or said["rest"].strip() else read(text)


_PARTS = {
    "half": 2,
    "third": 3,
    "quarter": 4,
    "fourth": 4,
    "fifth": 5,
    "sixth": 6,
    "seventh": 7,
    "eighth": 8,
    "ninth": 9,
}
_FRACTION = re.compile(
    rf"\A(?:(?:(?P<minus>minus|negative)|plus)\s)?(?:(?P<whole>{'|'.join(_UNITS)})\sand\s)?(?P<top>an?|{'|'.join(_UNITS)})[\s-]"
    rf"(?P<part>half|halves|(?:{'|'.join(_PARTS)}|tenth)s?)\Z",
    re.IGNORECASE,
)


def fraction(text: str) -> tuple[int, int] | None:
    """Return numerator and denominator of a fraction in words ("two-thirds", "minus one and a half"), or None."""
    said = _FRACTION.match(text.strip())
    if said is None:
        return None
    top, part = said["top"].casefold(), said["part"].casefold().replace("halves", "half").rstrip("s")
    below = {**_PARTS, "tenth": 10}[part]
    above = 1 if top in {"a", "an"} else _SMALL[top]
    if said["whole"]:
        if above >= below:
            return None  # "two and five halves" may be a list
        above += below * _SMALL[said["whole"].casefold()]
    return (-above if said["minus"] else above), below


_DIGITS_MOVED = {"hundred": 2, "thousand": 3, "k": 3, "million": 6, "m": 6, "billion": 9, "bn": 9, "trillion": 12}
_SCALE = re.compile(r"\s{0,2}(hundred|thousand|million|billion|trillion|k|m|bn)\b", re.IGNORECASE)


def scaled(number: str, rest: str) -> str:
    """Return digits times the "million" that the rest begins with, made by moving their point."""
    scale = _SCALE.match(rest)
    if scale is None or (scale.group(1) in {"m", "k"} and not rest.startswith(scale.group(1))):
        return number
    whole, _, part = number.partition(".")
    zeros = _DIGITS_MOVED[scale.group(1).casefold()]
    moved = f"{whole}{part[:zeros].ljust(zeros, '0')}.{part[zeros:]}".rstrip(".")
    sign = "-" if moved.startswith("-") else ""
    return sign + (moved.lstrip("-").lstrip("0") or "0")


def _value(words: list[str]) -> int | None:
    """Return what number words add up to, or None where they are no number."""
    total = group = 0
    for word in words:
        if word in _SMALL:
            if group % 10 or (group % 100 and _SMALL[word] >= 10):  # noqa: PLR2004
                return None  # "three four", "twenty thirty"
            group += _SMALL[word]
        elif word == "hundred":
            group = max(group, 1) * 100
        elif word in _SCALES:
            total, group = total + max(group, 1) * _SCALES[word], 0
        elif word not in {"and", "a", "an"}:
            return None
    return total + group
