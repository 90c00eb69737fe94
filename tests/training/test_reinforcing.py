"""Reinforcement of a tiny leader: it changes and nothing else does, and an interruption leaves no trace."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.errors import UsageError
from mlpo_bench.training.rewards import NOTHING
from mlpo_bench.training.rows import Kept, Opening, Prompt, read_rows, write_rows


torch = pytest.importorskip("torch")
pytest.importorskip("trl")

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    from mlpo_bench.training.folder import TrainingFolder

pytestmark = pytest.mark.usefixtures("odd_lengths_pay")

Lessons = Any


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def points(training: TrainingFolder) -> list[dict[str, float]]:
    """The curves, without the one figure that no two trainings share."""
    found = [json.loads(line) for line in (training.mlpo / "curves.jsonl").read_text().splitlines()]
    return [{name: value for name, value in point.items() if name != "seconds"} for point in found]


def test_the_leader_changes_and_its_base_does_not(lessons: Lessons, base_folder: Path) -> None:
    before = contents(base_folder)
    training = lessons.training(mlpo={"beta": 0.1})
    work = lessons("mlpo", training)
    assert contents(base_folder) == before
    from safetensors.torch import load_file

    weights = load_file(training.mlpo / "adapter_model.safetensors")
    assert any(weight.abs().sum() > 0 for name, weight in weights.items() if "lora_B" in name)
    assert not [path for path in training.mlpo.iterdir() if path.is_dir()]
    assert {"adapter_config.json", "chat_template.jinja", "curves.jsonl"} <= set(contents(training.mlpo))
    assert work.spent["tokens"] > 0
    assert work.spent["operations"] > 0
    assert work.facts["prompts"] == 4
    targets = json.loads(contents(training.mlpo)["adapter_config.json"])["target_modules"]
    assert targets == sorted(targets)  # PEFT's own order changes from process to process


def test_curves_hold_every_figure_and_all_of_them_are_finite(lessons: Lessons) -> None:
    training = lessons.training(mlpo={"beta": 0.1})
    lessons("mlpo", training)
    names = {"reward", "right", "formed", "length", "cut_off", "entropy", "kl", "loss", "grad_norm", "learning_rate"}
    assert [point["step"] for point in points(training)] == [1, 2, 3]
    for point in points(training):
        assert names <= set(point)
        assert all(math.isfinite(value) for value in point.values())
    assert lessons.heard.counted["steps"] == [3, 3]
    assert lessons.heard.points[-1]["step"] == 3


def test_the_divergence_is_measured_now_and_then_where_it_is_not_weighed(lessons: Lessons) -> None:
    training = lessons.training(mlpo={"kl_every": 2, "steps": 5})
    lessons("mlpo", training)
    found = {int(point["step"]): point["kl"] for point in points(training) if "kl" in point}
    assert list(found) == [1, 3, 5]
    learnt = [point["step"] for point in points(training) if point["grad_norm"] > 0]  # groups may earn all the same
    assert {step: kl > 0 for step, kl in found.items()} == {step: min(learnt) < step for step in found}
    assert found[5] > 0
    assert not [path for path in training.mlpo.iterdir() if path.is_dir()]
    never = lessons.training("never", mlpo={"kl_every": 0, "steps": 5})
    lessons("mlpo", never)
    same = "adapter_model.safetensors"
    assert contents(never.mlpo)[same] == contents(training.mlpo)[same]


def test_what_is_judged_is_what_the_engines_return(lessons: Lessons, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlpo_bench.engines.chats import ChatTokens

    judged: list[str] = []

    def earned(_prompts: Any, texts: list[str], _cut_off: Any) -> list[Any]:
        judged.extend(texts)
        return [NOTHING for _ in texts]

    monkeypatch.setattr("mlpo_bench.training.leader_trainer.earned", earned)
    monkeypatch.setattr(ChatTokens, "opened", lambda _self, _messages: "<think>")
    monkeypatch.setattr(ChatTokens, "decoded", lambda _self, ids: f"{len(ids)} tokens")
    lessons("mlpo", lessons.training(mlpo={"steps": 1}))
    assert len(judged) == 4
    assert all(text.startswith("<think>") and text.endswith(" tokens") for text in judged)


def test_all_weights_can_be_trained(lessons: Lessons, base_folder: Path) -> None:
    before = contents(base_folder)
    training = lessons.training(adapter=None)
    lessons("mlpo", training)
    assert contents(base_folder) == before
    assert "model.safetensors" in contents(training.mlpo)
    assert contents(training.mlpo)["model.safetensors"] != before["model.safetensors"]


def interrupt_after(step: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """End a training in the middle of the step behind `step`, and return what undoes that."""
    from mlpo_bench.training.leader_trainer import LeaderTrainer

    loss = LeaderTrainer._compute_loss

    def failing(self: Any, model: Any, inputs: Any) -> Any:
        if self.state.global_step == step:
            raise KeyboardInterrupt
        return loss(self, model, inputs)

    monkeypatch.setattr(LeaderTrainer, "_compute_loss", failing)
    return lambda: monkeypatch.setattr(LeaderTrainer, "_compute_loss", loss)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"once": False},
        {"iterations": 2},
        {"beta": 0.1, "micro_batch": 1},
        {"kl_every": 1},
        {"steps": 6, "save_every": 2},  # goes over all prompts more than once, and loses a step
    ],
)
def test_a_training_that_was_cut_off_ends_as_if_it_had_not_been(
    lessons: Lessons, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    settings = {"steps": 4, **settings}
    whole, broken = (lessons.training(name, mlpo=settings) for name in ("whole", "broken"))
    lessons("mlpo", whole)
    undo = interrupt_after(3, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        lessons("mlpo", broken)
    undo()
    # A checkpoint that a kill left half written, and figures of a step that no checkpoint holds.
    (broken.mlpo / "checkpoint-99").mkdir()
    (broken.mlpo / "checkpoint-99" / "adapter_model.safetensors").write_bytes(b"half")
    with (broken.mlpo / "curves.jsonl").open("a") as file:
        file.write('{"step": 98, "loss": 1.0}\n{"step": 99, "lo')
    lessons("mlpo", broken, resumed=True)
    assert lessons.heard.counted["steps"][0] == settings["steps"] * settings.get("iterations", 1)
    assert points(broken) == points(whole)
    same = "adapter_model.safetensors"
    assert contents(broken.mlpo)[same] == contents(whole.mlpo)[same]
    assert not list(broken.mlpo.glob("checkpoint-*"))


def test_a_training_ends_with_the_step_that_takes_its_last_tokens(
    lessons: Lessons, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlpo_bench.training import outcome

    whole = lessons.training("whole", mlpo={"steps": 3, "warmup": 0})
    lessons("mlpo", whole)
    tokens = int(sum(point["trained"] + point["written"] for point in points(whole)))
    bounded = {"steps": 90, "warmup": 0, "tokens": tokens}
    lessons("mlpo", ended := lessons.training("ended", mlpo=bounded))
    broken = lessons.training("broken", mlpo=bounded)
    with monkeypatch.context() as patch:
        patch.setattr(outcome, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            lessons("mlpo", broken)
    lessons("mlpo", broken, resumed=True)
    same = "adapter_model.safetensors"
    for training in (ended, broken):
        assert points(training) == points(whole)
        assert contents(training.mlpo)[same] == contents(whole.mlpo)[same]


def test_a_training_that_is_not_taken_up_begins_anew(lessons: Lessons, monkeypatch: pytest.MonkeyPatch) -> None:
    training = lessons.training()
    undo = interrupt_after(2, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        lessons("mlpo", training)
    undo()
    lessons("mlpo", training, resumed=False)
    assert [point["step"] for point in points(training)] == [1, 2, 3]


def test_reading_a_prompt_once_trains_as_reading_it_for_each_completion(lessons: Lessons) -> None:
    """The first step draws the same completions either way, and so must come to the same loss and gradient."""
    found = []
    for once in (True, False):
        training = lessons.training(f"once-{once}", mlpo={"once": once, "steps": 1, "beta": 0.1, "iterations": 2})
        lessons("mlpo", training)
        found.append(points(training))
    for packed, plain in zip(*found, strict=True):
        same = ("reward", "length", "loss", "grad_norm", "kl") if "reward" in packed else ("loss", "grad_norm", "kl")
        assert [packed[name] for name in same] == pytest.approx([plain[name] for name in same], rel=1e-2, abs=1e-4)
        assert packed["trained"] < plain["trained"]


@pytest.mark.parametrize("adapter", [{"rank": 2}, None])
def test_activations_that_are_computed_twice_change_nothing(lessons: Lessons, adapter: Any) -> None:
    found = []
    for twice in (True, False):
        training = lessons.training(f"twice-{twice}", adapter=adapter, mlpo={"gradient_checkpointing": twice})
        lessons("mlpo", training)
        found.append(points(training))
    for one, other in zip(*found, strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-5)
    assert any(point["grad_norm"] > 0 for point in found[0])


def test_a_group_of_a_question_is_compared_over_its_variants(
    lessons: Lessons, tiny_leader: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlpo_bench.training import leader_trainer, mlpo, policy
    from mlpo_bench.training.rewards import Earned

    prompts = [tiny_leader.prompt(n, question=n // 2) for n in range(4)]
    recipe = lessons.recipe(mlpo={"group": "question", "prompts_per_step": 4, "form_reward": 0.1})
    trainer = mlpo.make_trainer(recipe, policy.load(recipe), prompts, lessons.folder / "out", [], mlpo.Leg(0, 0, 3))
    # Question 0: 1, 0 and 1, 1.1 over its two variants; question 1: nothing but a form.
    told = iter([(1, 0), (0, 0), (1, 0), (1, 1), (0, 0), (0, 0), (0, 1), (0, 0)])
    monkeypatch.setattr(leader_trainer, "earned", lambda _, texts, *__: [Earned(*next(told)) for _ in texts])
    rows = [trainer.train_dataset[place] for place in (0, 0, 1, 1, 2, 2, 3, 3)]
    trainer.model.train()
    found = trainer._generate_and_score_completions(rows)["advantages"]
    mean, other = (1 + 0 + 1 + 1.1) / 4, 0.1 / 4
    expected = [1 - mean, -mean, 1 - mean, 1.1 - mean, -other, -other, 0.1 - other, -other]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_a_step_must_hold_whole_groups(lessons: Lessons, tiny_leader: ModuleType) -> None:
    from mlpo_bench.training import mlpo, policy

    prompts = [tiny_leader.prompt(n, question=n // 3) for n in range(6)]
    recipe = lessons.recipe(mlpo={"group": "question", "prompts_per_step": 4})
    with pytest.raises(UsageError, match=r"a multiple of 3, such as 3; it is 4"):
        mlpo.make_trainer(recipe, policy.load(recipe), prompts, lessons.folder / "out", [], mlpo.Leg(0, 0, 3))


def test_groups_that_earned_all_the_same_are_spared_the_model(
    lessons: Lessons, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlpo_bench.training import leader_trainer
    from mlpo_bench.training.rewards import NOTHING

    monkeypatch.setattr(leader_trainer, "earned", lambda _, texts, *__: [NOTHING for _ in texts])
    training = lessons.training()
    lessons("mlpo", training)
    assert all(point["settled"] == 1.0 and point["trained"] == 0 for point in points(training))
    assert all(point["loss"] == 0.0 and point["grad_norm"] == 0.0 for point in points(training))
    assert all(point["entropy"] > 0 for point in points(training))


def test_completions_that_were_cut_off_can_be_left_out_of_the_loss(lessons: Lessons) -> None:
    training = lessons.training(mlpo={"mask_cut_off": True, "max_tokens": 2, "steps": 1})
    lessons("mlpo", training)
    [point] = points(training)
    assert point["cut_off"] > 0.5
    assert math.isfinite(point["loss"])


def test_a_prompt_that_does_not_fit_is_told_with_its_numbers(lessons: Lessons) -> None:
    training = lessons.training(mlpo={"max_tokens": 2040})
    with pytest.raises(UsageError, match=r"holds 2048 tokens, but a prompt has \d+ and its answer may take 2040"):
        lessons("mlpo", training)


def test_a_lack_of_memory_names_what_to_lower(lessons: Lessons, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlpo_bench.training.leader_trainer import LeaderTrainer

    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(LeaderTrainer, "_compute_loss", full)
    said = r"memory ran out in the stage mlpo: lower mlpo.micro_batch \(now 8\); or set mlpo.gradient_checkpointing"
    with pytest.raises(UsageError, match=said):
        lessons("mlpo", lessons.training())


def test_a_leader_that_a_server_holds_cannot_be_trained(lessons: Lessons) -> None:
    served = {"model": "x", "engine": "openai", "base_url": "http://127.0.0.1:1/v1"}
    training = lessons.training(team={"leader": served, "peers": [served]})
    with pytest.raises(UsageError, match="the leader x has no weights on this machine"):
        lessons("mlpo", training)


def test_a_module_that_no_adapter_fits_is_told(lessons: Lessons) -> None:
    training = lessons.training(adapter={"targets": ["no_such"]})
    with pytest.raises(UsageError, match=r"adapter\.targets do not fit"):
        lessons("mlpo", training)


def with_openings(lessons: Lessons, tiny_leader: ModuleType, **settings: Any) -> TrainingFolder:
    """A training whose peers' openings are at hand, so that conversations can be held."""
    member = {"model": str(lessons.base), "engine": "hf"}
    training: TrainingFolder = lessons.training(
        team={"leader": member, "peers": [member, {**member, "persona": "You doubt."}]},
        rollouts={"max_tokens": 6},
        **settings,
    )
    openings = [tiny_leader.opening(n) for n in range(4)]
    kept = [
        Kept(
            o.question_id,
            "bbh",
            "navigate",
            "yes_no",
            o.gold,
            o.text,
            openings=2,
            share=0.5,
            leader_share=None,
            easy=False,
        )
        for o in openings
    ]
    write_rows(training.rollouts, Opening, openings)
    write_rows(training.questions, Kept, kept)
    return training


