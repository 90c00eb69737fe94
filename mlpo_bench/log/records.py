"""A row for each question and cell: the table that every figure is computed from."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlpo_bench import atomic
from mlpo_bench.log.columns import Columns
from mlpo_bench.log.files import damaged, read_parts, write_table
from mlpo_bench.packed import Growing, Texts, Words


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Self

    from mlpo_bench.harness.verdicts import Verdict
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.protocols import Transcript
    from mlpo_bench.questions import Question


@dataclass(frozen=True, slots=True)
class Record:
    """How one question went in one cell.

    `answer` is what was read from the final text; `right` is None where `error` says why there is no answer at all.
    `cut_off` tells that the final text reached its greatest length, `refused` that it is a refusal, which is not unread
    besides. Tokens, calls and seconds are those of the whole conversation, counted as if nothing were shared;
    `estimated` counts the calls whose tokens no server told.
    """

    cell: str
    suite: str
    subject: str
    question: str
    seed: int
    answer: str | None
    right: bool | None
    unread: bool
    cut_off: bool
    error: str | None
    calls: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    seconds: float
    serial_calls: int
    serial_seconds: float
    refused: bool = False
    estimated: int = 0

    @classmethod
    def of(cls, cell: Cell, transcript: Transcript, verdict: Verdict) -> Record:
        """Make the record of a conversation that came to an end."""
        cost, question = transcript.cost, transcript.question
        return cls(
            cell=cell.id,
            suite=cell.suite,
            subject=question.subject,
            question=question.id,
            seed=cell.setting.seed,
            answer=verdict.answer,
            right=verdict.right,
            unread=verdict.unread and not transcript.refused,
            cut_off=transcript.cut_off,
            error=None,
            calls=cost.calls,
            prompt_tokens=cost.usage.prompt,
            cached_tokens=cost.usage.cached,
            completion_tokens=cost.usage.completion,
            seconds=cost.seconds,
            serial_calls=cost.serial_calls,
            serial_seconds=cost.serial_seconds,
            refused=transcript.refused,
            estimated=sum(turn.estimated for turn in transcript.turns),
        )

    @classmethod
    def failed(cls, cell: Cell, question: Question, error: str) -> Record:
        """Make the record of a conversation that a fault of the machinery ended."""
        where = (cell.id, cell.suite, question.subject, question.id, cell.setting.seed)
        return cls(*where, None, None, False, False, error, 0, 0, 0, 0, 0.0, 0, 0.0)


SCHEMA = pa.schema(
    {
        "cell": pa.string(),
        "suite": pa.string(),
        "subject": pa.string(),
        "question": pa.string(),
        "seed": pa.int64(),
        "answer": pa.string(),
        "right": pa.bool_(),
        "unread": pa.bool_(),
        "cut_off": pa.bool_(),
        "error": pa.string(),
        "calls": pa.int64(),
        "prompt_tokens": pa.int64(),
        "cached_tokens": pa.int64(),
        "completion_tokens": pa.int64(),
        "seconds": pa.float64(),
        "serial_calls": pa.int64(),
        "serial_seconds": pa.float64(),
        "refused": pa.bool_(),
        "estimated": pa.int64(),
    }
)
"""The columns of a cell's file: the fields of `Record`."""
_HELD = Columns(SCHEMA, frozenset({"answer", "right", "error"}), signed=frozenset({"seed"}))
_NUMBERS = {pa.int64(): "q", pa.float64(): "d"}
_SELDOM: Mapping[str, object] = {"refused": False, "estimated": 0}
"""Columns that a file has only where a row says something else: files are what they were before there were any."""


class Records(Growing[Record]):
    """Records in columns, where each takes some hundred bytes."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._columns: dict[str, Any] = {field.name: _column(field) for field in SCHEMA}
        self.extend(records)

    @classmethod
    def of(cls, records: Iterable[Record]) -> Self:
        """Return records in columns, as which they may be given."""
        return records if isinstance(records, cls) else cls(records)

    def add(self, table: pa.Table) -> None:
        """Take the records that a table holds."""
        for name, column in self._columns.items():
            told = name in table.column_names
            column.extend(table[name].to_pylist() if told else [_SELDOM[name]] * len(table))

    def append(self, one: Record) -> None:
        """Take a further record."""
        for name, column in self._columns.items():
            column.append(getattr(one, name))

    def made(self, place: int) -> Record:
        """Return the record at a place."""
        return Record(**{name: column[place] for name, column in self._columns.items()})

    def column(self, name: str) -> Sequence[Any]:
        """Return a field of all records."""
        column: Sequence[Any] = self._columns[name]
        return column

    @property
    def answered(self) -> Records:
        """Those that tell of no error."""
        errors = self._columns["error"]
        if all(error is None for error in errors):
            return self
        return Records(record for record, error in zip(self, errors, strict=True) if error is None)

    def __len__(self) -> int:
        return len(self._columns["cell"])

    def table(self) -> pa.Table:
        """Return them as the table that is written."""
        spared = {name for name in _SELDOM if not any(self._columns[name])}
        columns = {name: column for name, column in self._columns.items() if name not in spared}
        schema = pa.schema([field for field in SCHEMA if field.name in columns])
        arrays = [np.asarray(column) if isinstance(column, array) else column for column in columns.values()]
        return pa.Table.from_arrays(
            [pa.array(values, field.type) for values, field in zip(arrays, schema, strict=True)], schema=schema
        )


def _column(field: pa.Field) -> Any:  # noqa: ANN401 - what a column's values are, SCHEMA says
    """Return an empty column of records: hardly anything but a question and a number differs from row to row."""
    if field.name == "question":
        return Texts()
    return array(_NUMBERS[field.type]) if field.type in _NUMBERS else Words()


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write a cell's records, whole or not at all."""
    with atomic.written(path) as beside:
        write_table(Records.of(records).table(), beside)


def read_records(path: Path) -> Records:
    """Read a cell's records back.

    Raises:
        DamagedFile: the file is not what was written.
    """
    records = Records()
    for part in _parts(path):
        records.add(part)
    return records


def _parts(path: Path) -> Iterator[pa.Table]:
    for table in read_parts(path, needed=[name for name in SCHEMA.names if name not in _SELDOM], held=_HELD):
        if pc.any(pc.and_(pc.is_null(table["right"]), pc.is_null(table["error"]))).as_py():
            raise damaged(path, "has a row without 'right' that tells of no error")
        yield table
