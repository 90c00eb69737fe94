"""Forms of numbers, and what has one and states none; and the marks by which models set their thoughts apart."""

from __future__ import annotations

import pytest

from mlpo_bench import answers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("The answer is 1.5e-3.", "0.0015"),
        ("The answer is 2e-5.", "0.00002"),
        ("<answer>1e-3</answer>", "0.001"),
        ("<answer>1e6</answer>", "1000000"),
        ("<answer>-2.5E+3</answer>", "-2500"),
        ("1e6", "1000000"),
        ("The answer is x + 12.", None),
        ("The answer is x > 12.", None),
        ("The answer is 12 or more.", None),
        ("The answer is 12 percent of 50.", None),
        ("<answer>12% of 50</answer>", None),
        ("The answer is 1 : 2.", None),
        ("<answer>n = 12, m = 5</answer>", None),
        ("<answer>n = 12 and m = 5</answer>", None),
        ("<answer>a = 2, b = 3, a + b = 5</answer>", "5"),
        ("<answer>n = 12</answer>", "12"),
        ("The answer is x = 12.", "12"),
        ("The answer is 12: 3 bags of 4.", "12"),
        ("The answer is 12 percent of the class.", "12"),
        ("The answer is 12% of the class.", "12"),
        ("<answer>x + y = 12</answer>", "12"),
    ],
)
def test_a_number_is_read_in_its_form(text: str, number: str | None) -> None:
    assert answers.read("number", text) == number


OPEN = [
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<seed:think>", "</seed:think>"),
    ("<inner_monologue>", "</inner_monologue>"),
    ("<scratchpad>", "</scratchpad>"),
    ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
    ("<think>", "</think>"),
    ("<thinking>", "<thinking/>"),
    ("[THINK]", "[/THINK]"),
]


@pytest.mark.parametrize(("opening", "closing"), OPEN)
def test_thoughts_in_any_marks_are_no_answers(opening: str, closing: str) -> None:
    assert answers.read("option", f"{opening}The answer is A.") is None
    assert answers.read("option", f"{opening}The answer is A.{closing} B") == "(B)"
    assert answers.read("option", f"{opening}The answer is A.{closing}\nThe answer is B.") == "(B)"


@pytest.mark.parametrize(
    "text",
    [
        "analysis The answer is A.assistantfinalB",
        "<think/>B",
        "<think />\nB",
        "<|begin_of_thought|>A<|end_of_thought|>\n<|begin_of_solution|>B<|end_of_solution|>",
        "<|channel|>final<|message|>B<|return|>",
        "The answer is B.<|end|>",
    ],
)
def test_marks_around_an_answer_are_no_part_of_it(text: str) -> None:
    assert answers.read("option", text) == "(B)"
