from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpo_bench import answers
from mlpo_bench.training.judging import judged


Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("kind", "text", "right", "formed"),
    [
        ("leader", "<think>It is.</think><answer>Yes</answer>", True, True),
        ("leader", "  <think>\nIt is.\n</think>\n\n<answer> yes </answer>\n", True, True),
        ("leader", "<think>It is.</think><answer>No</answer>", False, True),
        ("leader", "So the answer is yes.", True, False),
        ("leader", "<answer>Yes</answer>", True, False),
        ("leader", "<think>a</think><think>b</think><answer>Yes</answer>", True, False),
        ("leader", "<think>It is.</think><answer>Yes</answer> I hope.", True, False),
        ("leader", "<think>It is.</think><answer></answer>", False, False),
        ("leader", "<think></think><answer>perhaps</answer>", False, False),
        ("leader", "", False, False),
        ("alone", "It is. <answer>Yes</answer>", True, True),
        ("alone", "<answer>No</answer> or <answer>Yes</answer>", False, False),
        ("alone", "It is. <answer>Yes</answer> Done.", True, False),
        ("select", "Peer 1 is right.\n<choice>2</choice>", True, True),
        ("select", "<choice>1</choice>", False, True),
        ("select", "<choice>3</choice>", False, False),
        ("select", "<choice>1</choice><choice>2</choice>", True, False),
        ("select", "<answer>Yes</answer>", False, False),
    ],
)
def test_right_and_in_form(prompt: Make, kind: str, text: str, right: bool, formed: bool) -> None:
    found = judged(prompt(kind=kind), text)
    assert (found.right, found.formed) == (right, formed)


@settings(deadline=None)
@given(text=st.text(max_size=200), answer_format=st.sampled_from(sorted({*answers.FORMATS} - {"gym"})))
def test_any_text_is_judged_as_a_run_judges_it(prompt: Make, text: str, answer_format: str) -> None:
    found = judged(prompt(answer_format=answer_format, gold="(A)"), text)
    assert found.answer == answers.read(answer_format, text)
    assert found.right == answers.judge(answer_format, found.answer, "(A)")
    assert found.answer is not None or not found.formed


@pytest.mark.parametrize("form", ["option", "yes_no", "number", "maths"])
def test_who_names_every_answer_is_not_right(prompt: Make, form: str) -> None:
    every = {"option": "(A) (B) (C)", "yes_no": "Yes No", "number": "1 2 3 4", "maths": "1, 2, 3"}[form]
    gold = {"option": "(B)", "yes_no": "No", "number": "3", "maths": "2"}[form]
    text = f"<think>All.</think><answer>{every}</answer>"
    assert not judged(prompt(answer_format=form, gold=gold), text).right
