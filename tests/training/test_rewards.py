"""Rewards are the judge's; form alone earns next to nothing, and leaving the choice to the reader nothing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench import answers
from mlpo_bench.training import rewards
from mlpo_bench.training.rewards import NOTHING, Earned
from mlpo_bench.training.sections import Mlpo


if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from mlpo_bench.training.rows import Prompt


def earned(prompts: Sequence[Prompt], texts: Sequence[str]) -> list[Earned]:
    return rewards.earned(prompts, texts, [False] * len(texts))


TEXTS = (
    "<think>Even.</think><answer>Yes</answer>",
    "<think>Odd.</think><answer>No</answer>",
    "So the answer is yes.",
    "The answer is no.",
    "I cannot tell.",
    "<answer>Yes",
    "",
)


@pytest.mark.parametrize("text", TEXTS)
def test_a_reward_for_the_answer_is_the_judges_word(tiny_leader: ModuleType, text: str) -> None:
    prompt = tiny_leader.prompt(0)
    [found] = earned([prompt], [text])
    assert found.right == answers.judge("yes_no", answers.read("yes_no", text), "Yes")


@pytest.mark.parametrize(
    ("answer", "right"), [(r"\frac{1}{2}", True), ("0.5", True), (r"\frac{2}{3}", False), ("", False)]
)
def test_mathematics_is_judged_by_the_same_referees(tiny_leader: ModuleType, answer: str, right: bool) -> None:
    prompt = tiny_leader.prompt(0, answer_format="maths", gold=r"\frac{1}{2}")
    text = f"<think>So.</think><answer>{answer}</answer>"
    assert [one.right for one in earned([prompt] * 2, [text, "no"])] == [float(right), 0.0]


def test_form_is_the_whole_form_and_only_with_an_answer(tiny_leader: ModuleType) -> None:
    prompt = tiny_leader.prompt(0)
    formed = [
        one.formed
        for one in earned(
            [prompt] * 5,
            [
                "<think>a</think><answer>No</answer>",
                "<answer>No</answer>",
                "<think>a</think><answer>perhaps</answer>",
                "<think>a</think><answer>No</answer> Good bye.",
                "The answer is No.",
            ],
        )
    ]
    assert formed == [1.0, 0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "text",
    [
        "<answer>No</answer><answer>Yes</answer>",
        "<think>I am not sure.</think><answer>No</answer> or <answer>Yes</answer>",
        "<answer>Yes or no</answer>",
    ],
)
def test_a_leader_that_writes_every_option_earns_nothing(tiny_leader: ModuleType, text: str) -> None:
    assert earned([tiny_leader.prompt(0)], [text]) == [NOTHING]


def test_the_same_answer_said_twice_still_counts(tiny_leader: ModuleType) -> None:
    text = "<think>First <answer>yes</answer></think><answer>Yes</answer>"
    assert earned([tiny_leader.prompt(0)], [text]) == [Earned(right=1.0, formed=0.0)]


def test_a_deferral_leader_is_right_where_the_attempt_it_chose_is(tiny_leader: ModuleType) -> None:
    prompt = tiny_leader.prompt(0, kind="select", attempts_right=(False, True))
    texts = ["<choice>2</choice>", "<choice>1</choice>", "<choice>1</choice><choice>2</choice>", "<choice>3</choice>"]
    assert earned([prompt] * 4, texts) == [Earned(1.0, 1.0), Earned(0.0, 1.0), NOTHING, Earned(0.0, 0.0)]


def test_form_alone_earns_next_to_nothing() -> None:
    assert Mlpo().form_reward <= 0.1
    with pytest.raises(ValueError, match="less than"):
        Mlpo.model_validate({"form_reward": 0.5})


def test_texts_and_prompts_go_together(tiny_leader: ModuleType) -> None:
    prompts: list[Any] = [tiny_leader.prompt(0)]
    with pytest.raises(ValueError, match="argument"):
        earned(prompts, [])
