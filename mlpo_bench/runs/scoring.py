"""From conversations to a cell's files: the records, lm-eval's word on them, the figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.harness.verdicts import Verdict
from mlpo_bench.log import ledger
from mlpo_bench.log.files import write_json
from mlpo_bench.log.records import write_records
from mlpo_bench.log.results import CellResult


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.engines import Engine
    from mlpo_bench.harness.suite import SuiteTasks
    from mlpo_bench.log.directory import RunDirectory
    from mlpo_bench.log.records import Record
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
    records = one.records
    _check(records, scores.verdicts)
    write_records(folder.records_path(cell.id), records)
    path = folder.ledger_path(cell.id)
    seats = _seats(cell, ledger.by_seat(path), engines)
    serial = ledger.serial_tokens(path)
    result = CellResult.of(cell, records, seats, scores.results, suite.source.revision, serial)
    told = {"source": str(suite.source), "whole": suite.whole, "lm_eval": suite.configs}
    write_json(folder.suite_path(cell.suite), told)
    folder.files(cell.id).write(result)
    return result


def _check(records: Sequence[Record], verdicts: Mapping[str, Verdict]) -> None:
    """Check that lm-eval comes to the verdicts that stand in the records: there is one judge, however it is asked.

    Raises:
        AssertionError: it does not.
    """
    for record in records:
        here = Verdict(record.answer, bool(record.right))
        if record.error is None and (verdict := verdicts[record.question]) != here:
            raise AssertionError(
                f"{record.question} in {record.cell}: {record.answer!r} was judged {_told(record.right)}, but lm-eval "
                f"reads {verdict.answer!r} and judges it {_told(verdict.right)}."
            )


def _told(right: bool | None) -> str:
    return "right" if right else "wrong"


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
