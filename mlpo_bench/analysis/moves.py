"""What moved between two states of a run: verdicts, rows, the reading of turns, the courses of conversations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from mlpo_bench.log.ledger import read_places
from mlpo_bench.log.records import read_records
from mlpo_bench.matrix.config import row_name


if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from mlpo_bench.log.directory import RunDirectory
    from mlpo_bench.log.records import Record
    from mlpo_bench.matrix.cells import Cell


class Standing(BaseModel):
    """How a row stands: its answers, the right ones among them, and those that cannot be read."""

    n: int = 0
    right: int = 0
    unread: int = 0

    @property
    def accuracy(self) -> float | None:
        """The share of right answers; None where there is no answer."""
        return self.right / self.n if self.n else None


class RowMove(BaseModel):
    """How a row moved, over all its seeds.

    `right` and `wrong` count the verdicts that turned so, `left_out` the questions whose conversations can no longer
    be held.
    """

    suite: str
    row: str
    before: Standing = Standing()
    after: Standing = Standing()
    right: int = 0
    wrong: int = 0
    left_out: int = 0

    @property
    def moved(self) -> bool:
        """Whether anything of it did."""
        return bool(self.right or self.wrong or self.before != self.after)

    @property
    def by(self) -> float:
        """How far its accuracy moved."""
        return (self.after.accuracy or 0.0) - (self.before.accuracy or 0.0)

    def add(self, before: Record | None, after: Record | None) -> None:
        """Take what a question came to in both states; None where it has no answer in one."""
        for standing, record in ((self.before, before), (self.after, after)):
            if record is not None:
                standing.n += 1
                standing.right += bool(record.right)
                standing.unread += record.unread
        if before is not None and after is not None:
            self.right += bool(after.right and not before.right)
            self.wrong += bool(before.right and not after.right)
        self.left_out += before is not None and after is None


class Moves(BaseModel):
    """What moved in a run.

    `turns` counts the turns that stand in both states, `turns_changed` those that are read or judged otherwise;
    `courses` counts conversations with other turns than before. `left_out` names conversations that can no longer be
    held, by cell and question; `regained` counts those that an earlier re-scoring left out. `waiting` names votes
    that wait for a cell which lacks some conversations, `weighed_before` those that keep the weights they had.
    """

    rows: list[RowMove] = []
    turns: int = 0
    turns_changed: int = 0
    courses: int = 0
    regained: int = 0
    left_out: list[tuple[str, str]] = []
    waiting: list[str] = []
    weighed_before: list[str] = []

    @property
    def verdicts(self) -> int:
        """How many verdicts there were."""
        return sum(row.before.n for row in self.rows)

    @property
    def right(self) -> int:
        """How many of them turned right."""
        return sum(row.right for row in self.rows)

    @property
    def wrong(self) -> int:
        """How many of them turned wrong."""
        return sum(row.wrong for row in self.rows)

    @property
    def whole(self) -> bool:
        """Whether everything that was judged before is judged now."""
        return not self.left_out and not self.waiting

    def told(self) -> dict[str, Any]:
        """Return what is kept of it: all but the rows that did not move."""
        moved = [row.model_dump(mode="json") for row in self.rows if row.moved]
        counts = {"verdicts": self.verdicts, "right": self.right, "wrong": self.wrong}
        return counts | self.model_dump(mode="json") | {"rows": moved}

    def compare(self, cell: Cell, before: RunDirectory, after: RunDirectory) -> None:
        """Take a cell that stands in both states of a run."""
        row, was, now = self._row(cell), _answered(before, cell), _answered(after, cell)
        for question in {**was, **now}:
            row.add(was.get(question), now.get(question))
        self.left_out += [(cell.id, question) for question in sorted(was.keys() - now.keys())]
        self.regained += len(now.keys() - was.keys())
        self._compare_turns(before.ledger_path(cell.id), after.ledger_path(cell.id), was.keys() & now.keys())

    def lose(self, cell: Cell, before: RunDirectory) -> None:
        """Take a vote that waits for the cell whose tokens it matches."""
        self.waiting.append(cell.id)
        row = self._row(cell)
        for record in _answered(before, cell).values():
            row.add(record, None)

    def _compare_turns(self, before: Path, after: Path, in_both: Collection[str]) -> None:
        was, now = ({place: turn[:2] for place, turn in read_places(path).items()} for path in (before, after))
        both = was.keys() & now.keys()
        self.turns += len(both)
        self.turns_changed += sum(was[place] != now[place] for place in both)
        self.courses += len({question for question, *_ in was.keys() ^ now.keys() if question in in_both})

    def _row(self, cell: Cell) -> RowMove:
        name = row_name(cell.team, cell.label)
        for row in self.rows:
            if (row.suite, row.row) == (cell.suite, name):
                return row
        self.rows.append(RowMove(suite=cell.suite, row=name))
        return self.rows[-1]


def _answered(folder: RunDirectory, cell: Cell) -> dict[str, Record]:
    return {record.question: record for record in read_records(folder.records_path(cell.id)) if record.error is None}
