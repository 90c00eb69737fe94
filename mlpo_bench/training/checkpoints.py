"""Where a training stage goes on after it was interrupted, however it was."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from pathlib import Path

STATE = "trainer_state.json"
_NAME = re.compile(r"checkpoint-([0-9]+)")


def latest(folder: Path, processes: int = 1) -> Path | None:
    """Return the newest checkpoint in a folder that was written to its end, or None.

    A checkpoint is written file by file, the state of the trainer last; with several processes each also leaves the
    state of its random numbers.
    """
    whole = (path for path in _all(folder) if _is_whole(path, processes))
    return max(whole, key=step, default=None)


def drop_torn(folder: Path, processes: int = 1) -> None:
    """Delete the checkpoints that were not written to their end."""
    for path in _all(folder):
        if not _is_whole(path, processes):
            shutil.rmtree(path)


def drop_all(folder: Path) -> None:
    """Delete all checkpoints: the stage is done."""
    for path in _all(folder):
        shutil.rmtree(path)


def _all(folder: Path) -> list[Path]:
    return [path for path in folder.glob("checkpoint-*") if path.is_dir() and _NAME.fullmatch(path.name)]


def step(path: Path) -> int:
    """Return the step behind which a checkpoint was written."""
    return int(path.name.rpartition("-")[2])


def _is_whole(path: Path, processes: int) -> bool:
    try:
        state = json.loads((path / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    if not isinstance(state, dict):
        return False
    return state.get("global_step") == step(path) and len(list(path.glob("rng_state*.pth"))) >= processes
