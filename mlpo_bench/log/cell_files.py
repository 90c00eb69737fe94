"""A cell's files, and whether they are what was written: what a cell came to tells what its other files hold."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from mlpo_bench.log.files import damaged, digest, read_json, read_lines, read_table
from mlpo_bench.log.ledger import Spent, by_seat, check_ledger, read_ledger
from mlpo_bench.log.records import read_records
from mlpo_bench.log.seals import read_sealed, write_sealed
from mlpo_bench.log.transcripts import read_transcripts


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from mlpo_bench.log.records import Records
    from mlpo_bench.log.results import CellResult

_DIGESTS = "files"
_SEATS = TypeAdapter(dict[str, Spent])


@dataclass(frozen=True, slots=True)
class CellFiles:
    """Where a cell's files lie: the suite's is shared with other cells, and only some cells have a calibration."""

    result: Path
    transcripts: Path
    records: Path
    ledger: Path
    calibration: Path
    suite: Path

    def __iter__(self) -> Iterator[Path]:
        yield from (self.result, self.transcripts, self.records, self.ledger, self.calibration, self.suite)

    def write(self, result: CellResult) -> None:
        """Write what the cell came to, last of all, with the digests of what was written before."""
        digests = {path.parent.name: digest(path) for path in (self.transcripts, self.records)}
        write_sealed(self.result, {**result.model_dump(mode="json"), _DIGESTS: digests})

    def check(self) -> None:
        """Check that all files are what was written, in a form that this version reads.

        Raises:
            DamagedFile: one is not, or is gone.
            ForeignSchema: another version wrote one in another form.
        """
        self.check_one(self.transcripts)
        next(read_transcripts(self.transcripts), None)
        self.read_records()
        check_ledger(self.ledger)
        self._check_turns()
        read_suite(self.suite)
        if self.calibration.exists():
            deque(read_lines(self.calibration), maxlen=0)

    def read_transcripts(self) -> Iterator[dict[str, Any]]:
        """Yield the cell's conversations one by one.

        Raises:
            DamagedFile: the file is not what was written.
        """
        self.check_one(self.transcripts)
        yield from self._conversations()

    def _conversations(self) -> Iterator[dict[str, Any]]:
        told: set[str] = set()
        for line in read_transcripts(self.transcripts):
            if line["question"] in told:
                raise damaged(self.transcripts, f"is damaged: it has two conversations over {line['question']}")
            told.add(line["question"])
            yield line

    def read_records(self) -> Records:
        """Return the cell's records, at least one for each question that it counts.

        Raises:
            DamagedFile: the file is not what was written, or another cell's.
        """
        self.check_one(self.records)
        records = read_records(self.records)
        if os.path.lexists(self.result):
            told = read_sealed(self.result)
            counted = [told.get("n"), told.get("errors")]
            if not all(type(count) is int for count in counted):
                raise damaged(self.result, "does not hold a cell's figures")
            answered, asked = len(records.answered), len(set(records.column("question")))
            if counted != [answered, asked - answered]:
                raise damaged(self.records, "does not have a row for each question that its cell counts")
        return records

    def read_turns(self) -> pa.Table:
        """Return the cell's ledger, a turn each.

        Raises:
            DamagedFile: the file is not what was written, or another cell's.
        """
        table = read_ledger(self.ledger)
        self._check_turns()
        return table

    def _check_turns(self) -> None:
        if told := self._seats():
            held, counted = (
                {seat: (spent.calls, spent.usage) for seat, spent in seats.items()}
                for seats in (by_seat(self.ledger), told)
            )
            if held != counted:
                raise damaged(self.ledger, "does not hold the turns that its cell counts")

    def _seats(self) -> dict[str, Spent]:
        """Return what the seats of a cell that has ended spent; nothing where an earlier version did not tell."""
        told = read_sealed(self.result).get("seats") if os.path.lexists(self.result) else None
        try:
            return _SEATS.validate_python(told or {})
        except ValidationError:
            raise damaged(self.result, "does not hold a cell's figures") from None

    def check_one(self, path: Path) -> None:
        """Check that a file is what was written; of a cell that has yet to end nothing is known.

        Raises:
            DamagedFile: it is not, or is gone, or what tells of it is.
        """
        if not os.path.lexists(self.result):
            return
        told = read_sealed(self.result).get(_DIGESTS)
        if not isinstance(told, dict):  # an earlier version wrote it
            read_table(path) if path == self.records else deque(self._conversations(), maxlen=0)
        elif digest(path) != told.get(path.parent.name):
            raise damaged(path, "is not what was written: it was cut short or changed")


def read_suite(path: Path) -> dict[str, Any]:
    """Return what a suite's cells have in common: its `source`, and as `lm_eval` the configuration of its tasks.

    `whole` counts the questions that it has where no limit cuts them; files of earlier versions do not tell.

    Raises:
        DamagedFile: the file is not what was written.
    """
    content = read_json(path)
    if not isinstance(content.get("source"), str) or not isinstance(content.get("lm_eval"), dict):
        raise damaged(path, "does not tell of a suite")
    return content
