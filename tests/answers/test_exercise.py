"""Answers to reasoning-gym's exercises: how they are read, and that the package's own judge has the word."""

from __future__ import annotations

import dataclasses

import pytest

from mlpo_bench import answers, gym
from mlpo_bench.errors import UsageError


pytest.importorskip("reasoning_gym", reason="reasoning-gym is not installed")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("So <answer>right up  up\nleft</answer>", "right up up left"),
        (r"So \boxed{2 \times 2 \times 3}", "2 \u00d7 2 \u00d7 3"),
        ("The answer is **Thursday**.", "Thursday"),
        ("<answer>True.</answer>", "True"),
        ("The answer is: -354", "-354"),
        ("It is 7, I think", None),
        ("<answer>.</answer>", None),
    ],
)
def test_the_marked_answer_is_read_without_markup(text: str, expected: str | None) -> None:
    assert answers.read("gym", text) == expected


def test_gold_text_is_read_back() -> None:
    gold = gym.Gold("made_up", 1, 2, 0, 'a "\u00d7" b')
    assert gym.Gold.read(str(gold)) == gold
    assert "\n" not in str(gold)
    assert answers.written("gym", str(gold)) == gold.answer


def test_only_a_full_score_is_right() -> None:
    _, gold = gym.make("spell_backward", 7, 10, 0)
    assert answers.judge("gym", gold.answer, str(gold))
    assert not answers.judge("gym", gold.answer[:-1], str(gold))
    assert not answers.judge("gym", "", str(gold))


def test_any_right_answer_is_right() -> None:
    for index in range(10):
        _, gold = gym.make("palindrome_generation", 7, 10, index)
        half = gold.answer[: len(gold.answer) // 2]
        other = half[::-1] + gold.answer[len(half) : len(gold.answer) - len(half)] + half
        if other != gold.answer:
            assert answers.judge("gym", other, str(gold))
            return
    pytest.fail("ten palindromes have one reading each")


def test_an_answer_that_the_judge_stumbles_over_is_wrong() -> None:
    _, gold = gym.make("prime_factorization", 7, 10, 0)
    assert not answers.judge("gym", "no factors \u00d7 at all", str(gold))
    assert not answers.judge("gym", "9" * 10_000, str(gold))


def test_gold_of_another_version_is_told() -> None:
    _, gold = gym.make("spell_backward", 7, 10, 0)
    other = dataclasses.replace(gold, answer="another")
    with pytest.raises(UsageError, match="other exercises of spell_backward"):
        answers.judge("gym", "another", str(other))
