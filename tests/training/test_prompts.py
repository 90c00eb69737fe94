from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlpo_bench.training.prompts import prompts_of
from mlpo_bench.training.recipe import Recipe


Make = Callable[..., Any]


def openings_of(opening: Make, *, samples: int = 2, text: str | None = None) -> list[Any]:
    return [
        opening(question_id=q, seat=f"peer {seat}", variant=v, opening=text or f"{q} by {seat}, take {v}")
        for q in ("q1", "q2")
        for seat in (1, 2, 3)
        for v in range(samples)
    ]


def recipe(**changes: Any) -> Recipe:
    return Recipe.model_validate({"name": "a", "rollouts": {"samples": 2}, **changes})


def test_prompts_depend_on_the_seed_and_the_question_alone(opening: Make) -> None:
    openings = openings_of(opening)
    both, second = prompts_of(recipe(), openings), prompts_of(recipe(), openings[6:])
    assert both[2:] == second
    assert prompts_of(recipe(seed=1), openings) != both
    assert prompts_of(recipe(mlpo={"steps": 1}), openings) == both


def test_equal_variants_are_one_prompt(opening: Make) -> None:
    prompts = prompts_of(recipe(), openings_of(opening, text="The same."))
    assert [(p.question_id, p.variant) for p in prompts] == [("q1", 0)]  # both questions read the same, too


def test_a_leaders_persona_stands_before_its_prompts(opening: Make) -> None:
    team = {"leader": {"persona": "You lead."}, "peers": [{"count": 3}]}
    (first, *_) = prompts_of(recipe(team=team), openings_of(opening))
    assert first.messages[0] == {"role": "system", "content": "You lead."}
    assert [m["role"] for m in first.messages] == ["system", "user"]


def test_answers_alone_may_be_shown(opening: Make) -> None:
    (first, *_) = prompts_of(recipe(prompts={"share": "answer"}), openings_of(opening))
    assert "by 1, take" not in first.messages[-1]["content"]
    assert first.messages[-1]["content"].count(":\nyes\n") == 3