ROUNDS = {"contexts": "rounds", "rounds": 2, "refresh_every": 2, "steps": 4, "max_tokens": 6}


def test_legs_follow_one_another(lessons: Lessons) -> None:
    from mlpo_bench.training.mlpo import Leg, legs

    recipe = lessons.recipe(mlpo={**ROUNDS, "steps": 5})
    every = [Leg(0, 0, 2), Leg(1, 2, 4), Leg(2, 4, 5)]
    assert list(legs(recipe)) == every
    assert list(legs(recipe, done=2)) == list(legs(recipe, done=3)) == every[1:]
    assert list(legs(recipe, done=5)) == every[2:]
    assert list(legs(lessons.recipe(mlpo={"steps": 5}), done=3)) == [Leg(0, 0, 5)]


@pytest.mark.parametrize("settings", [{}, {"adapter": None}, {"method": "sft+mlpo"}])
def test_later_rounds_are_trained_on_with_the_leader_as_it_is_by_then(
    lessons: Lessons, tiny_leader: ModuleType, settings: dict[str, Any]
) -> None:
    training = with_openings(lessons, tiny_leader, mlpo=ROUNDS, **settings)
    if "sft" in training.recipe.trains:
        lessons("sft", training)
    work = lessons("mlpo", training)
    assert [point["step"] for point in points(training)] == [1, 2, 3, 4]
    assert work.spent["calls"] == 2 * 2 * 2 * 3  # legs, questions, rounds, seats
    assert work.spent["prompt_tokens"] > work.spent["completion_tokens"] > 0
    assert json.loads((training.mlpo / "contexts-0.json").read_text())["left_out"] == 0
    legs = [read_rows(training.mlpo / f"contexts-{n}.parquet", Prompt) for n in range(2)]
    for prompts in legs:
        assert Counter(prompt.round for prompt in prompts) == {0: 2, 1: 2}
        assert all("Attempt 2" in p.messages[-1]["content"] for p in prompts if p.round == 1)
    later = [{p.prompt_id for p in prompts if p.round == 1} for prompts in legs]
    assert not later[0] & later[1]
    assert "Conversations with the leader after 2 steps" in lessons.heard.said


def test_a_training_on_later_rounds_ends_as_if_it_had_not_been_cut_off(
    lessons: Lessons, tiny_leader: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = with_openings(lessons, tiny_leader, name="whole", mlpo=ROUNDS)
    broken = with_openings(lessons, tiny_leader, name="broken", mlpo=ROUNDS)
    lessons("mlpo", whole)
    undo = interrupt_after(3, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        lessons("mlpo", broken)
    undo()
    lessons("mlpo", broken, resumed=True)
    assert points(broken) == points(whole)
    same = "adapter_model.safetensors"
    assert contents(broken.mlpo)[same] == contents(whole.mlpo)[same]
