"""Which option a table's answer means: by its letter or label, by its text, by its column's number, or by its place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlpo_bench.errors import UsageError
from mlpo_bench.questions.reading import plain
from mlpo_bench.yamls import short


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mlpo_bench.questions.table import Row

    Way = Callable[[Row], str]


_LETTER = re.compile(r"\(?([A-Ra-r])\)?[.)]?")
_LETTERED = re.compile(r"(\(?[A-Ra-r][.):]+)\s*(\S.*)", re.DOTALL)


def way_of(name: str, rows: Iterable[Row]) -> Way:
    """Return how a row's answer becomes gold. A whole table writes the right option in one way, so all rows decide.

    Raises:
        UsageError: Several ways fit all rows and differ, or it is positions, of which nothing tells from where they
            count; `name` is the table's.
    """
    count = sum(1 for _ in rows)
    fitting = {way: sum(_gold(way, row) is not None for row in rows) for way in _WAYS}
    chosen = max(_WAYS, key=fitting.__getitem__)
    if count and fitting[chosen] == count:
        for other in _WAYS:
            if other is not chosen and fitting[other] == count:
                _check_agreement(name, rows, chosen, other)
    numbered = [plain(row.cells["answer"]) for row in rows if _gold(_by_position, row) is not None]
    if chosen is _by_position and numbered and not any(int(stated) == 0 for stated in numbered):
        raise UsageError(
            f"{name}: its answers are positions, which count from 0, and none of them is 0, as if they counted "
            "from 1: write the options' letters (A, B, ...) or their own texts in place of numbers."
        )
    return chosen


def _check_agreement(name: str, rows: Iterable[Row], chosen: Way, other: Way) -> None:
    for row in rows:
        if row.labels and chosen is _by_letter:  # labels are there to say which choice is meant
            continue
        if chosen(row) != other(row):
            raise UsageError(
                f"{name}, {row.place}: its answer {plain(row.cells['answer'])!r} is {_WAYS[chosen]} of {chosen(row)} "
                f"and {_WAYS[other]} of {other(row)}, and no row tells which is meant; write letters in parentheses, "
                "(A), (B), ..., in all rows."
            )


def _gold(way: Way, row: Row) -> str | None:
    try:
        return way(row)
    except ValueError:
        return None


def _by_letter(row: Row) -> str:
    """Return what a letter means, or a label where the choices have labels of their own."""
    stated = plain(row.cells["answer"])
    if row.labels:
        labels = [_bare(label) for label in row.labels]
        if labels.count(_bare(stated)) != 1:
            raise _no_choice(row)
        return _lettered(labels.index(_bare(stated)))
    letter = _LETTER.fullmatch(stated)
    if letter is None:
        raise _no_choice(row)
    place = ord(letter[1].upper()) - ord("A")
    if row.choices and place >= len(row.choices):
        raise _no_choice(row)
    return _lettered(place)


def _by_text(row: Row) -> str:
    """Return the option whose text it is, with or without the letter or label before it."""
    wanted = plain(row.cells["answer"])
    same = _places(row, wanted)
    if not same and (parted := _LETTERED.fullmatch(wanted)):
        before = row.labels or tuple(map(_lettered, range(len(row.choices))))
        same = [place for place in _places(row, parted[2]) if _bare(before[place]) == _bare(parted[1])]
    if len(same) != 1:
        raise _no_choice(row)
    return _lettered(same[0])


def _bare(label: str) -> str:
    """Return a label without brackets and points around it."""
    return label.strip("().: ").casefold() or label


def _places(row: Row, text: str) -> list[int]:
    return [place for place, choice in enumerate(row.choices) if choice.casefold() == text.casefold()]


def _by_number(row: Row) -> str:
    """Return the option whose column has this number: `2` is that of `option2`."""
    stated = plain(row.cells["answer"])
    if row.first is None or not stated.isdecimal() or not 0 <= int(stated) - row.first < len(row.choices):
        raise _no_choice(row)
    return _lettered(int(stated) - row.first)


def _by_position(row: Row) -> str:
    stated = plain(row.cells["answer"])
    labelled = any(label.isdecimal() for label in row.labels)  # then a number is a label
    if labelled or not stated.isdecimal() or int(stated) >= len(row.choices):
        raise _no_choice(row)
    return _lettered(int(stated))


_WAYS: Mapping[Way, str] = {
    _by_letter: "the letter",
    _by_text: "the text",
    _by_number: "the column's number",
    _by_position: "the position, from 0,",
}


def _lettered(place: int) -> str:
    return f"({chr(ord('A') + place)})"


def _no_choice(row: Row) -> ValueError:
    offered = f"none of its choices ({short(' | '.join(row.choices))})" if row.choices else "no option's letter"
    if row.labels:
        offered += f", nor one of their labels ({' | '.join(row.labels)})"
    return ValueError(f"its answer {short(repr(plain(row.cells['answer'])))} is {offered}")
