"""A run as tables for data frames: Parquet, CSV, and JSON lines. Model text is kept as it is, whatever is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from mlpo_bench.export.rows import QUESTIONS, TURNS, questions, turns


if TYPE_CHECKING:
    from pathlib import Path

    from mlpo_bench.log.run import LoadedRun


def export_parquet(run: LoadedRun, target: Path, _data: Path | None = None) -> list[Path]:
    """Write `questions.parquet`, a row for each question of a cell, and `turns.parquet`, one for each turn."""
    paths = [target / "questions.parquet", target / "turns.parquet"]
    with (
        pq.ParquetWriter(paths[0], QUESTIONS, compression="zstd") as of_questions,
        pq.ParquetWriter(paths[1], TURNS, compression="zstd") as of_turns,
    ):
        for cell in run.ended:
            of_questions.write_table(pa.Table.from_pylist(questions(run, cell), schema=QUESTIONS))
            every = [turn for of_question in turns(run, cell) for turn in of_question]
            of_turns.write_table(pa.Table.from_pylist(every, schema=TURNS))
    return paths


def export_csv(run: LoadedRun, target: Path, _data: Path | None = None) -> list[Path]:
    """Write `questions.csv`: every text in quotation marks, null as nothing at all.

    Unlike a report's tables it keeps answers that a spreadsheet would take for formulas as they are.
    """
    from pyarrow import csv

    rows = [row for cell in run.ended for row in questions(run, cell)]
    path = target / "questions.csv"
    csv.write_csv(pa.Table.from_pylist(rows, schema=QUESTIONS), path, csv.WriteOptions(quoting_style="all_valid"))
    return [path]


def export_jsonl(run: LoadedRun, target: Path, _data: Path | None = None) -> list[Path]:
    """Write `questions.jsonl`, an object for each question of a cell."""
    path = target / "questions.jsonl"
    with path.open("wb") as file:
        for cell in run.ended:
            for row in questions(run, cell):
                file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    return [path]
