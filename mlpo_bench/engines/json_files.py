"""JSON that others wrote beside weights: configurations, indices, headers. It may say `Infinity`, as Python does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlpo_bench import atomic
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return what a file of JSON holds.

    Raises:
        OSError: it cannot be read.
        ValueError: it holds no JSON, or none that can be read.
    """
    return parsed(atomic.read(path))


def parsed(content: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return what JSON says.

    Raises:
        ValueError: it is none, or none that can be read.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def read_object(path: Path) -> dict[str, Any]:
    """Return the object that a model's file holds.

    Raises:
        UsageError: it cannot be read, or holds none.
    """
    try:
        told = read(path)
    except (OSError, ValueError):
        told = None
    if not isinstance(told, dict):
        raise UsageError(f"{path} cannot be read as a JSON object; mend it, or take it from the model's makers again.")
    return told
