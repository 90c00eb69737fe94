"""Files and folders that appear whole or not at all: made beside their place, then renamed."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def written(path: Path) -> Iterator[Path]:
    """Yield where to write a file that gets its name once it is complete.

    Nobody ever sees half of it, whatever ends this process; of two processes that write it at once the later one wins.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield beside
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def write(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    with written(path) as beside:
        beside.write_bytes(content)


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `folder` once it is filled. One process at a time may do so."""
    beside = folder.with_name(f".{folder.name}")
    shutil.rmtree(beside, ignore_errors=True)  # a process that was killed may have left one
    beside.mkdir(parents=True)
    try:
        yield beside
        shutil.rmtree(folder, ignore_errors=True)
        beside.replace(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
