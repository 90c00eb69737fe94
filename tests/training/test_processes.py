"""Several processes train one leader, launched as `accelerate launch` and `torchrun` launch them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from mlpo_bench.errors import BadInput
from mlpo_bench.training import processes
from mlpo_bench.training.stages import carry_out


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


def test_data_stages_are_done_by_one_process(lessons: Lessons, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    said = "the stages filter, traces are done by one process: run `mlpo-bench train traces` first"
    with pytest.raises(BadInput, match=said):
        carry_out(lessons.training(), ["filter", "traces", "sft"], lessons.folder / "store", lessons.heard)


def test_a_step_that_processes_cannot_share_is_told(lessons: Lessons, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlpo_bench.training import settings
    from mlpo_bench.training.groups import grouped

    monkeypatch.setenv("WORLD_SIZE", "3")
    recipe = lessons.recipe()
    with pytest.raises(BadInput, match="3 processes cannot share the 4 rows of a step of mlpo evenly"):
        settings.for_mlpo(recipe, lessons.folder, grouped(lessons.prompts, "prompt", 2))


def test_a_process_alone_agrees_with_itself() -> None:
    assert processes.count() == 1
    assert processes.first()
    assert processes.agreed("so") == "so"
