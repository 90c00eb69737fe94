"""Where a suite's files lie instead, if a data folder was unpacked one level too deep or is called otherwise."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from mlpo_bench.folders import folders_below


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def where_it_may_be(data: Path, suite: str, marks: Sequence[str]) -> str:
    """Return in a sentence where a suite's files lie instead and what to do; nothing where they lie nowhere near.

    Args:
        data: The folder that was named.
        suite: The suite's name, which its folder must have.
        marks: Patterns of files that only this suite's folder has.
    """
    if _holds(data, marks):
        if data.name == suite:
            return f"Its files lie in that folder itself: name the one above, --data {_quoted(data.parent)}"
        return f"Its files lie in that folder itself: put them into {data / suite}."
    if _holds(data.parent / suite, marks):
        return f"The folder beside it is the one: --data {_quoted(data.parent)}"
    for folder in folders_below(data):
        if _holds(folder, marks):
            if folder.name == suite:
                return f"It lies in {folder.parent}: --data {_quoted(folder.parent)}"
            return f"Its files lie in {folder}: rename that folder to {folder.parent / suite}{_and_name(folder, data)}."
    return ""


def _and_name(folder: Path, data: Path) -> str:
    return "" if folder.parent == data else f", and name --data {_quoted(folder.parent)}"


def _holds(folder: Path, marks: Sequence[str]) -> bool:
    try:
        return any(next(folder.glob(mark), None) is not None for mark in marks)
    except OSError:
        return False


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
