"""Paths as people write them."""

from __future__ import annotations

import os
from pathlib import Path


def expanded(path: str | Path) -> Path:
    """Return a path with `~` as the home folder it stands for; one of nobody stays as it is, and is not there."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - pathlib's own raises a RuntimeError for nobody's
