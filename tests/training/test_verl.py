"""What is handed over to verl: rows that the judge can read, and settings that verl knows."""

from __future__ import annotations

import shlex
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest

from mlpo_bench.engines import models
from mlpo_bench.errors import UsageError
from mlpo_bench.training import verl
from mlpo_bench.training.recipe import Recipe
from mlpo_bench.training.rewards import earned
from mlpo_bench.training.rows import Prompt, read_rows
from mlpo_bench.training.verl_reward import compute_score


Trainings = Any
TEXTS = (
    "Even.</think><answer>Yes</answer>",
    "Odd.</think><answer>No</answer>",
    "So.</think>The answer is No.",
    "<answer>Yes</answer> or <answer>No</answer>",
    "I cannot tell.",
)


@pytest.fixture
def handed(train: Trainings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Path]:
    """A training of a made-up leader, and what of it was handed over for two machines of four GPUs."""
    monkeypatch.setattr(verl, "_longest", lambda _chats, _prompts: 321)
    monkeypatch.setattr(verl, "_chats", lambda _recipe: SimpleNamespace(marks=frozenset(), opened=lambda _: "<think>"))
    monkeypatch.setattr(verl, "_leader", lambda _folder: {"actor_rollout_ref.model.path": "/the leader"})
    folder, into = (
        train("mine", method="mlpo", mlpo={"steps": 30, "prompts_per_step": 4, "form_reward": 0.1}),
        tmp_path / "verl",
    )
    assert verl.hand_over(folder, into, nodes=2, gpus=4) > 0
    return folder, into


def told(into: Path) -> dict[str, str]:
    """Return the settings in a command."""
    words = shlex.split((into / verl.COMMAND).read_text(), comments=True)
    return dict(word.split("=", 1) for word in words if "=" in word)


def test_rows_earn_what_they_earn_here(handed: tuple[Any, Path]) -> None:
    folder, into = handed
    prompts = read_rows(folder.prompts, Prompt)
    rows = pq.read_table(into / verl.ROWS).to_pylist()
    assert [row["prompt"] for row in rows] == [list(prompt.messages) for prompt in prompts]
    seen = set()
    for prompt, row in zip(prompts, rows, strict=True):
        for text in TEXTS:
            # as verl calls a reward, with what else it hands over
            given = compute_score(
                data_source=row["data_source"],
                solution_str=text,  # without what the prompt opens
                ground_truth=row["reward_model"]["ground_truth"],
                extra_info={**row["extra_info"], "num_turns": 2},
            )
            (one,) = earned([prompt], [f"<think>{text}"], [False])
            assert given == {"score": one.right + 0.1 * one.formed, "right": one.right, "formed": one.formed}
            seen.add(given["score"])
    assert seen == {0.0, 0.1, 1.0, 1.1}


