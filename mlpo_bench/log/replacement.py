"""Putting many files of a run in place of others: all of them or none, even if the process is killed in between.

The new files are prepared in a folder of their own. Giving that folder its second name decides: until then the run is
as it was, from then on the rest is done by whoever next opens the run.
"""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

from mlpo_bench.log.files import read_value, write_json


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_PREPARED, _DECIDED = ".preparing", ".replacing"
_GONE = ".gone.json"


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
    """Go on with what `replace` has decided, from wherever that was left."""
    folder = run / _DECIDED
    if (gone := folder / _GONE).exists():
        for name in read_value(gone):
            (run / name).unlink(missing_ok=True)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != gone:
            place = run / path.relative_to(folder)
            place.parent.mkdir(exist_ok=True)
            path.replace(place)
    shutil.rmtree(folder)
