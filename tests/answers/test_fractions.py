"""A fraction that stands alone, or is what a closing sentence comes to, is read as an expression."""

from __future__ import annotations

import pytest

from mlpo_bench import answers


FRACTIONS = [
    "1/2", "-3/4", "2 1/2", "-2 1/2", "1 / 2", "(3/4)", "\u00bd", "2\u00bd", "1\u20442", r"\frac{1}{2}",
    r"-2\dfrac{3}{4}",
]  # fmt: skip


@pytest.mark.parametrize("fraction", FRACTIONS)
@pytest.mark.parametrize(
    "text",
    ["{}", "{}.", "**{}**", "We add them up.\n\n{}", "Answer: {}", "Answer:\n{}.", "{}\n\nBoth halves are equal."],
)
def test_a_lone_fraction_is_read(fraction: str, text: str) -> None:
    assert answers.read("maths", text.format(fraction)) == fraction


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Hence the slope is 2 1/2.", "2 1/2"),
        ("So it is 2 1/2", "2 1/2"),
        ("Therefore 1/2.", "1/2"),
        ("The sum is \u00bd.", "\u00bd"),
        ("There are 2 1/2 cups.", "2 1/2"),
        ("The probability of $X$ is 3/4.", "3/4"),
        ("So $x$ is 2 1/2", "2 1/2"),
        ("The value of $x$ is 3/4/5.", "x"),
        ("1. 2\n2. 1/2", None),
        ("Is the probability of $X$ 3/4?", None),
        ("1/2 of them", None),
        ("See equation\n(12)", None),
        ("Two cases:\n1)", None),
        ("The roots of $f$ are 1 and 1/2.", "1 and 1/2"),
        ("1/2/2024", None),
    ],
)
def test_a_sentence_comes_to_a_fraction(text: str, answer: str | None) -> None:
    assert answers.read("maths", text) == answer
