"""Answers that name what they are the value of, or write out how they come to it, and fractions in words."""

from __future__ import annotations

import pytest

from mlpo_bench import answers


@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [
        (r"\boxed{x^2-1=(x+1)(x-1)}", "(x+1)(x-1)", True),
        (r"\boxed{(x+1)(x-1)=x^2-1}", "x^2-1", True),
        (r"\boxed{x^2+5x+6=(x+2)(x+3)}", "(x+3)(x+2)", True),
        (r"\boxed{x^2+5x+6=(x+2)(x+4)}", "(x+2)(x+4)", False),
        (r"\boxed{x^2+5x+6=(x+2)(x+3)}", "(x+2)(x+4)", False),
        (r"\boxed{x^3+y^3=(x+y)(x^2-xy+y^2)}", "(x+y)(x^2-xy+y^2)", True),
        (r"\boxed{2x=x+5}", "x+5", False),
        (r"\boxed{2x=10}", "10", False),
        (r"\boxed{x^2+y^2=25}", "25", False),
        (r"\boxed{a+b=7}", "7", True),
        (r"\boxed{a+b=7}", "8", False),
        (r"\boxed{f^{-1}(x)=\frac{x+1}{2}}", r"\frac{x+1}{2}", True),
        (r"\boxed{\frac{x+1}{2}}", r"f^{-1}(x)=\frac{x+1}{2}", True),
        (r"\boxed{\frac{x+2}{2}}", r"f^{-1}(x)=\frac{x+1}{2}", False),
        (r"\boxed{f(x)=3-x}", "f^{-1}(x)=3-x", False),
        (r"\boxed{g^{-1}(x)=3-x}", "f^{-1}(x)=3-x", False),
        (r"\boxed{x^{-1}=3}", "3", False),
        (r"\boxed{3}", "x^{-1}=3", False),
        (r"\boxed{7}", "x+y=7", False),
        (r"\boxed{\angle ABC = 120^\circ}", "120", True),
        ("So ∠ABC = 120°.", r"120^\circ", True),
        ("So ∠ABC = 121°.", "120", False),
        ("The answer is minus one half.", r"-\frac{1}{2}", True),
        ("The answer is minus one half.", r"\frac{1}{2}", False),
        ("The answer is one half.", r"-\frac{1}{2}", False),
        ("The answer is negative two-thirds.", "-2/3", True),
        ("The answer is negative a third.", "-1/3", True),
        ("The answer is three halves.", "3/2", True),
        ("The answer is two and a half.", "5/2", True),
        ("The answer is minus one and a half.", "-3/2", True),
        ("The answer is minus one and a half.", "-1/2", False),
        ("The answer is two and five halves.", "9/2", False),
    ],
)
def test_an_answer_is_judged_by_what_it_says(answer: str, gold: str, right: bool) -> None:
    assert answers.judge("maths", answers.read("maths", answer), gold) is right
