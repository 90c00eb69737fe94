"""What was declared at the very end of a text that is known to have been cut off may be the beginning of another."""

from __future__ import annotations

import pytest

from mlpo_bench import answers


@pytest.mark.parametrize("form", ["number", "maths"])
@pytest.mark.parametrize(
    "text",
    ["The answer is 12", "The answer is $12", "<answer>12", "#### 12", '{"answer": 12', r"\boxed 12", "Answer: -12"],
)
def test_a_number_may_go_on(form: str, text: str) -> None:
    assert answers.read(form, text) is not None
    assert answers.read(form, text, cut_off=True) is None


@pytest.mark.parametrize(
    "text",
    ["The answer is 3x + 1", "The answer is 3x", r"The answer is 2\pi", r"The answer is $\frac{1}{2}", "<answer>(3, 4"],
)
def test_an_expression_may_go_on(text: str) -> None:
    assert answers.read("maths", text) is not None
    assert answers.read("maths", text, cut_off=True) is None


@pytest.mark.parametrize(
    ("form", "text", "answer"),
    [
        ("option", "The answer is (B)", "(B)"),
        ("option", "The answer is (", None),
        ("number", "The answer is 12.", "12"),
        ("number", "The answer is 12\n", "12"),
        ("number", "The answer is 12 hats", "12"),
        ("number", "<answer>12</answer>", "12"),
        ("number", "The answer is 42 because there are 6 bags of 7", "42"),
        ("number", r"\boxed{42} and 1", "42"),
        ("maths", r"\boxed{12}", "12"),
        ("maths", "The answer is $12$", "12"),
        ("maths", "The answer is (3, 4)", "(3, 4)"),
        ("maths", "The answer is Evelyn", "Evelyn"),
        ("maths", "The answer is 42. We have x = 1", "42"),
        ("number", "The answer is 7.\nThe answer is 7.\nThe answer is 7", "7"),
        ("number", "<answer>7</answer> Wait. So the answer is 1", "7"),
        ("number", "The answer is 7. " + "It is so, " * 60 + "and the answer is 1", "7"),
        ("literal", "The answer is Rome", "Rome"),
    ],
)
def test_what_is_complete_is_read(form: str, text: str, answer: str | None) -> None:
    assert answers.read(form, text, cut_off=True) == answer
