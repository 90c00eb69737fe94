from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mlpo_bench.errors import ContextOverflow, UsageError
from mlpo_bench.protocols import Setting
from mlpo_bench.runs.observer import Silent
from mlpo_bench.training import later
from mlpo_bench.training.recipe import Recipe
from mlpo_bench.training.rows import Opening, Prompt, read_rows


Trainings = Any
ROUNDS: dict[str, Any] = {"contexts": "rounds", "rounds": 3, "max_tokens": 99}


def made(folder: Any, tmp_path: Path, *, refresh: int = 0, count: int = 100, leader: Any = None) -> list[Prompt]:
    store = tmp_path / "mine.sqlite"
    return later.make(folder, leader or folder.recipe.leader, refresh, count, store, Silent()).prompts


def test_prompts_of_later_rounds_hold_what_peers_then_wrote(train: Trainings, tmp_path: Path) -> None:
    said = [f"Look {n}. The answer is {word}." for n in range(40) for word in ("yes", "no")]
    rule = json.dumps({"when": "Your last attempt", "say": said})
    train.voice.write_text(f"- {rule}\n{train.voice.read_text()}")
    folder = train("mine", filter={"rule": "off"}, mlpo=ROUNDS, until="filter")
    prompts = made(folder, tmp_path)
    assert {(p.question_id, p.round) for p in prompts} == {
        (f"bbh/navigate/{n}", r) for n in range(11) if n % 5 != 1 for r in (1, 2)
    }
    for p in prompts:
        text = p.messages[-1]["content"]
        assert sorted(p.order) == ["peer 1", "peer 2", "peer 3"]
        attempts = [part.partition("\n")[2] for part in text.split("\nAttempt ")[1:]]
        assert [("yes" if "is yes" in a else "no") == p.gold.lower() for a in attempts] == list(p.attempts_right)
        assert text.count("\nLook ") == 3
    assert not {p.prompt_id for p in prompts} & {p.prompt_id for p in read_rows(folder.prompts, Prompt)}


def test_the_first_time_the_openings_there_are_are_read(train: Trainings, tmp_path: Path) -> None:
    folder = train("mine", filter={"rule": "off"}, mlpo=ROUNDS, until="filter")
    seating = later.seating(folder.recipe, folder.recipe.leader)
    assert {peer.sampling.temperature for peer in seating.peers} == {folder.recipe.rollouts.temperature}
    assert (seating.leader.sampling.max_tokens, seating.leader.sampling.temperature) == (99, 1.0)
    first, again, other = (made(folder, tmp_path, refresh=n) for n in (0, 0, 1))
    assert first == again
    assert first != other


def test_no_more_is_made_than_is_wanted(train: Trainings, tmp_path: Path) -> None:
    folder = train("mine", filter={"rule": "off"}, mlpo=ROUNDS, until="filter")
    prompts = made(folder, tmp_path, count=5)
    assert Counter(p.round for p in prompts) == {1: 3, 2: 3}
    asked = [{p.question_id for p in made(folder, tmp_path, refresh=n, count=5)} for n in range(4)]
    assert any(asked[0] != some for some in asked[1:])
    assert {p.question_id for p in prompts} <= {o.question_id for o in read_rows(folder.rollouts, Opening)}


def test_what_conversations_take_is_counted(train: Trainings, tmp_path: Path) -> None:
    folder = train("mine", filter={"rule": "off"}, mlpo=ROUNDS, until="filter")
    held = later.make(folder, folder.recipe.leader, 0, 4, tmp_path / "mine.sqlite", Silent())
    assert held.calls == 2 * 3 * (3 + 1)
    assert held.usage.prompt > held.usage.completion > 0


def test_conversations_that_do_not_fit_are_left_out_and_told(
    train: Trainings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = train("mine", filter={"rule": "off"}, mlpo=ROUNDS, until="filter")
    whole = made(folder, tmp_path)
    long = {"bbh/navigate/0", "bbh/navigate/3"}
    converse = Setting.converse

    async def converses(self: Setting, question: Any, *others: Any) -> Any:
        if question.id in long:
            raise ContextOverflow(model="it", prompt=90, answer=20, context=100)
        return await converse(self, question, *others)

    monkeypatch.setattr(Setting, "converse", converses)
    heard = train.heard
    held = later.make(folder, folder.recipe.leader, 0, 100, tmp_path / "mine.sqlite", heard)
    assert held.left_out == 2
    assert held.prompts == [prompt for prompt in whole if prompt.question_id not in long]
    assert "2 of 9 conversations do not fit what a model holds, and are left out: it holds 100 tokens" in heard.said[-1]
    long |= {prompt.question_id for prompt in whole}
    with pytest.raises(UsageError, match=r"None of the 9 conversations fits: it holds .* too many\. Lower mlpo\."):
        made(folder, tmp_path)


@pytest.mark.parametrize("change", [{"method": "grpo"}, {"method": "select"}, {"prompts": {"attempts": 4}}])
def test_rounds_are_for_leaders_who_read_one_opening_of_each_peer(change: dict[str, Any]) -> None:
    with pytest.raises((UsageError, ValueError), match="goes with a leader that reads one opening of each peer"):
        Recipe.model_validate({"name": "a", "mlpo": ROUNDS, **change})
