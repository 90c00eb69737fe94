"""Lists as people write them: commas, a last "and", one value after another."""

from __future__ import annotations

import pytest

from mlpo_bench import answers


@pytest.mark.parametrize(
    ("form", "written", "gold", "right"),
    [
        ("words", "ape, bat and cat", "ape bat cat", True),
        ("words", "ape, bat and cat", "ape, bat, cat", True),
        ("words", "ape, bat, and cat", "ape, bat, cat", True),
        ("words", "ape, bat & cat", "ape bat cat", True),
        ("words", "ape bat cat", "ape, bat, cat", True),
        ("words", "ape, and, bat", "ape and bat", True),
        ("words", "ape, bat, and", "ape bat and", True),
        ("words", "ape and bat", "ape and bat", True),
        ("words", "ape, bat and cat", "ape bat and cat", False),
        ("words", "ape, cat and bat", "ape bat cat", False),
        ("words", "ape, bat", "ape bat cat", False),
        ("literal", "ape, bat and cat", "ape, bat, cat", True),
        ("literal", "ape, bat, and cat", "ape, bat, cat", True),
        ("literal", "ape, bat, cat", "ape, bat and cat", True),
        ("literal", "ape, cat and bat", "ape, bat, cat", False),
        ("literal", "ape and cat", "ape, cat", False),
        ("literal", "salt and pepper", "salt, pepper", False),
        ("literal", "Ann, Bob and Co, Cid", "Ann, Bob, Co, Cid", False),
    ],
)
def test_an_and_before_the_last_joins_it_to_those_between_commas(
    form: str, written: str, gold: str, right: bool
) -> None:
    for text in (f"<answer>{written}</answer>", f"The answer is {written}."):
        assert answers.judge(form, answers.read(form, text), gold) is right


@pytest.mark.parametrize(
    ("text", "gold", "right"),
    [
        ("the solutions are x = 1 and x = 3", "1,3", True),
        ("the solutions are x = 1 and x = 3", "3", False),
        ("So the solutions are x = 1 or x = 3.", r"\{1,3\}", True),
        ("So x = 1, x = 2, and x = 3.", "1,2,3", True),
        ("So x = 2 + 3i or x = 2 - 3i.", "2+3i,2-3i", True),
        ("The solution is x = 1, y = 3.", "(1,3)", True),
        ("The values are a = 1 and b = 3.", "3", False),
        ("The roots are 1 and 3.", "1,3", True),
        ("The roots are 1 and 3.", "3", False),
        ("The solutions are 1, 3, and 5.", "1,3,5", True),
        ("So (x, y) = (1, 2) or (x, y) = (2, 1).", "(1,2),(2,1)", True),
        ("So (x, y) = (1, 2) or (x, y) = (2, 1).", "(2,1)", False),
        ("The points are (1, 2) and (3, 4).", "(1,2),(3,4)", True),
        ("The only solution is x = 5.", "5", True),
        ("So x + y = 4 and x = 1.", "1", True),
        ("So since x = 2, y = 5.", "5", True),
        ("Thus x = 3 and so y = 4.", "4", True),
    ],
)
def test_values_that_a_sentence_gives_together_are_one_list(text: str, gold: str, right: bool) -> None:
    assert answers.judge("maths", answers.read("maths", text), gold) is right


@pytest.mark.parametrize("form", ["maths", "number"])
@pytest.mark.parametrize(
    "text",
    [
        "x=10 (reject x=-3)",
        "<answer>x=10 (reject x=-3)</answer>",
        "So x = 10 (reject x = -3).",
        "$x=10$ (reject $x=-3$)",
        "The answer is $x=10$ (we reject $x=-3$).",
        "x = 10, rejecting x = -3",
        "The answer is 10, discarding -3.",
        "So x = 10, since x = -3 is extraneous.",
        "So $x=10$ (as $x=-3$ is rejected).",
        "So x = -3 is rejected, and x = 10.",
    ],
)
def test_a_value_that_is_rejected_is_no_solution(form: str, text: str) -> None:
    assert answers.judge(form, answers.read(form, text), "10")


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("number", "The solutions are x = 1 or x = 3."),
        ("number", "<answer>x = 1, and x = 3</answer>"),
        ("number", "So we reject x = -3."),
        ("maths", "So we reject x = -3."),
        ("maths", "Are the roots 1 and 3?"),
    ],
)
def test_no_single_value_is_taken_from_several_or_from_a_rejected_one(form: str, text: str) -> None:
    assert answers.read(form, text) is None


@pytest.mark.parametrize("form", ["literal", "phrase", "words"])
@pytest.mark.parametrize(
    ("text", "gold", "right"),
    [
        ("<answer>the day is Friday</answer>", "Friday", True),
        ("The answer is that the day is Friday.", "Friday", True),
        ("<answer>The day of the week is Friday</answer>", "friday", True),
        ("<answer>Friday</answer>", "The day is Friday", True),
        ("<answer>the day is Monday</answer>", "Friday", False),
        ("<answer>the day is not Friday</answer>", "Friday", False),
        ("<answer>the next day is Friday</answer>", "Friday", False),
    ],
)
def test_what_a_short_answer_says_of_a_day_is_the_day(form: str, text: str, gold: str, right: bool) -> None:
    assert answers.judge(form, answers.read(form, text), gold) is right