def test_the_command_says_what_the_recipe_says(handed: tuple[Any, Path]) -> None:
    folder, into = handed
    said = told(into)
    steps = folder.recipe.mlpo
    assert said["trainer.nnodes"] == "2"
    assert said["trainer.n_gpus_per_node"] == "4"
    assert said["data.train_files"] == f'["{into / verl.ROWS}"]'
    assert said["data.max_prompt_length"] == "321"
    assert said["data.train_batch_size"] == "4"
    assert said["actor_rollout_ref.rollout.n"] == str(steps.generations)
    assert said["actor_rollout_ref.rollout.max_model_len"] == str(321 + steps.max_tokens)
    assert said["actor_rollout_ref.actor.loss_agg_mode"] == '"seq-mean-token-sum-norm"'
    assert float(said["actor_rollout_ref.actor.optim.lr"]) == steps.learning_rate
    assert said["algorithm.norm_adv_by_std_in_grpo"] == "false"
    prompts = len(read_rows(folder.prompts, Prompt))
    assert int(said["trainer.total_epochs"]) * (prompts // 4) >= 30


def test_verl_knows_every_setting(handed: tuple[Any, Path]) -> None:
    """Composed as verl composes them; runs where verl and Hydra are installed."""
    hydra = pytest.importorskip("hydra", reason="Hydra, which reads verl's settings, is not installed")
    installed = find_spec("verl")
    if installed is None or installed.origin is None:
        pytest.skip("verl is not installed")
    _, into = handed
    words = [word for word in shlex.split((into / verl.COMMAND).read_text(), comments=True) if "=" in word]
    configuration = Path(installed.origin).parent / "trainer" / "config"
    with hydra.initialize_config_dir(str(configuration), version_base=None):
        composed = hydra.compose("ppo_trainer", overrides=words)
    assert composed.actor_rollout_ref.rollout.n == 8
    assert composed.actor_rollout_ref.model.path == "/the leader"
    assert composed.reward.custom_reward_function.path == "pkg://mlpo_bench.training.verl_reward"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"method": "sft"}, "the method sft reinforces nothing"),
        ({"mlpo": {"group": "question"}}, r"one prompt \(mlpo.group: prompt\)"),
        ({"mlpo": {"contexts": "rounds"}}, "mlpo.contexts: openings"),
        ({"mlpo": {"scale_rewards": "batch"}}, "mlpo.scale_rewards: group, none"),
        ({"mlpo": {"loss_type": "bnpo"}}, r"grpo, dr_grpo, dapo do \(mlpo.loss_type\)"),
        ({"mlpo": {"mask_cut_off": True}}, "mlpo.mask_cut_off: false"),
        ({"mlpo": {"tokens": 1000}}, "mlpo.tokens: null"),
        ({"mlpo": {"schedule": "linear"}}, "mlpo.schedule: constant, cosine"),
        ({}, "the stage filter of mine has yet to be done: mlpo-bench train filter"),
    ],
)
def test_what_verl_has_not_is_refused(
    train: Trainings, tmp_path: Path, settings: dict[str, Any], sentence: str
) -> None:
    folder = train("mine", until="rollouts", **settings)
    with pytest.raises(UsageError, match=sentence):
        verl.hand_over(folder, tmp_path / "verl", nodes=1, gpus=8)


def test_a_folder_with_other_files_is_not_replaced(train: Trainings, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match=r"home cannot be written: it holds thesis\.tex, which would be lost"):
        verl.hand_over(train("mine", until="filter"), tmp_path / "home", nodes=1, gpus=8)
    assert (tmp_path / "home" / "thesis.tex").read_text() == "years of work"


def test_prompts_that_fill_no_step_are_refused(train: Trainings, tmp_path: Path) -> None:
    folder = train("mine", until="filter", method="mlpo", mlpo={"prompts_per_step": 1000})
    with pytest.raises(UsageError, match=r"its \d+ prompts fill no step of 1000\. Lower mlpo\.prompts_per_step"):
        verl.hand_over(folder, tmp_path / "verl", nodes=1, gpus=8)


def test_fine_tuning_comes_first(train: Trainings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the stage sft of mine has yet to be done"):
        verl.hand_over(train("mine", until="filter"), tmp_path / "verl", nodes=1, gpus=8)


def test_a_leader_goes_on_from_its_fine_tuning(
    train: Trainings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Base:
        folder, adapter = tmp_path / "base", None

    monkeypatch.setattr(models, "resolve", lambda _: Base)
    folder = train("mine", until="filter")
    model = "actor_rollout_ref.model"
    with_adapter = verl.settings(folder, tmp_path, 100, 40)
    assert with_adapter[f"{model}.path"] == str(tmp_path / "base")
    assert with_adapter[f"{model}.lora_adapter_path"] == str(folder.sft.resolve())
    assert with_adapter[f"{model}.lora_rank"] == Recipe.model_fields["adapter"].default.rank
    whole = verl.settings(train("whole", until="filter", adapter=None), tmp_path, 100, 40)
    assert whole[f"{model}.path"].endswith("trainings/whole/sft")
    assert f"{model}.lora_rank" not in whole
