from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlpo_bench.errors import UsageError
from mlpo_bench.training.recipe import METHODS, STAGES, Recipe, read_recipe


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


def test_a_name_is_enough(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path, "name: small"))
    assert (recipe.rollouts.samples, recipe.traces.samples) == (4, 16)
    assert [rule.rule for rule in recipe.filter] == ["paper"]
    assert recipe.filter[0].least_too_easy == 0.75
    assert (recipe.mlpo.loss_type, recipe.mlpo.beta, recipe.method) == ("dr_grpo", 0.0, "sft+mlpo")


def test_a_recipe_written_out_reads_the_same(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path, "{name: a, filter: [{rule: band}, {rule: leader, samples: 8}], seed: 3}"))
    again = read_recipe(written(tmp_path, recipe.to_yaml()))
    assert again == recipe
    assert again.digest == recipe.digest


def test_a_team_is_read_from_a_file_beside_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text("leader: {model: one}\npeers: [{model: two, count: 2}]\n")
    recipe = read_recipe(written(tmp_path, "{name: a, team: team.yaml}"))
    assert [member.model for member in recipe.team.members] == ["one", "two", "two"]


def test_data_lies_beside_the_recipe(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path, "{name: a, questions: {data: here}}"))
    assert recipe.questions.data == str(tmp_path / "here")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: a\nmplo: {}", "recipe.yaml:2: unknown field 'mplo'; did you mean 'mlpo'?"),
        ("name: a\nmlpo:\n  setps: 3", "recipe.yaml:3: unknown field 'mlpo.setps'; did you mean 'steps'?"),
        ("name: a\nrollouts:\n  samples: 0", "recipe.yaml:3: field 'rollouts.samples'"),
        ("name: a\nsuites: [bhh]", "no suite is called 'bhh'; did you mean 'bbh'?"),
        ("name: a\nquestions:\n  subjects: [navigat]", "no subject is called 'navigat'; did you mean 'navigate'?"),
        ("name: a\nquestions:\n  subjects: []", "recipe.yaml:3: field 'questions.subjects'"),
        ("name: a\nadapter: {targets: []}", "recipe.yaml:2: field 'adapter.targets'"),
        ("name: ../a", "field 'name'"),
        (
            "name: a\nteam:\n  leader: {modl: x}",
            ":3: unknown field 'team.leader.modl'; did you mean 'model'?",
        ),
        ("name: a\nteam: {peers: [{model: x}]}", "recipe.yaml:2: field 'team.leader': field required."),
        (
            "name: a\nteam:\n  leader: {}\n  peers:\n  - {cuont: 2}",
            ":5: unknown field 'team.peers.0.cuont'; did you",
        ),
        ("name: a\nmlpo: {steps: 010}", "line 2: 010 is read as 8 by YAML; write 8 or 10."),
        (
            "name: a\nsuites: [bbh]\nown: {x: {at: mine.csv}}",
            "own tells where the suite 'x' is found, which is",
        ),
        (
            "name: a\nteam: {leader: {model: x}}",
            "recipe.yaml:2: field 'team': a leader learns from its peers",
        ),
        ("name: a\nfilter: {rule: off, easy: 0.5}", "leave `easy` out"),
        ("name: a\nfilter:\n  - {rule: leader, bound: 0.5}", "`bound` goes with the rules paper and band"),
        ("name: a\nfilter: []", "a filter is one rule"),
        ("name: a\nprompts: {attempts: 13}", "a question has 12 openings"),
        ("name: a\nprompts: {attempts: [4, 2]}", "a range ascends: [2, 4]"),
        ("name: a\nprompts: {variants: 5}", "a peer has 4 (rollouts.samples)"),
        ("name: a\nmethod: ppo", "field 'method'"),
        ("- name: a", "must hold settings (`name: value`), not list"),
        ("", "must hold settings (`name: value`), it is empty"),
    ],
)
def test_faults_are_named_with_their_place(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=re.escape(says)):
        read_recipe(written(tmp_path, text))


@pytest.mark.parametrize("method", METHODS)
def test_stages_follow_from_the_method(method: str) -> None:
    recipe = Recipe.model_validate({"name": "a", "method": method})
    assert [stage for stage in STAGES if stage in recipe.stages] == list(recipe.stages)
    assert ("traces" in recipe.stages) == ("sft" in method)
    assert recipe.variants == (1 if "grpo" in method else 4)


def test_a_training_stage_has_the_recipe_s_seed_or_its_own() -> None:
    recipe = Recipe.model_validate({"name": "a", "seed": 4, "mlpo": {"seed": 0}})
    assert (recipe.seed_of("sft"), recipe.seed_of("mlpo")) == (4, 0)


def test_a_setting_decides_the_stages_that_read_it_and_no_others() -> None:
    before = Recipe.model_validate({"name": "a"})
    for change, decided in (
        ({"traces": {"writer": "spliced"}}, {"traces"}),
        ({"mlpo": {"steps": 3}}, {"mlpo"}),
        ({"mlpo": {"seed": 3}}, {"mlpo"}),
        ({"questions": {"data": "/elsewhere"}}, set()),
        ({"adapter": None}, {"sft", "mlpo"}),
        ({"rollouts": {"samples": 2}}, {"rollouts"}),
        ({"filter": {"rule": "off"}}, {"filter"}),
        ({"trackers": ["wandb"]}, set()),
    ):
        after = Recipe.model_validate({"name": "a", **change})
        assert {s for s in STAGES if before.settings_of(s) != after.settings_of(s)} == decided
