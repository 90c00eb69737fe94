"""A suite of one's own without a line of code: a table of questions, named after its file.

Needed are the columns question and answer. Further ones are choices (a list, with or without labels, or a column for
each of a, b, c), subject, split (`train` or `test`) and id. Several files in one folder are one suite; those called
`train` and `test` are its splits. Where nothing says which questions are tested, four in five are, chosen by content,
so that a question is in the same split of whatever file it stands in.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench import answers, yamls
from mlpo_bench.errors import UsageError, nearest, unknown
from mlpo_bench.paths import expanded
from mlpo_bench.questions import golds, reading, table
from mlpo_bench.questions.answerable import readable, unanswerable
from mlpo_bench.questions.packed import Entries
from mlpo_bench.questions.question import Entry, with_options
from mlpo_bench.questions.reading import no_text
from mlpo_bench.questions.source import Place, Source
from mlpo_bench.questions.splits import fingerprint
from mlpo_bench.questions.suite import SUITES, Suite
from mlpo_bench.yamls import short


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mlpo_bench.questions.table import Row


FORMATS = tuple(name for name in answers.FORMATS if name != "gym")
"""The answer formats that a table's questions may have: the others need more than an answer's text."""

SPLITS: Mapping[str, bool] = {"test": True, "train": False, "dev": False, "val": False, "validation": False}
"""What may stand in the column split, and whether it is tested."""

_TRAINED_OF = 5
_NAMED = 3  # faults told one by one
_GUESSES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("yes_no", re.compile(r"yes|no", re.IGNORECASE)),
    ("true_false", re.compile(r"true|false", re.IGNORECASE)),
    ("valid_invalid", re.compile(r"(?:in)?valid", re.IGNORECASE)),
    ("number", re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")),
)


@dataclass(frozen=True, eq=False, slots=True)
class Table(Place):
    """A table that was read: its questions, where they lie, and the SHA-256 of what they are."""

    entries: Entries
    source: Source
    sha256: str

    def read(self, suite: str, data: Path | None) -> tuple[Entries, Source]:  # noqa: ARG002 - it was read
        """Return the table's questions."""
        return self.entries, self.source


def is_table(reference: str) -> bool:
    """Whether a reference means a file, not a suite's name: by its ending, or because there is such a file."""
    return Path(reference).suffix.lower() in table.READERS or "/" in reference or yamls.is_there(Path(reference))


def suite_of(path: Path, answer_format: str | None = None) -> Suite:
    """Return the suite that a table, or a folder of tables, is.

    Args:
        path: The file or folder.
        answer_format: How its questions are answered: a name in `FORMATS`; None tells it by the answers, where they
            leave no doubt.

    Raises:
        UsageError: There is no such file, its name is a suite's already, or a row is at fault; all are told by their
            places.
    """
    if answer_format is not None and answer_format not in FORMATS:
        raise unknown("answer format", answer_format, FORMATS)
    try:
        at = expanded(path).resolve()
        files = tuple((file, file.stat().st_mtime_ns, file.stat().st_size) for file in _files(at))
    except (OSError, RuntimeError) as error:  # RuntimeError: a circle of links, before Python 3.13
        raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    return _suite(at, files, answer_format)


def name_of(path: Path) -> str:
    """Return what the suite of a file, or of a folder, is called."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", path.stem).strip("_-")


def digest(suite: Suite) -> str:
    """Return the SHA-256 of what a table's questions are, in hex: the same in whatever kind of file they stand."""
    (place,) = suite.sources
    assert isinstance(place, Table)
    return place.sha256


def _files(path: Path) -> tuple[Path, ...]:
    if path.is_dir():
        files = tuple(sorted(file for file in path.iterdir() if file.suffix.lower() in table.READERS))
        if not files:
            raise UsageError(f"the folder {path} has no table of questions: these end in {', '.join(table.READERS)}.")
        return files
    if path.exists() and not path.is_file():
        reading.content(path)  # says what it is instead
    if not path.is_file():
        beside = [each.name for each in path.parent.glob("*") if each.suffix.lower() in table.READERS]
        raise UsageError(f"there is no file {path}{nearest(path.name, beside) or '.'}")
    return (path,)


@functools.lru_cache(maxsize=16)
def _suite(path: Path, files: tuple[tuple[Path, int, int], ...], given: str | None) -> Suite:
    """Return a table's suite, read once in a process unless its files change."""
    name = name_of(path)
    if not name or not name[0].isalpha():
        raise UsageError(f"a suite is named after its file, and {path.name} gives no name; begin it with a letter.")
    if name in SUITES:
        raise UsageError(f"{path.name} has the name of the suite {name!r}; rename the file.")
    rows = table.AllRows(file for file, _, _ in files)
    form, how = (given, "") if given else _guessed(path, rows)
    several = len(files) > 1
    entries, distinct = _entries(path, name, rows, form, several=several)
    split_by_rule = all(_split_said(row, several=several) is None for row in rows)
    sha256 = _digest(entries)
    notes = [f"format {form}{how}"]
    if split_by_rule:
        tested = sum(entry.tested for entry in entries)
        notes.append(f"{tested:,} of {len(entries):,} are tested, by a rule, as nothing says which")
    if repeated := len(entries) - distinct:
        notes.append(f"{repeated:,} of its questions stand there again")
    source = Source("file", str(path), f"sha256:{sha256[:16]}", note="; ".join(notes))
    return Suite(
        name=name,
        title=name,
        subjects=tuple(dict.fromkeys(entries.subjects)),
        sources=(Table(entries, source, sha256),),
        size=len(entries),
        published="your own",
        reference=str(path),
        answer_format=form,
    )


