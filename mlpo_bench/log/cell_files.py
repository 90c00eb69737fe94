"""A cell's files, and whether they are what was written: what a cell came to tells what its other files hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlpo_bench.log.files import damaged, digest, read_json, read_lines, read_table
from mlpo_bench.log.ledger import check_ledger
from mlpo_bench.log.records import check_records
from mlpo_bench.log.seals import read_sealed, write_sealed
from mlpo_bench.log.transcripts import read_transcripts


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlpo_bench.log.results import CellResult

_DIGESTS = "files"


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
        self.check_one(self.records)
        next(read_transcripts(self.transcripts), None)
        check_records(self.records)
        check_ledger(self.ledger)
        read_suite(self.suite)
        if self.calibration.exists():
            _read_through(self.calibration)

    def check_one(self, path: Path) -> None:
        """Check that a file is what was written; of a cell that has yet to end nothing is known.

        Raises:
            DamagedFile: it is not, or is gone, or what tells of it is.
        """
        if not self.result.exists():
            return
        told = read_sealed(self.result).get(_DIGESTS)
        if not isinstance(told, dict):  # an earlier version wrote it
            read_table(path) if path == self.records else _read_through(path)
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


def _read_through(path: Path) -> None:
    for _ in read_lines(path):
        pass
