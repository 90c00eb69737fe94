"""A cell on its way: what has ended so far, written in the order of the questions whatever the order of their ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.log.ledger import LedgerWriter
from mlpo_bench.log.records import Record, Records
from mlpo_bench.log.transcripts import TranscriptWriter, failed_line, to_line


if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from mlpo_bench.harness.verdicts import Judged
    from mlpo_bench.log.directory import RunDirectory
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.questions import Question


class CellProgress:
    """Takes a cell's conversations as they end.

    Conversations that end early wait in memory for their turn in the files. Leaving it unfinished leaves no files:
    the next run writes them anew from the store. So does what comes behind a conversation that could not be written.

    Args:
        cell: the cell.
        total: how many questions it has.
        folder: the run.

    Attributes:
        records: the records of those that ended, in the order of the questions, as far as there is no gap.
    """

    def __init__(self, cell: Cell, total: int, folder: RunDirectory) -> None:
        self.cell = cell
        self.total = total
        self.records = Records()
        self._waiting: dict[int, tuple[Record, bytes, Judged | None]] = {}
        self._next = 0
        self._transcripts = TranscriptWriter(folder.transcript_path(cell))
        self._ledger = LedgerWriter(folder.ledger_path(cell.id))
        self._written = False

    @property
    def complete(self) -> bool:
        """Whether every question has come to an end and was taken: one that could not be written leaves a gap."""
        return self._next == self.total

    def put(self, place: int, conversation: Judged) -> Record:
        """Take a conversation that came to its end, the one over question `place` (from 0)."""
        record = Record.of(self.cell, conversation.transcript, conversation.verdict)
        return self._put(place, record, to_line(conversation), conversation)

    def fail(self, place: int, question: Question, fault: Exception) -> Record:
        """Take a conversation that a fault of the machinery ended."""
        line = failed_line(question.id, str(fault))
        return self._put(place, Record.failed(self.cell, question, str(fault)), line, None)

    def _put(self, place: int, record: Record, line: bytes, conversation: Judged | None) -> Record:
        self._waiting[place] = (record, line, conversation)
        while (ready := self._waiting.pop(self._next, None)) is not None:
            of_ready, told, judged = ready
            self.records.append(of_ready)
            self._transcripts.put(told)
            if judged is not None:
                self._ledger.put(judged)
            self._next += 1
        return record

    def finish(self) -> None:
        """Write the ends of the files and give them their names."""
        self._transcripts.finish()
        self._ledger.finish()
        self._written = True

    def forget(self) -> None:
        """Let go of what the files hold now."""
        self.records = Records()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._written:
            self._transcripts.abandon()