def _digest(entries: Entries) -> str:
    """Return the SHA-256 of the JSON of all entries, which is never held as a whole."""
    digest = hashlib.sha256(b"[")
    for place, entry in enumerate(entries):
        item = entry.item
        content = [item.subject, item.id, item.text, item.gold, item.answer_format, entry.tested]
        digest.update(f"{', ' if place else ''}{json.dumps(content)}".encode())
    digest.update(b"]")
    return digest.hexdigest()


def _guessed(path: Path, rows: Iterable[Row]) -> tuple[str, str]:
    """Return the format that all rows' answers have beyond doubt, and how that was seen."""
    if any(row.choices for row in rows):
        return "option", ", as there are choices"
    stated = [
        reading.plain(row.cells["answer"]) for row in rows if not _answer_fault(row)
    ]  # those are told by their rows
    for form, pattern in _GUESSES:
        if all(pattern.fullmatch(one) for one in stated):
            return form, ", as all answers are such"
    raise UsageError(
        f"{path.name}: say in which form its questions are answered (--format, or `format:` in a matrix): "
        f"{', '.join(FORMATS)}."
    )


def _entries(path: Path, name: str, rows: Iterable[Row], form: str, *, several: bool) -> tuple[Entries, int]:
    """Return rows as entries, and how many differ in what they ask; tell all that are at fault."""
    gold_of = _golds(path, form, rows)
    entries = Entries()
    faults: list[str] = []
    places: dict[str, str] = {}
    asked: dict[bytes, int] = {}
    wheres: list[str] = []
    for row in rows:
        where = f"{row.file.name}, {row.place}" if several else row.place
        try:
            entry = _entry(name, row, form, gold_of, several=several)
        except ValueError as fault:
            faults.append(f"{where}: {fault}")
            continue
        if (before := places.setdefault(entry.item.id, where)) != where:
            faults.append(f"{where}: it has the id of {before}, {entry.item.id.rpartition('/')[2]!r}")
        wheres.append(where)
        entries.append(entry)
        first = asked.setdefault(bytes.fromhex(fingerprint(entry.item.text)), len(entries) - 1)
        gold = entries.item(first).gold
        if not _agree(form, gold, entry.item.gold):
            faults.append(f"{where}: it asks what {wheres[first]} asks, with the answer {entry.item.gold} for {gold}")
    if faults:
        more = f"; and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
        raise UsageError(f"{path.name}, {'; '.join(faults[:_NAMED])}{more}.")
    return entries, len(asked)


def _entry(name: str, row: Row, form: str, gold_of: Callable[[Row], str], *, several: bool) -> Entry:
    """Return a row as an entry.

    Raises:
        ValueError: Something is wrong with it.
    """
    _check_texts(row)
    question = reading.plain(row.cells["question"])
    if row.choices and form != "option":
        raise ValueError(f"it has choices, and is to be answered by format {form}; leave out one of the two")
    text = with_options(question, row.choices) if row.choices else question
    gold = gold_of(row)
    if not readable(form, gold):
        raise ValueError(f"its answer {short(repr(gold))} cannot be read as format {form}")
    said = _split_said(row, several=several)
    tested = int(fingerprint(text), 16) % _TRAINED_OF > 0 if said is None else said
    place = reading.plain(row.cells.get("id")) or (f"{row.file.stem}-{row.number}" if several else str(row.number))
    entry = Entry.of(name, _subject(row, name), place, text, gold, form, tested=tested)
    if fault := unanswerable(entry.item):
        raise ValueError(fault)
    return entry


def _check_texts(row: Row) -> None:
    """Check that what a row holds are texts, numbers or truth values, and none of them empty where there is one."""
    for column in ("question", "answer"):
        if fault := _fault(row.cells[column]):
            raise ValueError(f"its {column} {fault}")
    for choice in row.choices:
        if fault := no_text(choice):
            raise ValueError(f"a choice of it {fault}")
    for column in ("id", "subject"):
        if not reading.blank(row.cells.get(column)) and (fault := _fault(row.cells[column])):
            raise ValueError(f"its {column} {fault}")


def _answer_fault(row: Row) -> str:
    return _fault(row.cells["answer"])


def _fault(value: object) -> str:
    """Return what keeps a cell from being a question or an answer, as the end of a sentence; else nothing."""
    as_it_is = isinstance(value, (list, dict, bytes)) or (isinstance(value, float) and not math.isfinite(value))
    return no_text(value if as_it_is else reading.plain(value)) or ("" if reading.plain(value) else "is empty")


def _agree(form: str, one: str, other: str) -> bool:
    """Whether two gold answers are one."""
    if one == other:
        return True
    answer = answers.written(form, other)
    return answers.key(form, answer) == answers.key(form, one) or answers.judge(form, answer, one)


def _golds(path: Path, form: str, rows: Iterable[Row]) -> Callable[[Row], str]:
    """Return how a row's answer becomes gold."""
    return golds.way_of(path.name, rows) if form == "option" else lambda row: reading.plain(row.cells["answer"])


def _split_said(row: Row, *, several: bool) -> bool | None:
    """Return whether a row is said to be tested; None where nothing says so."""
    if "split" in row.cells:
        stated = reading.plain(row.cells["split"]).casefold()
        if stated not in SPLITS:
            raise ValueError(f"its split {stated!r} is none of {', '.join(SPLITS)}")
        return SPLITS[stated]
    return SPLITS.get(row.file.stem.casefold()) if several else None


def _subject(row: Row, name: str) -> str:
    stated = reading.plain(row.cells.get("subject"))
    return re.sub(r"\W+", "_", stated).strip("_").casefold() or name
