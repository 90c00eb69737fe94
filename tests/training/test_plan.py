from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from mlpo_bench.reports.terminal.console import Console
from mlpo_bench.reports.terminal.training import print_training_plan
from mlpo_bench.runs.observer import Silent
from mlpo_bench.training import speed
from mlpo_bench.training.folder import TrainingFolder
from mlpo_bench.training.plan import TrainingPlan, plan
from mlpo_bench.training.recipe import Recipe


Trainings = Any
PLAIN: dict[str, Any] = {"filter": {"rule": "off"}, "traces": {"samples": 4, "writer": "spliced"}}


def planned(recipe: Recipe, parent: Path, speed: float | None = None) -> TrainingPlan:
    return plan(TrainingFolder(parent / recipe.name, recipe), Silent(), speed)


def test_a_plan_starts_nothing_and_leaves_nothing(
    train: Trainings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("mlpo_bench.training.asking.open_engines", refuse)
    found = planned(train.recipe("mine"), tmp_path / "trainings")
    assert found.questions == {"bbh": 9}
    assert [stage.stage for stage in found.stages] == ["rollouts", "filter", "traces", "sft", "mlpo", "export"]
    assert not (tmp_path / "trainings").exists()


def test_calls_are_those_that_are_made(train: Trainings, tmp_path: Path) -> None:
    recipe = train.recipe("mine", **PLAIN, rollouts={"samples": 3})
    found = {stage.stage: stage for stage in planned(recipe, tmp_path / "trainings").stages}
    folder = train("mine", **PLAIN, rollouts={"samples": 3})
    assert found["rollouts"].calls == folder.ledger["rollouts"]["calls"] == 9 * 3 * 3
    assert found["traces"].at_most
    assert found["traces"].calls >= folder.ledger["traces"]["calls"]
    after = {stage.stage: stage for stage in plan(folder, Silent()).stages}
    assert after["traces"].calls == folder.ledger["traces"]["calls"]
    assert not after["sft"].at_most
    assert after["sft"].items == sum(folder.facts("traces")["fates"][fate] for fate in ("kept", "backtrack"))


def test_lengths_are_learnt_from_what_was_done(train: Trainings, tmp_path: Path) -> None:
    folder = train("mine", **PLAIN)
    again = {stage.stage: stage for stage in planned(train.recipe("again", **PLAIN), tmp_path / "trainings").stages}
    written = folder.ledger["rollouts"]["completion_tokens"]
    assert again["rollouts"].completion_tokens == pytest.approx(written, rel=0.05)


def test_time_follows_from_the_speed(train: Trainings, tmp_path: Path) -> None:
    parent, recipe = tmp_path / "trainings", train.recipe("mine", **PLAIN)
    slow, fast = planned(recipe, parent, 10.0), planned(recipe, parent, 100.0)
    assert slow.stages[0].seconds == pytest.approx(10 * (fast.stages[0].seconds or 0))
    assert slow.stages[0].seconds == pytest.approx(slow.stages[0].completion_tokens / 10, rel=0.01)
    assert planned(recipe, parent).seconds is None  # a scripted model's speed was never measured


def test_more_steps_and_more_completions_are_more_work(train: Trainings, tmp_path: Path) -> None:
    few = planned(train.recipe("a", mlpo={"steps": 2, "generations": 4}), tmp_path).stages[-2]
    many = planned(train.recipe("b", mlpo={"steps": 4, "generations": 8}), tmp_path).stages[-2]
    assert (few.calls, many.calls) == (2 * 8 * 4, 4 * 8 * 8)
    assert many.completion_tokens == pytest.approx(4 * few.completion_tokens, abs=4)
    assert many.prompt_tokens == pytest.approx(2 * few.prompt_tokens, abs=2)  # read once for all completions
    assert 2 * few.trained_tokens < many.trained_tokens < 4 * few.trained_tokens


def test_a_prompt_that_is_read_once_is_less_work(train: Trainings, tmp_path: Path) -> None:
    def reinforcing(name: str, **mlpo: Any) -> Any:
        return planned(train.recipe(name, mlpo={"generations": 8, "micro_batch": 8, **mlpo}), tmp_path).stages[-2]

    once, each, halves = reinforcing("a"), reinforcing("b", once=False), reinforcing("c", micro_batch=4)
    completions = once.completion_tokens
    prompts = once.trained_tokens - completions
    assert each.trained_tokens - completions == pytest.approx(8 * prompts, rel=1e-3)
    assert halves.trained_tokens - completions == pytest.approx(2 * prompts, rel=1e-3)


@pytest.mark.parametrize("mlpo", [{}, {"micro_batch": 2}, {"once": False}, {"iterations": 3}])
def test_tokens_that_may_be_taken_bound_the_steps(train: Trainings, tmp_path: Path, mlpo: dict[str, Any]) -> None:
    def reinforcing(name: str, **more: Any) -> Any:
        return planned(train.recipe(name, mlpo={**mlpo, **more}), tmp_path).stages[-2]

    def taken(stage: Any) -> int:
        return int(stage.prompt_tokens + stage.completion_tokens + stage.trained_tokens)

    tokens = taken(reinforcing("a", steps=7))
    assert reinforcing("b", tokens=tokens - 100).items == 7
    assert reinforcing("c", tokens=tokens + 100).items == 8


def test_the_control_without_peers_reads_less(train: Trainings, tmp_path: Path) -> None:
    with_peers = planned(train.recipe("a", method="mlpo"), tmp_path).stages[-2]
    alone = planned(train.recipe("b", method="grpo"), tmp_path).stages[-2]
    assert alone.prompt_tokens < with_peers.prompt_tokens / 2


def test_a_plan_is_told_in_80_columns(train: Trainings, tmp_path: Path) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    print_training_plan(planned(train.recipe("mine", **PLAIN), tmp_path, 50.0), console)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 80
    assert "\u2026" not in text
    for part in ("mine (sft+mlpo): 9 of bbh", "rollouts", "up to 36 prompts", "200 steps", "50 tokens/s as given"):
        assert part in text


def test_speed_is_remembered_by_stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("mlpo_bench.engines.processor._DEVICES", ())
    guessed = speed.known("mlpo")
    assert guessed is not None
    assert guessed > 1e8
    speed.note("mlpo", 1e12, 10.0)
    speed.note("sft", 1e12, 1.0)  # too short to tell
    assert speed.known("mlpo") == 1e11
    assert speed.known("sft") == guessed
    monkeypatch.setattr("mlpo_bench.engines.processor._DEVICES", ("/dev/null",))
    assert speed.known("sft") is None
