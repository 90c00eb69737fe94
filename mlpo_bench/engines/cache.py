"""The folder where this machine keeps models, and folders in it that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from filelock import FileLock
from platformdirs import user_cache_path


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def cache_dir() -> Path:
    """Return where models are kept (XDG_CACHE_HOME moves it)."""
    return user_cache_path("mlpo-bench")


def made_once(folder: Path, fill: Callable[[Path], None]) -> Path:
    """Return a folder, which `fill` fills on the first call.

    Safe to call from several processes at once, and to kill: the folder appears whole or not at all.
    """
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not folder.is_dir():
                _appear_whole(folder, fill)
    return folder


def _appear_whole(folder: Path, fill: Callable[[Path], None]) -> None:
    """Fill a folder beside `folder`, then rename it. The caller holds the lock: leftovers are dead."""
    for leftover in folder.parent.glob(f"{folder.name}.part-*"):
        shutil.rmtree(leftover)
    beside = folder.with_name(f"{folder.name}.part-{os.getpid()}")
    beside.mkdir()
    try:
        fill(beside)
    except BaseException:
        shutil.rmtree(beside)
        raise
    beside.rename(folder)


def size(folder: Path) -> int:
    """Return how much a folder's files hold, in bytes."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
