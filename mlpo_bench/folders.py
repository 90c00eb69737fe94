"""Looking for things below a folder that may be somebody's whole disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DEPTH = 3
_MOST = 2_000


def folders_below(folder: Path) -> Iterator[Path]:
    """Yield the folders below one, nearest first, three levels deep: a bounded number of them, none hidden."""
    level, left = [folder], _MOST
    for _ in range(_DEPTH):
        deeper: list[Path] = []
        for each in level:
            for name in _names(each):
                left -= 1
                if left < 0:
                    return
                deeper.append(each / name)
                yield each / name
        level = deeper


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return sorted(name for name in names if not name.startswith("."))
