r"""Whether two single mathematical values are equal: numbers in a base and times by their text, others by a referee.

A referee is asked only about what it is known to understand whole: an unknown sign makes two values different.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Callable

    Same = Callable[[str, str], bool]

_BASED = re.compile(r"\(?(-?[0-9A-Fa-f.]+)\)?_\{?(?:\\?[a-z]*\s?)?([0-9]{1,3}|two|ten)\}?")
# Of a number's base, ten is the one that need not be told.
_TEN = re.compile(r"\A\s?(-?[0-9]{1,60}(?:\.[0-9]{1,60})?)_(?:10|\{\s?(?:10|ten)\s?\})\s?\Z")
_DIGITS = re.compile(r"-?[0-9][0-9A-F]*")
_CLOCK = re.compile(r"([0-9]{1,4}\s?:\s?[0-9]{1,4}(?::[0-9]{1,4})*)\s?([ap])?\.?\s?(?:m\b)?\.?", re.IGNORECASE)
_GREEK_LETTERS = "alpha beta gamma delta epsilon theta lambda mu rho sigma tau phi omega psi Delta Omega"
GREEK = frozenset(_GREEK_LETTERS.split())
_OPERATORS = (
    "frac sqrt pi cdot infty le ge neq sin cos tan cot sec csc arcsin arccos arctan log ln exp pm binom lfloor rfloor "
    "lceil rceil cup cap in"
)
COMMANDS = GREEK | frozenset(_OPERATORS.split())
_EMPTY = re.compile(
    r"\\emptyset|\\\{\\\}|(?:there (?:is|are) )?no (?:real |such |possible )?"
    r"(?:solutions?|roots?|values?|numbers?)(?: exists?)?|none"
    r"|(?:the )?empty set|does not exist|no such (?:\w+ )?exists?",
    re.IGNORECASE,
)
_RATIO = re.compile(r"([0-9]{1,9})\s?(?::|to)\s?([0-9]{1,9})")
_FRACTION = re.compile(r"\\frac\{([0-9]{1,9})\}\{([0-9]{1,9})\}|([0-9]{1,9})\s?/\s?([0-9]{1,9})")
_KNOWN_CHARACTERS = re.compile(r"[0-9a-zA-Z\s+\-/^_(){}\[\].,=<>!|\\:]*")
_NOTHING_BUT_LETTERS = 3


def same_value(answer: str, gold: str, same: Same) -> bool:
    """Return whether two single values are equal; those that a referee may not understand whole, by their text."""
    answer, gold = _TEN.sub(r"\1", answer), _TEN.sub(r"\1", gold)
    if answer == gold:
        return True
    if all(re.fullmatch(r"[A-Za-z][a-zA-Z' -]+", side) for side in (answer, gold)):
        return answer.casefold() == gold.casefold()
    if _EMPTY.fullmatch(answer) and _EMPTY.fullmatch(gold):
        return True
    if ratio := _same_ratio(answer, gold) or _same_ratio(gold, answer):
        return ratio
    for form, agree in ((_BASED, _same_in_base), (_CLOCK, _same_time)):
        one, other = form.fullmatch(answer), form.fullmatch(gold)
        if one or other:
            return bool(one and other and agree(one, other))
    return understood(answer, gold) and understood(gold, answer) and same(answer, gold)


def _same_ratio(answer: str, gold: str) -> bool:
    """Return whether a ratio, `1:2`, and a fraction say the same; two ratios are compared by what is written."""
    ratio, fraction, other = _RATIO.fullmatch(answer), _FRACTION.fullmatch(gold), _RATIO.fullmatch(gold)
    if ratio and other and "to" in answer:
        return ratio.groups() == other.groups()
    if ratio is None or fraction is None:
        return False
    top, bottom = (int(part) for part in fraction.groups() if part is not None)
    return int(ratio[1]) * bottom == int(ratio[2]) * top


def _same_in_base(one: re.Match[str], other: re.Match[str]) -> bool:
    """Return whether two numbers have the same digits in the same base."""
    digits = {side.group(1).upper().lstrip("0") for side in (one, other)}
    return len(digits) == 1 and one.group(2) == other.group(2)


def has_digits_of(answer: str, gold: str) -> bool:
    """Return whether bare digits are those of a number that was asked for in a base: `1011` for `1011_2`."""
    digits, mark, base = gold.partition("_")
    return bool(mark) and base.strip("{}").isdigit() and answer == digits and _DIGITS.fullmatch(digits) is not None


def _same_time(one: re.Match[str], other: re.Match[str]) -> bool:
    """Return whether two times of day, or ratios, agree; a half of the day that only one names does not matter."""
    digits = {re.sub(r"\s", "", side.group(1)).lstrip("0") for side in (one, other)}
    halves = {side.group(2).lower() for side in (one, other) if side.group(2)}
    return len(digits) == 1 and len(halves) <= 1


def understood(text: str, other: str) -> bool:
    """Return whether a value consists of nothing but what the referee is known to read.

    Letters side by side are a product only where the other side has the same letters; else they are a word.
    """
    if not text or not _KNOWN_CHARACTERS.fullmatch(text):
        return False
    commands = re.findall(r"\\([a-zA-Z]+|.)", text)
    if not set(commands) <= COMMANDS:
        return False
    runs = re.findall(r"[a-zA-Z]{2,}", re.sub(r"\\[a-zA-Z]+", " ", text))
    letters = set(re.findall(r"[a-zA-Z]", re.sub(r"\\[a-zA-Z]+", " ", other)))
    return all(len(run) <= _NOTHING_BUT_LETTERS and set(run) <= letters for run in runs)
