"""Rows out of a table that somebody has: CSV, JSON, JSON lines or Parquet, however its columns are called."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from mlpo_bench.errors import UsageError, nearest
from mlpo_bench.questions import choices, reading
from mlpo_bench.questions.reading import blank


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path


COLUMNS: Mapping[str, tuple[str, ...]] = {
    "question": reading.QUESTIONS,
    "answer": reading.ANSWERS,
    "choices": ("choices", "options"),
    "subject": ("subject", "category", "topic", "task"),
    "split": ("split",),
    "id": ("id", "question_id"),
}
"""What each column may be called, the first name that is there being taken; case, spaces and hyphens do not matter."""

_REQUIRED = ("question", "answer")
_DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a `file`: `place` says where it stands (`line 7`, `row 6`), `number` counts the file's rows from 1.

    `cells` has those columns of `COLUMNS` that the table has; `choices` are texts, none where the row offers none;
    `labels` are what the row calls them, if it does; `first` is the number of the first one's column, if it has one.
    """

    file: Path
    place: str
    number: int
    cells: Mapping[str, Any]
    choices: tuple[str, ...]
    labels: tuple[str, ...] = ()
    first: int | None = None


class Rows:
    """The rows of a table, blank ones left out: they are read anew whenever they are looked at, and never held.

    Raises:
        UsageError: The file cannot be read, is none of these kinds, or lacks a column.
    """

    def __init__(self, path: Path) -> None:
        if (kind := path.suffix.lower()) not in READERS:
            raise UsageError(f"{path} is no table of questions: these end in {', '.join(READERS)}.")
        self._path, self._reader = path, READERS[kind]
        names: dict[str, None] = {}
        held = False
        for _, cells in self._reader(path):
            names.update(dict.fromkeys(cells))
            held = held or any(not blank(value) for value in cells.values())
        if not held:
            raise UsageError(f"{path} holds no question.")
        self._columns = _columns(path, names)
        self._one_each = choices.columns(path, _named(names), self._columns.values())

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows.

        Raises:
            UsageError: What a row offers are no choices.
        """
        for number, (place, cells) in enumerate(self._reader(self._path), start=1):
            if any(not blank(value) for value in cells.values()):
                known = {column: cells.get(name) for column, name in self._columns.items()}
                try:
                    found = choices.offered(known.get("choices"), cells, self._one_each)
                except ValueError as fault:
                    raise UsageError(f"{self._path}, {place}: {fault}.") from None
                yield Row(self._path, place, number, known, found.texts, found.labels, found.first)


class AllRows:
    """The rows of several tables, one after the other."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._tables = tuple(map(Rows, paths))

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows."""
        return chain.from_iterable(self._tables)


def _column(name: object) -> str:
    return "_".join(str(name).replace("-", " ").replace("_", " ").split()).casefold()


def _named(names: Iterable[str]) -> dict[str, str]:
    """Return what the table calls its columns, the last first, by their names as they are compared."""
    return {_column(name): name for name in reversed(list(names))}


def _columns(path: Path, names: Iterable[str]) -> dict[str, str]:
    """Return what the table calls each column that it has."""
    given = _named(names)
    columns = {
        column: given[known]
        for column, variants in COLUMNS.items()
        for known in [next((variant for variant in variants if variant in given), None)]
        if known is not None
    }
    for column in _REQUIRED:
        if column not in columns:
            hint = nearest(column, given) or "."
            raise UsageError(
                f"{path} has no column {column!r}{hint} Its columns: {', '.join(reversed(given.values()))}."
            )
    return columns


def _text(path: Path) -> str:
    return reading.decoded(reading.content(path), path)


def _csv(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    text = _text(path)
    first = text.lstrip().partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    csv.field_size_limit(max(csv.field_size_limit(), len(text)))  # of the whole process
    header: list[str] | None = None
    last = 0
    try:
        for cells in reader:
            line, last = last + 1, reader.line_num
            if all(blank(cell) for cell in cells):
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                if twice := [name for name in header if name and header.count(name) > 1]:
                    raise UsageError(f"{path}: two columns are called {twice[0]!r}; rename one of them.")
            elif len(cells) != len(header):
                raise UsageError(f"{path}, line {line}: it has {len(cells)} cells, and the header {len(header)}.")
            else:
                yield f"line {line}", dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise UsageError(f"{path}, line {last + 1}: it is no CSV ({error}); are its quotation marks closed?") from None


def _json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(_lines(_text(path)), start=1):
        if line.strip():
            value = reading.parsed(line, f"{path}, line {number}")
            yield f"line {number}", _object(path, f"line {number}", value)


def _lines(text: str) -> Iterator[str]:
    """Yield the lines of a text, which is not held a second time."""
    begun = 0
    while (end := text.find("\n", begun)) >= 0:
        yield text[begun:end]
        begun = end + 1
    yield text[begun:]


def _json(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    value = reading.parsed(_text(path), str(path))
    if isinstance(value, dict):  # {"examples": [...]}, beside whatever else is told
        lists = [each for each in value.values() if isinstance(each, list)]
        value = lists[0] if len(lists) == 1 else None
    if not isinstance(value, list):
        raise UsageError(f"{path} must hold one list of questions.")
    for number, each in enumerate(value, start=1):
        yield f"row {number}", _object(path, f"row {number}", each)


def _object(path: Path, place: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{path}, {place}: a question is an object with question and answer, not {value!r:.60}.")
    return value


def _parquet(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    rows = reading.parquet(reading.content(path), path)
    for number, cells in enumerate(rows, start=1):
        yield f"row {number}", cells


READERS: Mapping[str, Callable[[Path], Iterator[tuple[str, dict[str, Any]]]]] = {
    ".csv": _csv,
    ".tsv": _csv,
    ".jsonl": _json_lines,
    ".json": _json,
    ".parquet": _parquet,
}
"""Readers by the ending of a file's name; each yields where a row stands, and its cells by column."""
