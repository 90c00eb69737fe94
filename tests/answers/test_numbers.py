"""Numbers as sums of money, with signs, separators and decimals: what GSM8K's answers look like."""

from __future__ import annotations

import pytest

from mlpo_bench import answers


@pytest.mark.parametrize(
    ("written", "gold"),
    [
        ("<answer>1450000</answer>", "1,450,000"),
        ("<answer>$1,450,000.00</answer>", "1450000"),
        ("The answer is $18.", "18"),
        ("The answer is 18 dollars.", "18"),
        ("The answer is 60%.", "60"),
        (r"\boxed{\$2{,}125}", "2,125"),
        ("The answer is -$3.", "-3"),
        ("The answer is $-3.", "-3"),
        ("<answer>costs $-3 each</answer>", "-3"),
        ("<answer>+-3</answer>", "-3"),
        ("<answer>.5</answer>", "0.5"),
        ("The answer is -.50", "-0.5"),
        ("It costs $.75 a piece: <answer>$.75</answer>", "0.75"),
    ],
)
def test_a_number_is_its_value_however_written(written: str, gold: str) -> None:
    assert answers.judge("number", answers.read("number", written), gold)


@pytest.mark.parametrize(
    ("written", "gold"),
    [("<answer>-3</answer>", "3"), ("<answer>.5</answer>", "5"), ("<answer>1.450</answer>", "1,450")],
)
def test_a_sign_or_a_point_makes_another_number(written: str, gold: str) -> None:
    answer = answers.read("number", written)
    assert answer is not None
    assert not answers.judge("number", answer, gold)


@pytest.mark.parametrize("text", ["1..5", "<answer>version 1.2.3</answer>", "<answer>...</answer>"])
def test_points_alone_make_no_number(text: str) -> None:
    assert answers.read("number", text) is None
