"""A manifest tells what its readers rely on, or is said to be damaged."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.log.files import DamagedFile
from mlpo_bench.log.manifest import read_manifest


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GIT = {"commit": "e" * 40, "dirty": False}
MODEL = {"name": "m", "engine": "hf", "revision": "1", "dtype": "auto", "context": 512, "parameters": 7}
SESSION = {
    "started": "2026-01-01T00:00:00+00:00",
    "ended": None,
    "command": ["mlpo-bench", "run"],
    "seconds": 1.5,
    "worked": {"m": [1.5, 10]},
    "completions": {"made": 3, "made_by": {"m": 3}, "reused": 1, "reused_from": None, "reused_to": None},
}
WHOLE: dict[str, Any] = {
    "config_sha256": "0" * 64,
    "config_files": ["0" * 64],
    "seeds": [0],
    "models": [MODEL, MODEL | {"adapter": {"name": "a", "revision": "1"}, "told": {"created": 3}}],
    "answered": [{"spec": {"model": "m"}, "identity": "m|1|auto|hf"}],
    "sources": {"bbh": {"where": "here", "revision": "1"}},
    "versions": {"torch": None, "python": "3.11"},
    "git": GIT,
    "hardware": {"processor": "one", "cores": 2, "memory_gib": 7.5, "accelerators": ["one"]},
    "sessions": [SESSION],
    "rescored": [{"date": "2026-01-01", "versions": {}, "git": GIT}],
}
FREE = {("seeds",), ("answered", 0, "spec"), ("models", 1, "told"), ("models", 1, "adapter")}
"""What no reader relies on, or what may be left out."""


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where a value stands, and all that it holds."""
    if at:
        yield at
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*at, name))


def changed(at: tuple[Any, ...], value: Any) -> dict[str, Any]:
    content = copy.deepcopy(WHOLE)
    inner: Any = content
    for step in at[:-1]:
        inner = inner[step]
    inner[at[-1]] = value
    return content


def test_a_manifest_is_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(WHOLE))
    assert read_manifest(path) == WHOLE


@pytest.mark.parametrize("at", [at for at in places(WHOLE) if not {at[:n] for n in range(len(at) + 1)} & FREE])
def test_a_value_of_another_kind_is_damage(at: tuple[Any, ...], tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(changed(at, [[1]])))
    with pytest.raises(DamagedFile, match="is no manifest"):
        read_manifest(path)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (("hardware", "processor"), True),
        (("sessions", 0, "started"), "x\0"),
        (("sessions", 0, "ended"), "yesterday"),
        (("sessions", 0, "worked", "m"), [-5, 100]),
        (("sessions", 0, "completions", "made"), -5),
        (("sessions", 0, "completions", "made_by", "m"), -1),
        (("sessions", 0, "completions", "reused_from"), ""),
        (("rescored", 0, "date"), "x"),
    ],
)
def test_a_value_that_cannot_be_is_damage(at: tuple[Any, ...], value: object, tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(changed(at, value)))
    with pytest.raises(DamagedFile, match=r"is no manifest \("):
        read_manifest(path)


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_seconds_have_passed(value: float, tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(changed(("sessions", 0, "seconds"), value)))
    with pytest.raises(DamagedFile, match="manifest"):
        read_manifest(path)
