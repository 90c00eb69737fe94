"""Numbers and names as a person reads them."""

from __future__ import annotations

from collections import Counter
from math import floor, log10
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_UNITS = ((1e21, "Z"), (1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"))
_MILLIONTH = 1e-6
_MINUTE, _HOUR, _DAY, _YEAR = 60, 3_600, 86_400, 365 * 86_400


def duration(seconds: float | None) -> str:
    """Return `42 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`, `2 y 90 d`; `unknown` for None."""
    if seconds is None:
        return "unknown"
    whole = round(seconds)
    for unit, name, part, part_name in (
        (_YEAR, "y", _DAY, "d"),
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if whole >= unit:
            return f"{whole // unit} {name} {whole % unit // part} {part_name}"
    return f"{whole} s"


def operations(count: float | None) -> str:
    """Return floating-point operations as `1.2 P`; `-` where they are not known."""
    if count is None:
        return "-"
    for size, unit in _UNITS:
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f}"


def price(amount: float | None) -> str:
    """Return a price with as many digits as it needs, at least two that are not 0; `-` where it is not known."""
    if amount is None:
        return "-"
    if amount >= 1:
        return f"{amount:,.2f}"
    if 0 < amount < _MILLIONTH:
        return f"{amount:.1e}"
    return f"{amount:.{max(4, 1 - floor(log10(amount or 1)))}f}"


def short_names(models: Iterable[str]) -> dict[str, str]:
    """Return what tables call models: of paths and hub ids the last part, unless that would name two of them."""
    short = {model: "+".join(part.rstrip("/").rsplit("/", 1)[-1] for part in model.split("+")) for model in models}
    alike = Counter(short.values())
    return {model: name if alike[name] == 1 else model for model, name in short.items()}


def with_counts(row: str, counts: Sequence[int], what: str) -> str:
    """Return a row's name with what it came to where it matches another: `vote at the tokens of leader (6 ballots)`."""
    if not counts:
        return row
    things = what.removesuffix("s") if list(counts) == [1] else what
    return f"{row} ({', '.join(f'{each:,}' for each in counts)} {things})"


def count(number: int) -> str:
    """Return `950,123`, `12.5 M`, `2.15 G`: short enough for any column, and never cut."""
    for size, unit in ((10**12, "T"), (10**9, "G"), (10**6, "M")):
        if number >= size:
            return f"{number / size:.3g} {unit}" if number < 1_000 * size else f"{number / size:,.0f} {unit}"
    return f"{number:,}"
