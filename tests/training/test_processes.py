"""Several processes train one leader, launched as `accelerate launch` and `torchrun` launch them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

import pytest

from mlpo_bench.errors import UsageError
from mlpo_bench.training import processes
from mlpo_bench.training.stages import run_stages


pytest.importorskip("torch")
pytest.importorskip("trl")

Lessons = Any

LAUNCH = (
    "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "--num_machines", "1",
    "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0", "-m", "mlpo_bench",
)  # fmt: skip


def with_data(lessons: Lessons, **settings: Any) -> Any:
    """A training whose data stages are done, and its recipe beside it."""
    training = lessons.training(**settings)
    (lessons.folder / "recipe.yaml").write_text(training.recipe.to_yaml())
    for stage, file in {"rollouts": training.rollouts, "filter": training.questions}.items():
        file.write_bytes(b"of no interest here")
        with training.working(stage):
            pass
    return training


def test_two_processes_train_one_leader(lessons: Lessons) -> None:
    training = with_data(lessons, mlpo={"prompts_per_step": 4, "steps": 2})
    command = [sys.executable, *LAUNCH, "train", "mlpo", "--recipe", "recipe.yaml"]
    quiet = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}
    env = os.environ | quiet
    done = subprocess.run(command, cwd=lessons.folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert training.state("mlpo") == "done"
    steps = [json.loads(line)["step"] for line in (training.mlpo / "curves.jsonl").read_text().splitlines()]
    assert steps == [1, 2]
    assert (training.mlpo / "adapter_model.safetensors").exists()
    assert done.stdout.count("Files: ") == 1


def test_a_training_that_was_killed_ends_as_if_it_had_not_been(lessons: Lessons) -> None:
    settings = {"steps": 30, "save_every": 1, "prompts_per_step": 2}
    whole, killed = (with_data(lessons, name=name, mlpo=settings) for name in ("whole", "killed"))
    command = [sys.executable, "-m", "mlpo_bench", "train", "mlpo", "--quiet", "--recipe", "recipe.yaml"]
    env = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    first = subprocess.Popen(command, cwd=lessons.folder, env=env)
    curves = killed.mlpo / "curves.jsonl"
    while not curves.exists() or curves.read_bytes().count(b"\n") < 3:
        assert first.poll() is None
        time.sleep(0.01)
    first.kill()
    first.wait()
    assert killed.state("mlpo") == "begun"
    assert list(killed.mlpo.glob("checkpoint-*"))
    assert not (killed.mlpo / "adapter_model.safetensors").exists()
    subprocess.run(command, cwd=lessons.folder, env=env, check=True)
    (lessons.folder / "recipe.yaml").write_text(whole.recipe.to_yaml())
    subprocess.run(command, cwd=lessons.folder, env=env, check=True)
    weights = [(training.mlpo / "adapter_model.safetensors").read_bytes() for training in (whole, killed)]
    assert weights[0] == weights[1]


def test_data_stages_are_done_by_one_process(lessons: Lessons, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    said = "the stages filter, traces are done by one process: run `mlpo-bench train traces` first"
    with pytest.raises(UsageError, match=said):
        run_stages(lessons.training(), ["filter", "traces", "sft"], lessons.folder / "store", lessons.heard)


def test_a_step_that_processes_cannot_share_is_told(lessons: Lessons, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlpo_bench.training import settings
    from mlpo_bench.training.groups import grouped

    monkeypatch.setenv("WORLD_SIZE", "3")
    recipe = lessons.recipe()
    with pytest.raises(UsageError, match="3 processes cannot share the 4 rows of a step of mlpo evenly"):
        settings.for_mlpo(recipe, lessons.folder, grouped(lessons.prompts, "prompt", 2))


def test_sharded_weights_go_row_by_row(lessons: Lessons, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlpo_bench.training import mlpo, policy

    recipe = lessons.recipe()
    leg = mlpo.Leg(0, 0, 3)
    assert mlpo.make_trainer(recipe, policy.load(recipe), lessons.prompts, lessons.folder, [], leg).task.once
    monkeypatch.setattr(processes, "sharded", lambda: True)
    assert not mlpo.make_trainer(recipe, policy.load(recipe), lessons.prompts, lessons.folder, [], leg).task.once


@pytest.mark.parametrize(
    ("kind", "value", "so"), [("FSDP", "true", True), ("DEEPSPEED", "1", False), ("X", "true", False)]
)
def test_accelerate_says_whether_weights_are_sharded(
    monkeypatch: pytest.MonkeyPatch, kind: str, value: str, so: bool
) -> None:
    monkeypatch.setenv(f"ACCELERATE_USE_{kind}", value)
    assert processes.sharded() is so


def test_a_process_alone_agrees_with_itself() -> None:
    assert processes.count() == 1
    assert processes.first()
    assert processes.agreed("so") == "so"
