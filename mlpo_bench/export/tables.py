"""A run as tables for data frames: Parquet, CSV, and JSON lines. Model text is kept as it is, whatever is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from mlpo_bench import atomic
from mlpo_bench.export.rows import QUESTIONS, TURNS, questions, turns
from mlpo_bench.log import outputs


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from mlpo_bench.log.run import LoadedRun

TURNS_IN_A_GROUP = 1_000
"""After so many turns a row group of Parquet ends: each holds what its seat read, up to some megabytes."""


def export_parquet(run: LoadedRun, target: Path, _data: Path | None = None) -> list[Path]:
    """Write `questions.parquet`, a row for each question of a cell, and `turns.parquet`, one for each turn."""
    paths = [target / "questions.parquet", target / "turns.parquet"]
    for path in paths:
        outputs.check(path, outputs.PARQUET)
    with (
        atomic.written(paths[0]) as first,
        atomic.written(paths[1]) as second,
        first.open("wb") as to_first,  # of a path, Arrow takes `~` for a home and `a:b` for an address
        second.open("wb") as to_second,
        pq.ParquetWriter(to_first, QUESTIONS, compression="zstd") as of_questions,
        pq.ParquetWriter(to_second, TURNS, compression="zstd") as of_turns,
    ):
        for cell in run.ended:
            of_questions.write_table(pa.Table.from_pylist(questions(run, cell), schema=QUESTIONS))
            for some in _gathered(turns(run, cell)):
                of_turns.write_table(pa.Table.from_pylist(some, schema=TURNS))
    return paths


def _gathered(turns: Iterable[list[dict[str, Any]]]) -> Iterator[list[dict[str, Any]]]:
    """Yield turns in groups of rows that fit into memory, whole conversations each."""
    group: list[dict[str, Any]] = []
    for of_question in turns:
        group += of_question
        if len(group) >= TURNS_IN_A_GROUP:
            yield group
            group = []
    if group:
        yield group


def export_csv(run: LoadedRun, target: Path, _data: Path | None = None) -> list[Path]:
    """Write `questions.csv`: every text in quotation marks, null as nothing at all.

    Unlike a report's tables it keeps answers that a spreadsheet would take for formulas as they are.
    """
    from pyarrow import csv

    path, options = target / "questions.csv", csv.WriteOptions(quoting_style="all_valid")
    outputs.check(path, outputs.QUESTIONS_CSV)
    with (
        atomic.written(path) as beside,
        beside.open("wb") as opened,
        csv.CSVWriter(opened, QUESTIONS, write_options=options) as file,
    ):
        for cell in run.ended:
            file.write_table(pa.Table.from_pylist(questions(run, cell), schema=QUESTIONS))
    return [path]


def export_jsonl(run: LoadedRun, target: Path, _data: Path | None = None) -> list[Path]:
    """Write `questions.jsonl`, an object for each question of a cell."""
    path = target / "questions.jsonl"
    outputs.check(path, outputs.QUESTIONS_JSON)
    with atomic.written(path) as beside, beside.open("wb") as file:
        for cell in run.ended:
            for row in questions(run, cell):
                file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    return [path]
