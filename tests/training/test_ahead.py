"""What a later stage would lack is told before anything is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlpo_bench.errors import UsageError
from mlpo_bench.runs.observer import Silent
from mlpo_bench.training import libraries
from mlpo_bench.training.ahead import check
from mlpo_bench.training.folder import TrainingFolder
from mlpo_bench.training.recipe import Recipe
from mlpo_bench.training.stages import run_stages


HERE = {"engine": "hf"}


def recipe(leader: dict[str, Any] = HERE, **settings: Any) -> Recipe:
    return Recipe.model_validate({"name": "mine", "team": {"leader": leader, "peers": [HERE]}, **settings})


@pytest.fixture(autouse=True)
def _all_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "find_spec", lambda name: name)
    monkeypatch.setattr("mlpo_bench.engines.models.resolve", lambda spec: spec)
    monkeypatch.setattr("mlpo_bench.engines.processor.accelerated", lambda: False)


def test_a_training_that_lacks_nothing_may_begin() -> None:
    mine = recipe()
    check(mine, mine.stages)


@pytest.mark.parametrize(
    ("mine", "says"),
    [
        (recipe({"model": "x", "engine": "openai", "base_url": "http://127.0.0.1:1/v1"}), "x has no weights"),
        (recipe(mlpo={"generation": "vllm"}), "mlpo.generation: vllm needs a GPU"),
    ],
)
def test_what_a_recipe_asks_for_in_vain_is_told_before_its_first_stage(mine: Recipe, says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=says):
        run_stages(TrainingFolder.for_recipe(mine, tmp_path), mine.stages, tmp_path / "store.sqlite", Silent())
    assert not (tmp_path / "store.sqlite").exists()


def test_missing_packages_are_told_with_what_brings_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "find_spec", lambda name: None if name in {"trl", "peft"} else name)
    with pytest.raises(UsageError, match=r"not installed \(no trl, peft\)\. Run: pip install 'mlpo-bench\[train\]'"):
        check(recipe(), ["rollouts", "sft"])
    check(recipe(), ["rollouts", "filter", "traces"])


def test_a_missing_tracker_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlpo_bench.training.settings.find_spec", lambda _: None)
    with pytest.raises(UsageError, match="the tracker wandb is not installed"):
        check(recipe(trackers=["wandb"]), ["mlpo"])


def test_a_place_that_something_else_takes_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(UsageError, match="is no exported leader"):
        check(recipe(export={"folder": str(tmp_path)}), ["rollouts", "export"])
