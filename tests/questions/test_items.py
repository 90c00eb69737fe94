"""Publishers' rows become items with the gold answer alone."""

from __future__ import annotations

import pytest

from mlpo_bench import answers
from mlpo_bench.questions import SUITES, bbeh, bbh, gsm8k, math, mmlu


LISTED = "Which?\nOptions:\n(A) Salt\n(B) Pepper"


def test_a_bbh_target_that_is_no_letter_is_answered_in_words() -> None:
    split = bbh.entry("movie_recommendation", 3, {"input": LISTED, "target": "Salt, Pepper"}).item
    whole = bbh.entry("movie_recommendation", 4, {"input": LISTED, "target": "(B)"}).item
    assert (split.answer_format, split.gold) == ("phrase", "Salt, Pepper")
    assert (whole.answer_format, whole.id) == ("option", "bbh/movie_recommendation/4")


def test_an_mmlu_question_lists_its_options() -> None:
    entry = mmlu.entry("anatomy", "val", 7, " Which bone? ", ["ulna", "radius ", "rib", "jaw"], 2)
    assert entry.item.text == "Which bone?\nOptions:\n(A) ulna\n(B) radius\n(C) rib\n(D) jaw"
    assert (entry.item.gold, entry.item.id, entry.tested) == ("(C)", "mmlu/anatomy/val-7", False)


@pytest.mark.parametrize(
    ("solution", "gold"),
    [
        (r"First $\boxed{1}$, so $\boxed{\frac{1}{\sqrt{2}}}$.", r"\frac{1}{\sqrt{2}}"),
        (r"It is $\boxed{\{1, 2\}}$.", r"\{1, 2\}"),
        (r"It is $\boxed 7$.", "7"),
        ("It is $\\boxed{5\\text{ blue\nhats}}$.", r"5\text{ blue hats}"),
    ],
)
def test_a_problem_s_gold_is_the_last_box_of_its_solution(solution: str, gold: str) -> None:
    assert math.entry("algebra", 0, {"problem": "Solve it.", "solution": solution}, frozenset()).item.gold == gold


@pytest.mark.parametrize("solution", ["It is 7.", r"It is $\boxed{7$."])
def test_a_solution_without_a_box_is_refused(solution: str) -> None:
    with pytest.raises(ValueError, match="box"):
        math.last_box(solution)


@pytest.mark.parametrize(
    ("answer", "gold"),
    [("Made up: 2*9=<<2*9=18>>18\n#### 18", "18"), ("#### 1,450,000", "1,450,000"), ("#### -3 ", "-3")],
)
def test_a_gsm8k_gold_is_what_stands_after_the_mark(answer: str, gold: str) -> None:
    entry = gsm8k.entry("train", 4, {"question": " How many? ", "answer": answer})
    assert (entry.item.text, entry.item.gold, entry.item.id) == ("How many?", gold, "gsm8k/gsm8k/train-4")
    assert not entry.tested
    assert gsm8k.entry("test", 4, {"question": "How many?", "answer": answer}).item.id == "gsm8k/gsm8k/4"


@pytest.mark.parametrize("answer", ["It is 18.", "It is 18.\n####"])
def test_a_gsm8k_solution_without_the_mark_is_refused(answer: str) -> None:
    with pytest.raises(ValueError, match="####"):
        gsm8k.entry("test", 0, {"question": "How many?", "answer": answer})


def test_every_format_that_items_name_exists() -> None:
    named = {
        bbh.entry(subject, 0, {"input": "?", "target": "(A)"}).item.answer_format for subject in SUITES["bbh"].subjects
    }
    named |= {bbeh.entry(task, 0, {"input": "?", "target": "x"}).item.answer_format for task in SUITES["bbeh"].subjects}
    assert named | {"phrase", "maths", "gym", "spans"} == set(answers.FORMATS)
