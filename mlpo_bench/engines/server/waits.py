"""How long a server asks to wait, in its headers or in its words.

Where it does not say so outright (`retry-after`), it may tell of each of its bounds how much is left of it, and when it
is whole again: `x-ratelimit-reset-tokens` of OpenAI and others, `anthropic-ratelimit-tokens-reset`, `ratelimit-reset`.
"""

from __future__ import annotations

import contextlib
import re
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_EPOCH_MS = 1_000_000_000_000
_LONG_PAST_S = 86_400.0
"""A time that is longer past than this is none: such a number counts seconds."""
_NO_TIME = 1e15
"""No wait, and no time in milliseconds either."""
_UNITS = (
    (r"milliseconds?|millis|msecs?|ms", 0.001),
    (r"seconds?|secs?|s", 1.0),
    (r"minutes?|mins?|m", 60.0),
    (r"hours?|hrs?|h", 3_600.0),
    (r"days?|d", 86_400.0),
    (r"weeks?|w", 604_800.0),
    (r"months?", 2_592_000.0),
)
_NAMES = "|".join(names for names, _ in _UNITS)
_PART = rf"(\d{{1,12}}(?:\.\d{{1,9}})?)\s{{0,3}}(?:(?:more|additional|full)\s)?({_NAMES})(?![a-z])"
_SPAN = rf"{_PART}(?:(?:\s|,|and\b){{0,6}}{_PART}){{0,4}}"
_ASKS = (
    r"(?:try(?:ing)?(?: your request)? again (?:in|after)|retry(?:ing)?(?: your request)?[ _-]?(?:after|in)"
    r"|retry_?delay"
    r"|wait(?:ing)?(?: for| at least)?|back off(?: for)?|available(?: again)? in|\bresets? (?:in|after))"
)
_ABOUT = r"(?:about |approximately |at least |another |~)?"
_IN_WORDS = re.compile(
    rf"\b{_ASKS}\W{{1,8}}{_ABOUT}(?:(?P<span>{_SPAN})|(?:an?|one)\s(?P<unit>{_NAMES})(?![a-z]))"
    r"|(?<![\d.])(?P<chinese>\d{1,6})\s{0,2}\u79d2\u949f?[\u4e4b\u4ee5]?\u540e",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"\bretry[ _-]?after(?:[ _-]?(?:seconds|(?P<ms>ms)))?\W{1,8}(?P<seconds>\d{1,9}(?:\.\d{1,9})?)"
    r"(?![\d.:/-]{0,9}\d)(?!\s{0,3}[a-z])",
    re.IGNORECASE,
)
"""A number without a unit counts seconds, as it does in the header of that name."""


_RESET = "reset"
_BOUND = re.compile(
    rf"(?:x-|anthropic-)?rate-?limit(?:by[a-z]+)?(?:-[a-z]+(?:-[a-z]+){{0,3}})?-{_RESET}(?:-[a-z]+(?:-[a-z]+){{0,3}})?"
)
"""The header that tells when a bound is whole again, whatever it bounds: requests, tokens, `input-tokens`."""
_POLICY = re.compile(r"(?:^|[,;])\s{0,3}(?:(?P<left>r|remaining)|t|reset)\s{0,3}=\s{0,3}(?P<number>[0-9]{1,9})")
"""What the header `ratelimit` says of each bound, `"default";r=0;t=30` or `limit=10, remaining=0, reset=30`."""
_ASKED_OUTRIGHT = ("retry-after", "x-retry-after", "retry-after-seconds", "x-retry-after-seconds")
_ASKED_IN_MS = ("retry-after-ms", "x-ms-retry-after-ms", "x-retry-after-ms")
_ISO_SPAN = re.compile(r"PT(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?", re.IGNORECASE)
_OF_A_DAY = re.compile(r"-(?:day|daily|month|monthly)\b")


def told_wait(headers: Mapping[str, str], words: str, now: Callable[[], float] = time.time) -> float | None:
    """Return for how many seconds a server asks to wait, in its headers or in its words; None where it does not.

    `words` is the whole body: what tells the wait stands far behind in some.
    """
    for name in _ASKED_IN_MS:
        if (ms := _number(headers.get(name, ""))) is not None:
            return ms / 1_000
    for name in _ASKED_OUTRIGHT:
        if (asked := _longest(headers.get(name, ""), now)) is not None:
            return asked
    bounds = list(_bounds(headers, now))
    exhausted = [wait for left, wait in bounds if left == 0] or [wait for left, wait in bounds if left is None]
    if exhausted:
        return max(exhausted)
    told = _in_words(words)
    return max((wait for _, wait in bounds), default=None) if told is None else told


def _bounds(headers: Mapping[str, str], now: Callable[[], float]) -> Iterator[tuple[float | None, float]]:
    """Yield of each of a server's bounds what is left of it (None where it is not told), and when it is whole again.

    Those of a day of which something is left are passed over: hours of waiting are not for what is asked now.
    """
    for said in re.split(r",\s{0,3}(?=\")", headers.get("ratelimit", "")):
        figures = {bool(one["left"]): float(one["number"]) for one in _POLICY.finditer(said)}
        if False in figures:
            yield figures.get(True), figures[False]
    for name, told in headers.items():
        if _BOUND.fullmatch(name) and (wait := _span_or_date(told, now)) is not None:
            left = _number(headers.get(name.replace(_RESET, "remaining"), ""))
            if not left or not _OF_A_DAY.search(name):
                yield left, wait


def _in_words(words: str) -> float | None:
    if (match := _IN_WORDS.search(words)) is not None:
        if match["chinese"]:
            return float(match["chinese"])
        return _span(match["span"]) if match["span"] else _seconds(match["unit"])
    if (bare := _BARE.search(words)) is None:
        return None
    return float(bare["seconds"]) / (1_000 if bare["ms"] else 1)


def _longest(text: str, now: Callable[[], float]) -> float | None:
    """Return the longest wait that a header tells: proxies write one behind another, with a comma between."""
    if (whole := _span_or_date(text, now)) is not None:
        return whole
    parts = [_span_or_date(part, now) for part in text.split(",")]
    return max((part for part in parts if part is not None), default=None) if None not in parts else None


def _span_or_date(text: str, now: Callable[[], float]) -> float | None:
    """Return the seconds that a header tells: so many, a span such as `6m0s`, or a time that is to come."""
    text = text.strip(" \t\"';")
    if (number := _number(text)) is not None:
        at = number / 1_000 if number >= _EPOCH_MS else number
        return max(0.0, at - now()) if at > now() - _LONG_PAST_S else number
    if re.fullmatch(_SPAN, text, re.IGNORECASE):
        return _span(text)
    if (iso := _ISO_SPAN.fullmatch(text)) and any(iso.groups()):
        return sum(float(part or 0) * seconds for part, seconds in zip(iso.groups(), (3_600, 60, 1), strict=True))
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        with contextlib.suppress(ValueError, TypeError, IndexError, OverflowError):
            at_time = read(text)
            return max(0.0, (at_time if at_time.tzinfo else at_time.replace(tzinfo=UTC)).timestamp() - now())
    return None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < _NO_TIME else None


def _span(text: str) -> float:
    return sum(float(count) * _seconds(unit) for count, unit in re.findall(_PART, text, re.IGNORECASE))


def _seconds(unit: str) -> float:
    return next(seconds for names, seconds in _UNITS if re.fullmatch(names, unit, re.IGNORECASE))
