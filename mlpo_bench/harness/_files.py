"""Where the task files are: at the top of a checkout, or inside an installed package."""

from __future__ import annotations

from pathlib import Path


_PACKAGE = Path(__file__).parents[1]


def tasks_folder() -> Path:
    """Return the folder with the lm-eval YAML of every suite."""
    installed = _PACKAGE / "_files" / "tasks"
    return installed if installed.is_dir() else _PACKAGE.parent / "tasks"
