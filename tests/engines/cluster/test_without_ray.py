"""What a team file and the command line say of a cluster, where none is needed."""

from __future__ import annotations

import asyncio
import pickle
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from mlpo_bench.engines import ModelSpec, executor, open_engine, open_engines, open_when_asked
from mlpo_bench.engines.cluster import session
from mlpo_bench.engines.cluster.actors import Needs
from mlpo_bench.engines.cluster.opening import _check, _needs, _together
from mlpo_bench.errors import ContextOverflow, UsageError
from mlpo_bench.log.answerers import told
from mlpo_bench.matrix.config import RunConfig


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def spec(**more: Any) -> ModelSpec:
    return ModelSpec.model_validate({"model": "m", **more})


@pytest.mark.parametrize(
    ("placement", "sentence"),
    [
        ({"replicas": 0}, "greater than or equal to 1"),
        ({"replicas": True}, "must be a number"),
        ({"gpus": 1.5}, "part of one GPU, or whole ones"),
        ({"gpus": -1}, "greater than or equal to 0"),
        ({"resources": {"GPU": 1}}, "GPU is said as gpus"),
        ({"nodes": 2}, "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_placement_is_a_sentence(placement: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        spec(placement=placement)


def test_a_server_is_placed_by_whoever_starts_it() -> None:
    with pytest.raises(ValidationError, match="several servers are a list as base_url"):
        spec(base_url="http://127.0.0.1:1/v1", placement={"replicas": 2})


def test_where_engines_lie_is_part_of_no_identity() -> None:
    def config(**placement: Any) -> RunConfig:
        member = {"model": "m", **({"placement": placement} if placement else {})}
        content = {"suites": ["bbh"], "teams": {"team": {"leader": member, "peers": [member]}}, "protocols": ["solo"]}
        return RunConfig.model_validate(content)

    assert config().digest == config(replicas=8, gpus=2).digest
    assert config().to_yaml() != config(replicas=8).to_yaml()
    assert told(spec(placement={"replicas": 8})) == told(spec())
    assert "placement" not in spec().model_dump()
    assert len({spec(placement={"replicas": 2}), spec(placement={"replicas": 2}), spec()}) == 2


@pytest.mark.parametrize(
    ("more", "gpus_there", "gpus"),
    [
        ({}, 0, 0),
        ({}, 8, 1),
        ({"engine": "vllm", "engine_options": {"tensor_parallel": 4, "pipeline_parallel": 2}}, 8, 8),
        ({"placement": {"gpus": 0.5}}, 8, 0.5),
        ({"placement": {"gpus": 0}}, 8, 0),
        ({"engine": "scripted"}, 8, 0),
    ],
)
def test_a_replica_takes_the_gpus_that_its_options_need(more: dict[str, Any], gpus_there: int, gpus: float) -> None:
    assert _needs(spec(**more), {"CPU": 8, "GPU": gpus_there}) == Needs(gpus, 1, {})


def test_what_a_cluster_lacks_is_told_with_its_numbers() -> None:
    two = spec(placement={"replicas": 2, "resources": {"big": 1}})
    _check({"CPU": 2, "GPU": 4, "big": 2}, [[two]], [Needs(2, 1, {"big": 1})])
    with pytest.raises(UsageError, match="take 4 GPU together, and the cluster has 3"):
        _check({"CPU": 2, "GPU": 3, "big": 2}, [[two]], [Needs(2, 1, {"big": 1})])


def test_a_model_and_its_adapters_lie_together() -> None:
    base, one, other = spec(), spec(adapter="a"), spec(model="n")
    assert _together([base, other, one]) == [[base, one], [other]]


def test_faults_travel_between_processes() -> None:
    fault = ContextOverflow(model="m", prompt=5, answer=6, context=7, said="too long")
    again = pickle.loads(pickle.dumps(fault))
    assert isinstance(again, ContextOverflow)
    assert (str(again), again.prompt, again.answer, again.context) == (str(fault), 5, 6, 7)
    assert not again.transient


def test_here_one_of_the_replicas_is_started_and_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("- say: x\n")
    said: list[str] = []
    scripted = spec(model=str(tmp_path / "s.yaml"), engine="scripted", placement={"replicas": 2})
    assert asyncio.run(open_engines([scripted], on_event=said.append))[scripted].facts
    assert any("--executor ray starts all" in sentence for sentence in said)
    assert asyncio.run(open_engine(scripted)).facts


def test_executors_are_known_by_name() -> None:
    assert executor("local") is open_when_asked
    with pytest.raises(UsageError, match="no executor is called 'rays'; did you mean 'ray'"):
        executor("rays")


def test_without_ray_it_is_one_sentence(
    mlpo_bench: Callable[..., Any], team_file: Path, made_up: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "find_spec", lambda name: None if name == "ray" else find_spec(name))
    options = ("--suite", "bbh", "--subjects", "navigate", "--protocol", "solo", "--data", made_up)
    said = mlpo_bench("run", *options, "--team", team_file, "--executor", "ray", "--name", "x")
    assert said.code == 2
    assert "--executor ray needs Ray, which is not installed: pip install 'mlpo-bench[ray]'" in said.err
    said = mlpo_bench("run", *options, "--team", team_file, "--executor", "slurm")
    assert said.code == 2
    assert "no executor is called 'slurm'" in said.err


def test_the_door_for_clients_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "ray://head:10001")
    monkeypatch.setattr(session, "find_spec", lambda _: True)
    with pytest.raises(UsageError, match="let it be head:6379 or auto"):
        asyncio.run(session.joined(lambda _: None))
