"""What a training's speed is reckoned from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlpo_bench.training import speed


if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_speed_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("mlpo_bench.engines.processor.accelerated", lambda: True)


def test_a_stage_s_speed_is_remembered() -> None:
    assert speed.known("sft") is None
    speed.note("sft", 4e12, 10.0)
    assert speed.known("sft") == pytest.approx(4e11)
    assert speed.known("mlpo") is None


@pytest.mark.parametrize(("operations", "seconds"), [(4e12, 1.0), (1e9, 20.0), (0.0, 20.0)])
def test_a_stage_that_did_little_tells_nothing(operations: float, seconds: float) -> None:
    speed.note("sft", operations, seconds)
    assert speed.known("sft") is None
