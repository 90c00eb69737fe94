"""Supervised fine-tuning of a tiny leader: on completions only, and an interruption leaves no trace."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.errors import UsageError


torch = pytest.importorskip("torch")
pytest.importorskip("trl")
transformers = pytest.importorskip("transformers")

if TYPE_CHECKING:
    from pathlib import Path

    from mlpo_bench.training.folder import TrainingFolder

Lessons = Any


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def points(training: TrainingFolder) -> list[dict[str, float]]:
    return [json.loads(line) for line in (training.sft / "curves.jsonl").read_text().splitlines()]


def test_the_leader_learns_its_traces_and_its_base_stays(lessons: Lessons, base_folder: Path) -> None:
    before = contents(base_folder)
    training = lessons.training(method="sft", sft={"epochs": 6})
    work = lessons("sft", training)
    assert contents(base_folder) == before
    losses = [point["loss"] for point in points(training)]
    assert len(losses) == 12
    assert losses[-1] < losses[0] / 2
    assert {"adapter_config.json", "adapter_model.safetensors", "chat_template.jinja"} <= set(contents(training.sft))
    assert work.facts == {"traces": 4, "left_out": 0, "steps": 12}


def test_only_completions_and_their_end_are_learnt(lessons: Lessons) -> None:
    from mlpo_bench.training import policy, sft

    recipe = lessons.recipe()
    leader = policy.load(recipe)
    [row, *_], left_out = sft.examples(recipe, leader, lessons.traces)
    learnt = [t for t, learn in zip(row["input_ids"], row["completion_mask"], strict=True) if learn]
    assert leader.tokenizer.decode(learnt) == "<think>So.</think><answer>Yes</answer></s>"
    read = row["input_ids"][: len(row["input_ids"]) - len(learnt)]
    assert read == leader.prompt_ids(lessons.traces[0].messages)
    assert left_out == 0


def test_a_template_that_shows_answers_otherwise_gets_the_plain_end(lessons: Lessons) -> None:
    from mlpo_bench.training import policy

    leader = policy.load(lessons.recipe())
    leader.tokenizer.chat_template = "{% for m in messages %}{{ m.content | upper }}{% endfor %}>"
    tokens = leader.completion_ids(lessons.traces[0].messages, "ok")
    assert leader.tokenizer.decode(tokens) == "ok</s>"


def test_what_a_prompt_opens_of_a_completion_is_not_learnt_twice(
    lessons: Lessons, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlpo_bench.training import policy

    leader = policy.load(lessons.recipe())
    messages = lessons.traces[0].messages
    expected = leader.completion_ids(messages, "ok")
    monkeypatch.setattr(leader.chats, "opened", lambda _: "<think>")
    assert leader.completion_ids(messages, "<think>ok") == expected


def test_a_turn_ends_where_the_template_ends_it(lessons: Lessons, base_folder: Path, tmp_path: Path) -> None:
    from mlpo_bench.training import mlpo, policy

    ended = tmp_path / "ended"
    shutil.copytree(base_folder, ended)
    tokenizer = transformers.AutoTokenizer.from_pretrained(ended)
    tokenizer.add_special_tokens({"additional_special_tokens": ["~"]})
    tokenizer.chat_template = tokenizer.chat_template.replace("eos_token", "'~'")
    tokenizer.save_pretrained(ended)
    end = tokenizer.convert_tokens_to_ids("~")
    lessons.base = ended
    recipe = lessons.recipe()
    leader = policy.load(recipe)
    assert leader.ends == (tokenizer.eos_token_id, end)
    ids = leader.completion_ids(lessons.traces[0].messages, "ok")
    assert leader.tokenizer.decode(ids) == "ok~"
    trainer = mlpo.make_trainer(recipe, leader, lessons.prompts, tmp_path / "out", [], mlpo.Leg(0, 0, 3))
    assert set(trainer.eos_token_ids) == set(leader.ends)
    assert leader.text(lessons.traces[0].messages, ids) == "ok"


def test_a_leader_whose_end_is_named_stays_as_it_is(lessons: Lessons) -> None:
    from mlpo_bench.training import policy

    leader = policy.load(lessons.recipe())
    assert leader.chats.turn_end is None
    assert leader.ends == (leader.tokenizer.eos_token_id,)
    assert leader.model.generation_config.eos_token_id == leader.tokenizer.eos_token_id


def test_traces_that_are_too_long_are_left_out_and_told(lessons: Lessons) -> None:
    training = lessons.training(method="sft", sft={"max_length": 47})
    lengths = sorted(len(prompt.messages[0]["content"]) for prompt in lessons.prompts)
    assert lengths == [20, 20, 23, 26]
    work = lessons("sft", training)
    assert work.facts["left_out"] == 2
    assert "2 traces are longer than sft.max_length (47) and left out." in lessons.heard.said
    with pytest.raises(UsageError, match="none of the 4 traces fits in 5 tokens"):
        lessons("sft", lessons.training("short", method="sft", sft={"max_length": 5}))


@pytest.mark.parametrize("settings", [{"epochs": 2}, {"epochs": 2, "save_every": 2, "micro_batch": 2}])
@pytest.mark.parametrize("adapter", [{"rank": 2}, None])
def test_a_training_that_was_cut_off_ends_as_if_it_had_not_been(
    lessons: Lessons, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], adapter: Any
) -> None:
    from trl import SFTTrainer

    given = {"method": "sft", "sft": settings, "adapter": adapter}
    whole, broken = (lessons.training(name, **given) for name in ("whole", "broken"))
    lessons("sft", whole)
    loss = SFTTrainer.compute_loss

    def failing(self: Any, *inputs: Any, **named: Any) -> Any:
        if self.state.global_step == 3:
            raise KeyboardInterrupt
        return loss(self, *inputs, **named)

    monkeypatch.setattr(SFTTrainer, "compute_loss", failing)
    with pytest.raises(KeyboardInterrupt):
        lessons("sft", broken)
    monkeypatch.setattr(SFTTrainer, "compute_loss", loss)
    lessons("sft", broken, resumed=True)
    assert f"Going on after step {2 if 'save_every' in settings else 3}" in lessons.heard.said
    assert points(broken) == points(whole)
    [weights] = [name for name in contents(whole.sft) if name.endswith(".safetensors")]
    assert contents(broken.sft)[weights] == contents(whole.sft)[weights]


def test_reinforcement_goes_on_from_what_was_fine_tuned(lessons: Lessons, odd_lengths_pay: None) -> None:  # noqa: ARG001
    from safetensors.torch import load_file

    training = lessons.training(method="sft+mlpo", mlpo={"learning_rate": 1e-6, "beta": 0.1})
    lessons("sft", training)
    lessons("mlpo", training)
    before, after = (load_file(folder / "adapter_model.safetensors") for folder in (training.sft, training.mlpo))
    assert set(before) == set(after)
    moved = max(float((before[name] - after[name]).abs().max()) for name in before)
    assert 0 < moved < 1e-5
