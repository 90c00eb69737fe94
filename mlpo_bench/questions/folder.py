"""A folder with the suites as their authors publish them, one folder for each: `DATA/bbh/`, `DATA/mmlu/`.

A suite's folder is read whole or not at all: a missing file is named. How it is laid out says the suite's own file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpo_bench.errors import UsageError
from mlpo_bench.questions.answerable import checked
from mlpo_bench.questions.files import Files
from mlpo_bench.questions.misplaced import where_it_may_be
from mlpo_bench.questions.source import Absent, Place, Source


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from mlpo_bench.questions.question import Entry


@dataclass(frozen=True, slots=True)
class Folder(Place):
    """The suite's own folder inside the one that `--data` names.

    Attributes:
        entries: Makes the questions of the folder's files. What it lets through of `KeyError`, `TypeError`,
            `ValueError`, `IndexError` and `AttributeError` is told as a fault of the layout. A question that no answer
            would be right for is refused by its id, unless `answerable.checked` has told where it stands before.
        marks: Patterns of files that only this suite's folder has, by which it is known under another name.
        also: Further names of the suite's folder.
    """

    entries: Callable[[Files], Iterable[Entry]]
    marks: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    def read(self, suite: str, data: Path | None) -> tuple[list[Entry], Source]:
        """Return a suite from a data folder."""
        if data is None:
            raise Absent("no --data FOLDER was named")
        if not data.is_dir():
            there = "is no folder" if data.exists() else "does not exist"
            raise UsageError(f"the data folder {data} {there}.")
        root = next((data / name for name in (suite, *self.also) if (data / name).is_dir()), None)
        if root is None:
            if place := where_it_may_be(data, suite, self.marks):
                raise UsageError(f"{data} has no folder {suite}/. {place}")
            raise Absent(f"{data} has no folder {suite}/")
        files = Files(root, data)
        try:
            entries = [checked(f"{root}, question {one.item.id}", one) for one in self.entries(files)]
        except UsageError as fault:
            if self._holds_none(root) and (place := where_it_may_be(root, suite, self.marks)):
                raise UsageError(f"{root} does not hold the files of {suite}. {place}") from None
            raise fault from None
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise UsageError(
                f"{root} is not laid out as {suite} is published ({type(error).__name__}: {error})."
            ) from error
        _check_apart(entries, root)
        note = "; ".join(files.missing)
        return entries, Source("folder", str(root), files.revision, partial=bool(note), note=note)

    def _holds_none(self, root: Path) -> bool:
        return not any(next(root.glob(mark), None) for mark in self.marks)


def _check_apart(entries: Iterable[Entry], root: Path) -> None:
    """Refuse two questions of one id."""
    seen: set[str] = set()
    for entry in entries:
        if entry.item.id in seen:
            raise UsageError(f"{root} holds the question {entry.item.id} twice; remove one of the two.")
        seen.add(entry.item.id)
