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

    assert measured(10, 889.0) is None  # an engine that died, or the tail of a run
    assert measured(100_000, 100.0) == 1_000
    assert measured(500, 50.0) == 1_000
    assert measured(50_000, 100.0) == 500


def test_lengths_are_planned_from_what_is_nearest_to_what_was_measured() -> None:
    measured = {"bbh at most 64": 20.0, "bbh at most 256": 50.0, "later bbh at most 256": 90.0, "mmlu at most 64": 30.0}

    def expected(suite: str, longest: int, lengths: dict[str, float] = measured) -> tuple[float, str]:
        return throughput.Throughput(model="m", answer_tokens=lengths).expected(suite, longest)

    assert expected("bbh", 64) == (20.0, "as measured")
    near = "as measured of others like these"
    assert expected("bbh", 100) == (50.0, near)  # 64 may have cut them short
    assert expected("bbh", 1000) == (50.0, near)
    assert expected("bbh", 16) == (16.0, near)
    assert expected("later bbh", 128) == (90.0, near)
    assert expected("later mmlu", 64) == (30.0, near)
    assert expected("math", 256) == (40.0, near)  # the mean of 50 and 30
    assert expected("later math", 256) == (90.0, near)
    assert expected("math", 1024, {}) == (256.0, "256 tokens assumed")
    assert expected("math", 100, {"leading math at most 100": 7.0}) == (100.0, "100 tokens assumed")


def test_the_built_in_model_is_planned_with_published_lengths_until_it_has_run() -> None:
    of_model = throughput.of(ModelSpec(model="smollm2-135m"), {})
    assert of_model.expected("math", 192) == (85.7, "as in the published leaderboard")
    assert of_model.expected("later math", 64) == (64, "as in the published leaderboard")
    known = {"auto smollm2-135m": throughput.Throughput(answer_tokens={"math at most 192": 99.0})}
    assert throughput.of(ModelSpec(model="smollm2-135m"), known).expected("math", 192) == (99.0, "as measured")
    assert throughput.of(ModelSpec(model="smollm2-135m", engine="hf"), known).expected("math", 192)[0] == 99.0
    assert throughput.of(ModelSpec(model="smollm2-135m", engine="hf"), known).tokens_a_second is None
