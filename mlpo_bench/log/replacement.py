"""Putting many files of a run in place of others: all of them or none, even if the process is killed in between.

The new files are prepared in a folder of their own. Giving that folder its second name decides: until then the run is
as it was, from then on the rest is done by whoever next opens the run.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import PurePath
from typing import TYPE_CHECKING

from mlpo_bench.log.files import DamagedFile, read_value, write_json
from mlpo_bench.visible import visible_line


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_PREPARED, _DECIDED = ".preparing", ".replacing"
_GONE = ".gone.json"
_DEPTH = 2
"""A run's files lie in its folder, or in a folder of that."""


@contextlib.contextmanager
def prepared(run: Path) -> Iterator[Path]:
    """Yield an empty folder in a run in which new files are prepared, at the places that they are to have there."""
    folder = run / _PREPARED
    shutil.rmtree(folder, ignore_errors=True)  # a process that was killed may have left one
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def replace(run: Path, gone: Iterable[str]) -> None:
    """Put what was prepared in place, and remove the files in `gone` (paths within the run)."""
    write_json(run / _PREPARED / _GONE, sorted(gone))
    (run / _PREPARED).replace(run / _DECIDED)
    settle(run)


def unsettled(run: Path) -> bool:
    """Whether files were decided to be replaced that may not all be in place."""
    return (run / _DECIDED).is_dir()


def settle(run: Path) -> None:
    """Go on with what `replace` has decided, from wherever that was left.

    Raises:
        DamagedFile: what was decided cannot be read, or reaches beyond the run (which may be somebody else's).
    """
    folder = run / _DECIDED
    gone = folder / _GONE
    removed = [_place(run, name, gone) for name in _names(gone)]
    moved = [path for path in sorted(folder.rglob("*")) if path.is_file() and path != gone]
    places = [_place(run, str(path.relative_to(folder)), path) for path in moved]
    for place in removed:
        place.unlink(missing_ok=True)
    for path, place in zip(moved, places, strict=True):
        place.parent.mkdir(exist_ok=True)
        path.replace(place)
    shutil.rmtree(folder)


def _names(gone: Path) -> list[str]:
    """Return the files of a run that are to be removed; none where they are removed already."""
    if not os.path.lexists(gone):
        return []
    try:
        names = read_value(gone)
    except DamagedFile as fault:
        raise _undecided(gone, fault.why) from None
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise _undecided(gone, "is no list of files")
    return names


def _place(run: Path, name: str, told: Path) -> Path:
    """Return the place in a run of a file that is told by another: in its folder, or in one of its folders."""
    parts = PurePath(name).parts
    place = run.joinpath(*parts)
    inside = 1 <= len(parts) <= _DEPTH and ".." not in parts and "\0" not in name and not PurePath(name).is_absolute()
    if inside and place.parent.resolve() == run.resolve().joinpath(*parts[:-1]):
        return place
    raise _undecided(told, f"would replace what is no file of the run: {visible_line(name)!r}")


def _undecided(path: Path, why: str) -> DamagedFile:
    folder = path
    while folder.name != _DECIDED:
        folder = folder.parent
    return DamagedFile(path, why, f"; remove {folder}, and `mlpo-bench rescore {folder.parent}` judges the run anew")
