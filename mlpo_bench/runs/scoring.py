"""From conversations to a cell's files: the records, lm-eval's word on them, the figures."""

from __future__ import annotations

from array import array
from contextlib import closing
from typing import TYPE_CHECKING

from mlpo_bench.harness.documents import CutOff
from mlpo_bench.harness.verdicts import Verdict
from mlpo_bench.log import ledger
from mlpo_bench.log.records import write_records
from mlpo_bench.log.results import CellResult
from mlpo_bench.log.seals import write_sealed
from mlpo_bench.log.transcripts import read_transcripts


if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from pathlib import Path

    from mlpo_bench.engines import Engine
    from mlpo_bench.harness.suite import SuiteTasks
    from mlpo_bench.log.directory import RunDirectory
    from mlpo_bench.log.records import Records
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.runs.progress import CellProgress
    from mlpo_bench.teams import ModelSpec


def score(
    one: CellProgress, suite: SuiteTasks, engines: Mapping[ModelSpec, Engine], folder: RunDirectory
) -> CellResult:
    """Have lm-eval score a cell whose conversations have all ended, and write its files, the figures last."""
    cell = one.cell
    one.finish()
    records = one.records
    answered = array("I", (place for place, error in enumerate(records.column("error")) if error is None))
    with closing(_finals(folder.transcript_path(cell), records)) as finals:
        scores = suite.score(answered, finals)
    _check(records.answered, scores.verdicts)
    write_records(folder.records_path(cell.id), records)
    path = folder.ledger_path(cell.id)
    seats = _seats(cell, ledger.by_seat(path), engines)
    serial = ledger.serial_tokens(path)
    result = CellResult.of(cell, records, seats, scores.results, suite.source.revision, serial)
    told = {"source": str(suite.source), "whole": suite.whole, "lm_eval": suite.configs}
    write_sealed(folder.suite_path(cell.suite), told)
    folder.files(cell.id).write(result)
    return result


def _finals(path: Path, records: Records) -> Generator[str]:
    """Yield the final texts of what was answered: of all that a run holds they can be the longest, so files keep them.

    Raises:
        DamagedFile: the file is not what was written.
    """
    for line, error, cut_off in zip(
        read_transcripts(path), records.column("error"), records.column("cut_off"), strict=True
    ):
        if error is None:
            yield CutOff(line["final"]) if cut_off else line["final"]


def _check(answered: Records, verdicts: Sequence[Verdict]) -> None:
    """Check that lm-eval comes to the verdicts that stand in the records: there is one judge, however it is asked.

    Raises:
        AssertionError: it does not.
    """
    for place, (answer, right, verdict) in enumerate(
        zip(answered.column("answer"), answered.column("right"), verdicts, strict=True)
    ):
        if verdict != Verdict(answer, right):
            record = answered[place]
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
