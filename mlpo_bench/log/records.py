"""A row for each question and cell: the table that every figure is computed from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from mlpo_bench import atomic
from mlpo_bench.log.columns import Columns
from mlpo_bench.log.files import damaged, read_table, write_table


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

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
_SELDOM = ("refused", "estimated")
"""Columns that a file has only where a row says something there: files are what they were before there were any."""


def write_records(path: Path, records: Sequence[Record]) -> None:
    """Write a cell's records, whole or not at all."""
    columns = {field: [getattr(record, field) for record in records] for field in SCHEMA.names}
    spared = {name for name in _SELDOM if not any(columns[name])}
    schema = pa.schema([field for field in SCHEMA if field.name not in spared])
    with atomic.written(path) as beside:
        write_table(pa.Table.from_pydict(columns, schema=schema), beside)


def check_records(path: Path) -> pa.Table:
    """Return a cell's records as the table that they are.

    Raises:
        DamagedFile: the file is not what was written.
    """
    table = read_table(path, needed=[name for name in SCHEMA.names if name not in _SELDOM], held=_HELD)
    if pc.any(pc.and_(pc.is_null(table["right"]), pc.is_null(table["error"]))).as_py():
        raise damaged(path, "has a row without 'right' that tells of no error")
    return table


def read_records(path: Path) -> list[Record]:
    """Read a cell's records back.

    Raises:
        DamagedFile: the file is not what was written.
    """
    table = check_records(path)
    columns = [name for name in SCHEMA.names if name in table.column_names]
    return [Record(**row) for row in table.select(columns).to_pylist()]
