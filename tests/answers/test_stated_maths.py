"""Closing lines that state a point, an angle, an exact value beside its approximation, or a number in words."""

from __future__ import annotations

import pytest

from mlpo_bench import answers


@pytest.mark.parametrize(
    ("text", "gold", "right"),
    [
        ("The vertex is at $(3,-2)$", "(3,-2)", True),
        ("The vertex is at $(3,-2)$.", "(-2,3)", False),
        ("The vertex of the parabola is at (3, -2).", "(3,-2)", True),
        ("The center is located at $(3,-2)$.", "(3,-2)", True),
        ("The midpoint is $(3,-2)$.", "(3,-2)", True),
        ("The lines intersect at $(3,-2)$.", "(3,-2)", True),
        ("So the vertex lies at (3, -2).", "(3,-2)", True),
        ("12π ≈ 37.7", r"12\pi", True),
        ("12π ≈ 37.7", "37.7", False),
        ("The area is 12π ≈ 37.7", r"12\pi", True),
        (r"12\pi \approx 37.7", r"12\pi", True),
        (r"$5\sqrt{2} \approx 7.07$", r"5\sqrt{2}", True),
        (r"\pi/2 \approx 1.57", r"\frac{\pi}{2}", True),
        ("∠ABC = 120°", "120", True),
        (r"$\angle ABC = 120^\circ$", r"120^\circ", True),
        ("m∠A = 120°", "120", True),
        ("∠ABC = 121°", "120", False),
        ("f(x) = 3x + 1", "3x+1", True),
        (r"$f^{-1}(x) = \frac{x+1}{2}$", r"\frac{x+1}{2}", True),
        ("$f(x) = x$", "x", True),
        ("minus one half", r"-\frac{1}{2}", True),
        ("Negative two thirds.", r"-\frac{2}{3}", True),
        ("twenty-one", "21", True),
    ],
)
def test_what_a_closing_line_states_is_judged(text: str, gold: str, right: bool) -> None:
    answer = answers.read("maths", text)
    assert answer is not None
    assert answers.judge("maths", answer, gold) is right


@pytest.mark.parametrize(
    "text",
    [
        "The vertex is not at $(3,-2)$.",
        "Is the vertex at $(3,-2)$?",
        "The vertex is at the top.",
        "The value is 5 at 3.",
        "The vertex is $(3,-2)$ and the focus is $(3,-1)$.",
        "∠ABC = ∠DEF",
        "A = B",
        "one or two",
        "half of it",
        "π ≈ 3.14159 is used here",
    ],
)
def test_no_value_is_read_where_none_is_stated(text: str) -> None:
    assert answers.read("maths", text) is None
