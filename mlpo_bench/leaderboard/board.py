"""The leaderboard's folder: entries as they were added, and all that is built from them.

entries/*.json     a file for each row
completions/*.jsonl.zst
                   what models wrote, a file for all rows of a run: from it they are judged anew when a reader changes
reported.json      figures that others reported, written by hand
schema.json        what an entry has to look like
README.md, accuracy.svg, leaderboard.csv, .tex, .json, .html
                   the verdict, its plot and the tables; the same entries always come to the same bytes
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from mlpo_bench import atomic
from mlpo_bench.errors import UsageError, nearest, reason
from mlpo_bench.leaderboard.block import page_of, with_block
from mlpo_bench.leaderboard.entry import read_entry, schema
from mlpo_bench.leaderboard.page import page
from mlpo_bench.leaderboard.plot import drawn
from mlpo_bench.leaderboard.readme import PLOT, readme
from mlpo_bench.leaderboard.render import HOW_TO_READ, exact, grid, record
from mlpo_bench.leaderboard.reported import Reported, read_reported, reported_grid
from mlpo_bench.leaderboard.tables import tables
from mlpo_bench.leaderboard.verdicts import judge
from mlpo_bench.log import outputs
from mlpo_bench.reports import grids


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mlpo_bench.leaderboard.entry import Entry
    from mlpo_bench.leaderboard.tables import Table
    from mlpo_bench.leaderboard.verdicts import Judged


REPORTED = "reported.json"
BUILT = ("schema.json", "README.md", "leaderboard.csv", "leaderboard.tex", "leaderboard.json", "leaderboard.html", PLOT)


@dataclass(frozen=True)
class Board:
    """What a leaderboard holds: entries in the order of their files' names, and what others reported."""

    entries: tuple[Entry, ...]
    reported: Reported

    @classmethod
    def read(cls, folder: Path) -> Board:
        """Read a leaderboard's folder; one that is not there holds nothing.

        Raises:
            UsageError: a file in it is no entry.
        """
        return cls(tuple(map(read_entry, entry_paths(folder))), read_reported(folder / REPORTED))

    @cached_property
    def judged(self) -> list[Judged]:
        """The verdicts on the entries, which take as long as all that is made of them."""
        return judge(self.entries)

    def built(self) -> dict[str, bytes]:
        """Return the content of each file that is made from the entries, by its name."""
        ranked, judged = tables(self.entries), self.judged
        apart = [reported_grid(self.reported)] if self.reported.rows else []
        return {
            "schema.json": schema(),
            "README.md": readme(self.entries, ranked, judged, self.reported).encode(),
            "leaderboard.csv": grids.csv(exact(ranked)).encode(),
            "leaderboard.tex": "\n".join(map(grids.latex, [*map(grid, ranked), *apart])).encode(),
            "leaderboard.json": _json(ranked, judged, self.reported),
            "leaderboard.html": page(self.entries, ranked, judged, self.reported).encode(),
            PLOT: drawn(ranked).encode(),
        }

    def told_in(self, page: Path) -> bytes | None:
        """Return a page with the verdict between its marks; None where it has them not, or stands so already."""
        text = atomic.read(page).decode()
        told = with_block(text, self.entries, self.judged)
        return told.encode() if told != text else None


