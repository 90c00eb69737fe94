"""A cell's files, and whether they are what was written: what a cell came to tells what its other files hold."""

from __future__ import annotations

import math
import os
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
from pydantic import TypeAdapter, ValidationError

from mlpo_bench.log.files import DamagedFile, damaged, digest, read_lines, read_table
from mlpo_bench.log.ledger import Spent, by_seat, check_ledger, read_ledger, turns_digest
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
_LEDGER = "ledger"
_ROUNDED = 1e-6
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
        there = (self.transcripts, self.records, *([self.calibration] if self.calibration.is_file() else []))
        digests = {path.parent.name: digest(path) for path in there} | {_LEDGER: turns_digest(self.ledger)}
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
        questions = check_ledger(self.ledger)
        self._check_turns()
        self._check_asked(questions)
        read_suite(self.suite)
        if self.weighed:
            self.check_calibration()

    @property
    def weighed(self) -> bool:
        """Whether there is something that ballots were weighted by, or was when the cell ended."""
        return os.path.lexists(self.calibration) or self.calibration.parent.name in (self._digests() or {})

    def check_calibration(self) -> None:
        """Check that what ballots were weighted by is what was written.

        Raises:
            DamagedFile: it is not, or is gone.
        """
        told = (self._digests() or {}).get(self.calibration.parent.name)
        if told is None:  # an earlier version wrote it, or the cell has yet to end
            deque(read_lines(self.calibration), maxlen=0)
        elif digest(self.calibration) != told:
            raise _changed(self.calibration)

    def read_transcripts(self) -> Iterator[dict[str, Any]]:
        """Yield the cell's conversations one by one.

        Raises:
            DamagedFile: the file is not what was written.
        """
        self.check_one(self.transcripts)
        yield from self._conversations()

    def _conversations(self) -> Iterator[dict[str, Any]]:
        told: set[str] = set()
        asked = set(self.read_records().column("question")) if os.path.lexists(self.result) else None
        for line in read_transcripts(self.transcripts):
            if line["question"] in told:
                raise damaged(self.transcripts, f"is damaged: it has two conversations over {line['question']}")
            if asked is not None and line["question"] not in asked:
                raise damaged(self.transcripts, f"is damaged: {line['question']} is no question of its cell")
            told.add(line["question"])
            yield line
        if lost := (asked or set()) - told:
            raise damaged(self.transcripts, f"lacks {len(lost)} conversations, {min(lost)} among them")

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
        self._check_asked(set(pc.unique(table["question"]).to_pylist()))
        return table

    def _check_asked(self, questions: set[str]) -> None:
        """Check that turns are of all questions that were answered; of a cell that has yet to end nothing is known."""
        if not os.path.lexists(self.result):
            return
        records = self.read_records()
        if not set(records.answered.column("question")) <= questions <= set(records.column("question")):
            raise damaged(self.ledger, "does not hold turns of the questions that its cell answered")

    def _check_turns(self) -> None:
        digest_told = (self._digests() or {}).get(_LEDGER)
        if digest_told is not None and digest_told != turns_digest(self.ledger):
            raise _changed(self.ledger)
        if told := self._seats():
            held = by_seat(self.ledger)
            if held.keys() != told.keys() or not all(_alike(held[seat], told[seat]) for seat in told):
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
        told = self._digests()
        if told is None:  # an earlier version wrote it
            read_table(path) if path == self.records else deque(self._conversations(), maxlen=0)
        elif digest(path) != told.get(path.parent.name):
            raise _changed(path)

    def _digests(self) -> dict[str, Any] | None:
        """Return the digests of a cell's files; None before it has ended, and where an earlier version told none."""
        told = read_sealed(self.result).get(_DIGESTS) if os.path.lexists(self.result) else None
        return told if isinstance(told, dict) else None


def _changed(path: Path) -> DamagedFile:
    return damaged(path, "is not what was written: it was cut short or changed")


def _alike(held: Spent, told: Spent) -> bool:
    """Whether two tell of the same turns: seconds that are added up in another order are rounded otherwise."""
    return (held.calls, held.usage) == (told.calls, told.usage) and math.isclose(
        held.seconds, told.seconds, rel_tol=_ROUNDED
    )


def read_suite(path: Path) -> dict[str, Any]:
    """Return what a suite's cells have in common: its `source`, and as `lm_eval` the configuration of its tasks.

    `whole` counts the questions that it has where no limit cuts them; files of earlier versions do not tell.

    Raises:
        DamagedFile: the file is not what was written.
    """
    content = read_sealed(path)
    configs, whole = content.get("lm_eval"), content.get("whole", 0)
    sound = isinstance(content.get("source"), str) and type(whole) is int and whole >= 0
    if not sound or not isinstance(configs, dict) or not all(isinstance(config, dict) for config in configs.values()):
        raise damaged(path, "does not tell of a suite")
    return content
