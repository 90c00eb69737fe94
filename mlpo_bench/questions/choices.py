"""The options that a table's row offers: a list, texts by label, objects, or a column for each."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlpo_bench.errors import UsageError
from mlpo_bench.questions.reading import blank, once, plain
from mlpo_bench.yamls import short


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path


LETTERS = "abcdefghijklmnopqr"
"""As many options as an answer's letter is read for."""

_LABELS = ("label", "labels", "key", "keys")
_PREFIXED = re.compile(r"(?:options?|choices?)_?([a-r]|\d+)")
_MEANT = re.compile(r"option(?!al)|choice")
_PYTHONS = re.compile(r"\s*(?:\[\s*['\"]|\{\s*['\"]|\[?array\()")
"""So begins a list, or an object, as Python or JSON writes it; an option may well begin with a bracket."""
_OWN_LETTER = re.compile(r"(?:\(([A-Ra-r])\)|([A-Ra-r])[.):])\s*(\S.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Choices:
    """What a row offers: its texts, the labels that it gives them, if any, and its first column's number, if any."""

    texts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    first: int | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that hold an option each; `first` is the number of the first one, where they are numbered."""

    names: tuple[str, ...] = ()
    first: int | None = None


def columns(path: Path, names: Mapping[str, str], known: Iterable[str]) -> Columns:
    """Return the columns that hold an option each: `a`, `Option A`, `optionA`, `choice_0`, `option1`.

    Args:
        path: The table.
        names: What it calls each of its columns, by their names in lower case, with `_` between words.
        known: Those that hold something else.

    Raises:
        UsageError: A column is called as if it held an option, and is not read.
    """
    marked: dict[str, str] = {}
    for plainly, name in names.items():
        prefixed = _PREFIXED.fullmatch(plainly)
        if prefixed or (len(plainly) == 1 and plainly in LETTERS):
            mark = prefixed[1] if prefixed else plainly
            marked.setdefault(str(int(mark)) if mark.isdecimal() else mark, name)
    found = _run(marked, list(LETTERS)) or _run(marked, list(map(str, range(len(LETTERS)))), 0)
    found = found or _run(marked, list(map(str, range(1, len(LETTERS) + 1))), 1) or Columns()
    for plainly, name in reversed(list(names.items())):
        past_a_gap = bool(found.names) and found.first is None and len(plainly) == 1 and plainly in LETTERS
        if (_MEANT.match(plainly) or past_a_gap) and name not in {*found.names, *known}:
            raise UsageError(
                f"{path}: its column {name!r} is called as if it held an option, and is not read; write the options in "
                "columns a, b, c without a gap, or in one column choices, and rename what is none."
            )
    return found


def _run(marked: Mapping[str, str], marks: Sequence[str], first: int | None = None) -> Columns | None:
    """Return the columns with these marks, as far as there is no gap; None where there are fewer than two."""
    names: list[str] = []
    for mark in marks:
        if mark not in marked:
            break
        names.append(marked[mark])
    return Columns(tuple(names), first) if len(names) > 1 else None


def offered(given: object, cells: Mapping[str, Any], one_each: Columns) -> Choices:
    """Return the options that a row offers, from a column of lists or from a column for each.

    Raises:
        ValueError: They are none; it ends the sentence that begins with the row.
    """
    if not blank(given):
        found = _listed(given)
    elif one_each.names:
        texts = [plain(cells.get(name)) for name in one_each.names]
        while texts and not texts[-1]:
            texts.pop()
        found = Choices(tuple(texts), first=one_each.first)
    else:
        return Choices()
    if not 2 <= len(found.texts) <= len(LETTERS) or not all(found.texts):  # noqa: PLR2004 - less is no choice
        raise ValueError(
            f"a question has 2 to {len(LETTERS)} choices, none of them empty, not {list(found.texts)}; "
            'write them as ["one", "two"], one | two, or in columns a, b, c'
        )
    _check_labels(found)
    return _without_letters(found)


def _listed(given: object) -> Choices:
    if isinstance(given, str):
        given = _written(given)
    if isinstance(given, dict):
        return _labelled(given)
    if not isinstance(given, list):
        return Choices(_texts([given]))
    if given and all(isinstance(one, tuple) and len(one) == 2 for one in given):  # noqa: PLR2004 - a map, by Parquet
        return _labelled(dict(given))
    if any(isinstance(one, dict) for one in given):
        return _objects(given)
    return Choices(_texts(given))


def _written(given: str) -> object:
    """Return the options that a cell of text holds: as JSON, or one on each line, or with | between them."""
    try:
        return json.loads(given, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        if _PYTHONS.match(given):
            raise ValueError(
                f"its choices {short(repr(given))} are no JSON ({error}); they look as Python prints a list"
            ) from None
    return given.split("\n" if "\n" in given.strip() else "|")


def _labelled(given: Mapping[str, Any]) -> Choices:
    """Return options that stand beside a list of their labels, as on the hub, or each behind its own."""
    if isinstance(given.get("text"), list):
        labels = next((given[name] for name in _LABELS if not blank(given.get(name))), ())
        return Choices(_texts(given["text"]), _texts(labels if isinstance(labels, (list, tuple)) else [labels]))
    if "text" in given:
        raise ValueError(f"its choices are no list, but {str(dict(given))[:60]}")
    said = {label: text for label, text in given.items() if text is not None}  # Parquet fills up what a row lacks
    return Choices(_texts(said.values()), tuple(map(plain, said)))


def _objects(given: Sequence[object]) -> Choices:
    """Return options that are an object each: {"label": "A", "text": "one"}."""
    texts, labels = [], []
    for one in given:
        if not isinstance(one, dict) or "text" not in one:
            raise ValueError(f"a choice is a text, or an object with its text and label, not {str(one)[:60]}")
        texts.append(one["text"])
        labels += [one[name] for name in _LABELS if not blank(one.get(name))][:1]
    return Choices(_texts(texts), _texts(labels))


def _texts(given: Iterable[object]) -> tuple[str, ...]:
    values = tuple(given)
    for one in values:
        if isinstance(one, (dict, list, tuple, bytes)):
            raise ValueError(f"a choice and its label are texts, not {str(one)[:60]}")  # noqa: TRY004 - rows tell ValueErrors
    return tuple(map(plain, values))


def _check_labels(found: Choices) -> None:
    labels = found.labels
    if labels and len(labels) != len(found.texts):
        raise ValueError(f"it has {len(found.texts)} choices and {len(labels)} labels; give each choice its own")
    if not all(labels) or len({label.casefold() for label in labels}) < len(labels):
        raise ValueError(f"its choices' labels ({' | '.join(labels)}) are not all different, or one is empty")


def _without_letters(found: Choices) -> Choices:
    """Take off letters that all choices have already, in order: `A. one`, `(B) two`; they are lettered when asked."""
    parted = [_OWN_LETTER.fullmatch(text) for text in found.texts]
    own = [(part[1] or part[2]) if part else "" for part in parted]
    in_order = "".join(own).casefold() == LETTERS[: len(own)] and all(own)
    if not in_order or (found.labels and [label.casefold() for label in found.labels] != list(map(str.casefold, own))):
        return found
    return Choices(tuple(part[3].strip() for part in parted if part), found.labels, found.first)