def _json(ranked: Sequence[Table], judged: Sequence[Judged], reported: Reported) -> bytes:
    content: dict[str, Any] = {
        "schema_version": 1,
        "verdicts": [{"model": one.model, **one.verdicts.to_json()} for one in judged],
        "tables": [
            {
                "suite": table.suite,
                "title": table.title,
                "questions": table.questions,
                "tests": table.ranking.pairs,
                "notes": grid(table).notes,
                "rows": [record(table, line) for line in table.lines],
            }
            for table in ranked
        ],
        "how_to_read": HOW_TO_READ,
        "reported": [row.model_dump() for row in reported.rows],
    }
    return orjson.dumps(_rounded(content), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _rounded(value: object) -> object:
    """Return JSON's values with numbers to eight digits: the last ones differ between versions of scipy and numpy."""
    match value:
        case float():
            return float(f"{value:.8g}")
        case dict():
            return {name: _rounded(part) for name, part in value.items()}
        case list() | tuple():
            return [_rounded(part) for part in value]
    return value


def entry_paths(folder: Path) -> list[Path]:
    """Return the files of a leaderboard's entries, by name."""
    return sorted((folder / "entries").glob("*.json"))


def check_begun(folder: Path) -> None:
    """Check that a folder is a leaderboard's.

    Raises:
        UsageError: it is none; told with the nearest one beside it.
    """
    if not _begun(folder):
        beside = [path.parent.name for path in folder.resolve().parent.glob("*/entries")]
        hint = nearest(folder.name, beside) or "; `mlpo-bench leaderboard add RUN` begins one."
        raise UsageError(f"there is no leaderboard {folder}{hint}")


def check_place(folder: Path) -> None:
    """Check that a leaderboard is in a folder, or can be begun there without loss.

    Raises:
        UsageError: it holds files of the names of those that are built, which are somebody's own; or a run's.
    """
    outputs.check_folder(folder)
    if not _begun(folder) and (there := [name for name in BUILT if (folder / name).exists()]):
        raise UsageError(
            f"{folder} is no leaderboard, and its {there[0]} would be replaced; name another --folder, or a new one."
        )


def _begun(folder: Path) -> bool:
    return (folder / "entries").is_dir() or any((folder / name).is_file() for name in ("schema.json", REPORTED))


def check_nothing_lost(folder: Path, entries: Sequence[Entry]) -> None:
    """Check that no entry takes the place of one with more suites.

    Raises:
        UsageError: one does.
    """
    for entry in entries:
        path = _path(folder, entry)
        if path.exists() and (lost := sorted(read_entry(path).suites.keys() - entry.suites.keys())):
            raise UsageError(f"{path.name} has {', '.join(lost)}, which would be lost; add all suites, or --anyway.")


def add(folder: Path, entries: Sequence[Entry], *, anyway: bool = False) -> list[Path]:
    """Write entries, each in place of an earlier one of the same row, and return their files.

    Raises:
        UsageError: an earlier one has suites that the new one lacks, unless it may go `anyway`; or a file cannot be
            written.
    """
    if not anyway:
        check_nothing_lost(folder, entries)
    paths = [_path(folder, entry) for entry in entries]
    try:
        (folder / "entries").mkdir(parents=True, exist_ok=True)
        for path, entry in zip(paths, entries, strict=True):
            atomic.write(path, entry.to_json())
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {reason(error)}.") from None
    return paths


def kept_files(folder: Path) -> set[str]:
    """Return the files of completions that a leaderboard's entries name."""
    return {entry.completions.file for entry in map(read_entry, entry_paths(folder)) if entry.completions}


def forget(folder: Path, before: set[str]) -> list[Path]:
    """Delete the files of completions that entries named before and none names now, and return them.

    Raises:
        UsageError: one cannot be deleted.
    """
    left = [folder / name for name in sorted(before - kept_files(folder)) if (folder / name).is_file()]
    try:
        for path in left:
            path.unlink()
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {reason(error)}.") from None
    return left


def _path(folder: Path, entry: Entry) -> Path:
    return folder / "entries" / entry.filename


def _check_once(paths: Sequence[Path], entries: Sequence[Entry]) -> None:
    """Check that no row stands in two files, such as a copy: it would count twice."""
    first: dict[str, Path] = {}
    for path, entry in sorted(zip(paths, entries, strict=True), key=lambda one: one[0].name != one[1].filename):
        if (before := first.setdefault(entry.filename, path)) is not path:
            raise UsageError(f"{path} holds the same row as {before.name}, and would count twice; delete one of them.")


def build(folder: Path) -> list[Path]:
    """Write all that is made from the entries, the verdict in the README beside the folder too, and return the files.

    Raises:
        UsageError: a file in the folder is no entry, holds the row of another, or was changed after it was added; or
            one cannot be written.
    """
    board = Board.read(folder)
    paths = entry_paths(folder)
    _check_once(paths, board.entries)
    for path, entry in zip(paths, board.entries, strict=True):
        if entry.sha256 != entry.content_sha256:
            raise UsageError(
                f"{path} was changed after it was added, and no table is made of it; put back what was added, or add "
                "its run anew."
            )
    files = {folder / name: content for name, content in board.built().items()}
    page = page_of(folder)
    if page.is_file() and (told := board.told_in(page)) is not None:
        files[page] = told
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            atomic.write(path, content)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {reason(error)}.") from None
    return list(files)
