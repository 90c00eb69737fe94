"""What is remembered of an engine's speed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mlpo_bench.engines.spec import ModelSpec
from mlpo_bench.runs import throughput


def test_the_tail_of_a_run_does_not_set_the_pace(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throughput, "_path", lambda: tmp_path / "throughput.json")
    monkeypatch.setattr(throughput, "_density", lambda _client, _texts: {})
    spec = ModelSpec(model="m")

    def measured(written: int, busy: float) -> float | None:
        dispatch: Any = SimpleNamespace(clients={spec: SimpleNamespace(written=written, busy=busy)})
        throughput.note(dispatch, [], {})
        return throughput.of(spec, throughput.known()).tokens_a_second

    assert measured(100_000, 100.0) == 1_000
    assert measured(500, 50.0) == 1_000
    assert measured(50_000, 100.0) == 500
