"""The shipped recipes: each is read, planned and has its data made, by scripted models over made-up questions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlpo_bench.runs.observer import Silent
from mlpo_bench.training.folder import TrainingFolder
from mlpo_bench.training.plan import plan
from mlpo_bench.training.recipe import Recipe, changed, read_recipe
from mlpo_bench.training.rows import Prompt, Trace, read_rows
from mlpo_bench.training.shipped import recipe_path, recipes_folder
from mlpo_bench.training.stages import DATA, run_stages


RECIPES = sorted(recipes_folder().glob("*.yaml"))
NOT_RUN = "Not run on a GPU so far: what is here was only checked to build, on tiny models."


def small(recipe: Recipe, data: Path, voice: Path) -> Recipe:
    """Return a recipe with scripted models in all seats and a few made-up questions."""
    scripted = {"model": str(voice), "engine": "scripted"}
    team = {"leader": scripted, "peers": [scripted for _ in recipe.team.peers]}
    content = recipe.model_dump(mode="json") | {"team": team, "suites": ["bbh"]}
    content["questions"] = {"data": str(data), "subjects": ["navigate"]}
    return Recipe.model_validate(content)


def test_there_are_recipes() -> None:
    assert {path.stem for path in RECIPES} >= {"smollm2-cpu", "smollm2-gpu", "paper-7b", "pacore-style", "multi-node"}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_what_it_says(path: Path) -> None:
    recipe, text = read_recipe(path), path.read_text()
    assert recipe.name == path.stem
    assert recipe_path(path.stem) == path
    assert f"--recipe {path.stem}" in text  # the file names the command that carries it out
    says_so = NOT_RUN in " ".join(re.sub(r"\n# ?", " ", text).split())
    assert says_so == (path.stem != "smollm2-cpu")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipes_data_can_be_made(path: Path, tmp_path: Path, made_up: Path, voice: Path) -> None:
    recipe = small(read_recipe(path), made_up, voice)
    folder = TrainingFolder.for_recipe(recipe, tmp_path)
    before = plan(folder, Silent(), 100.0)
    run_stages(folder, [stage for stage in recipe.stages if stage in DATA], tmp_path / "store.sqlite", Silent())
    after = plan(folder, Silent(), 100.0)
    assert read_rows(folder.prompts, Prompt)
    assert "traces" not in recipe.stages or read_rows(folder.traces, Trace)
    for first, then in zip(before.stages, after.stages, strict=True):
        assert then.items <= first.items


def test_the_commands_that_a_recipe_names_are_understood() -> None:
    text = recipe_path("pacore-style").read_text()
    changes = re.findall(r"--set (?:'([^']+)'|(\S+))", text)
    recipe = changed(read_recipe(recipe_path("pacore-style")), [quoted or bare for quoted, bare in changes])
    assert (recipe.name, recipe.mlpo.steps, [rule.rule for rule in recipe.filter]) == (
        "pacore-style-2",
        450,
        ["leader"],
    )
    assert recipe.leader.adapter == "trainings/pacore-style/export"


def test_the_papers_recipe_has_the_papers_values() -> None:
    recipe = read_recipe(recipe_path("paper-7b"))
    written: dict[str, Any] = yaml.safe_load(recipe_path("paper-7b").read_text())
    assert (len(recipe.team.peers), recipe.rollouts.samples, recipe.filter[0].least_too_easy) == (3, 4, 0.75)
    assert (recipe.mlpo.loss_type, recipe.mlpo.scale_rewards, recipe.method) == ("dr_grpo", "none", "sft+mlpo")
    assert {"rollouts", "filter", "traces", "sft", "mlpo", "adapter"} <= written.keys()


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipes_trainers_can_be_built(path: Path, tmp_path: Path, base_folder: Path, tiny_leader: Any) -> None:
    """With a tiny model in all seats, on a CPU; vLLM, which needs a GPU, is left out."""
    from mlpo_bench.training import mlpo, policy, settings

    tiny = {"model": str(base_folder)}
    content = read_recipe(path).model_dump(mode="json") | {"precision": "auto"}
    content["team"] = {"leader": tiny, "peers": [tiny for _ in content["team"]["peers"]]}
    content["mlpo"] |= {"generation": "transformers"}
    recipe = Recipe.model_validate(content)
    leader = policy.load(recipe)
    variants = recipe.variants
    prompts = [tiny_leader.prompt(n, question=n // variants) for n in range(2 * variants)]
    trainer = mlpo.make_trainer(recipe, leader, prompts, tmp_path, [], next(mlpo.legs(recipe)))
    assert trainer.args.max_steps == recipe.mlpo.steps * recipe.mlpo.iterations
    assert trainer.args.generation_batch_size == recipe.mlpo.prompts_per_step * recipe.mlpo.generations
    assert trainer.task.writes_once == recipe.mlpo.once
    assert settings.for_sft(recipe, tmp_path, 100).gradient_accumulation_steps >= 1


def test_curves_go_to_trackers_that_are_installed(tmp_path: Path, base_folder: Path) -> None:
    from mlpo_bench.errors import UsageError
    from mlpo_bench.training import libraries, settings

    libraries.trl()
    tiny = {"model": str(base_folder)}
    recipe = Recipe.model_validate({"name": "a", "team": {"leader": tiny, "peers": [tiny]}, "trackers": ["trackio"]})
    args = settings.for_sft(recipe, tmp_path, 4)
    assert (args.report_to, args.project, args.run_name) == (["trackio"], "mlpo-bench", "a")
    assert settings.for_sft(recipe.model_copy(update={"trackers": ()}), tmp_path, 4).report_to == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "find_spec", lambda _: None)
        with pytest.raises(UsageError, match="the tracker trackio is not installed: pip install trackio"):
            settings.for_sft(recipe, tmp_path, 4)
