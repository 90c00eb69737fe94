"""From conversations to a cell's files: lm-eval's word on each answer, the records, the figures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mlpo_bench.log import ledger
from mlpo_bench.log.files import write_json
from mlpo_bench.log.records import Record, write_records
from mlpo_bench.log.results import CellResult


if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlpo_bench.engines import Engine
    from mlpo_bench.harness.suite import SuiteTasks
    from mlpo_bench.harness.verdicts import Verdict
    from mlpo_bench.log.directory import RunDirectory
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.runs.progress import CellProgress
    from mlpo_bench.teams import ModelSpec


def score(
    one: CellProgress, suite: SuiteTasks, engines: Mapping[ModelSpec, Engine], folder: RunDirectory
) -> CellResult:
    """Have lm-eval score a cell whose conversations have all ended, and write its files, the figures last."""
    cell = one.cell
    one.finish()
    scores = suite.score(one.finals)
    records = [_scored(record, scores.verdicts) for record in one.records]
    write_records(folder.records_path(cell.id), records)
    seats = _seats(cell, ledger.by_seat(folder.ledger_path(cell.id)), engines)
    result = CellResult.of(cell, records, seats, scores.results)
    write_json(folder.suite_path(cell.suite), {"source": str(suite.source), "lm_eval": suite.configs})
    write_json(folder.cell_path(cell.id), result.model_dump(mode="json"))
    return result


def _scored(record: Record, verdicts: Mapping[str, Verdict]) -> Record:
    """Return the record with lm-eval's verdict, which is the one that counts."""
    verdict = verdicts.get(record.question)
    if verdict is None:
        return record
    return replace(record, answer=verdict.answer, right=verdict.right, unread=verdict.unread)


def _seats(
    cell: Cell, spent: Mapping[str, ledger.Spent], engines: Mapping[ModelSpec, Engine]
) -> dict[str, ledger.SeatCost]:
    sitting = cell.setting.team.seats
    return {
        seat: ledger.SeatCost(
            **of_seat.model_dump(),
            model=sitting[seat].name,
            parameters=engines[sitting[seat].spec].facts.parameters,
        )
        for seat, of_seat in spent.items()
    }
