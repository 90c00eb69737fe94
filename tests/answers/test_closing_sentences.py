"""Sentences by which people come to a number, and those beside them that come to none."""

from __future__ import annotations

import pytest

from mlpo_bench import answers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("the answer's 10", "10"),
        ("The final answer's $10.", "10"),
        ("The answer\u2019s ten.", "10"),
        ("The answer's definitely 10.", "10"),
        ("5 is the answer", "5"),
        ("I think 5 is the answer.", "5"),
        ("$5 is my final answer.", "5"),
        ("That gives us 18", "18"),
        ("This gives us a total of $18.", "18"),
        ("That makes 18 in total.", "18"),
        ("That would be 18.", "18"),
        ("7 dollars left, not 8", "7"),
        ("7, not 8.", "7"),
        ("She has 7 dollars left, and not 8 dollars.", "7"),
        ("7 dollars left (not 8)", "7"),
        ("leaving her with $8", "8"),
        ("She spends 12 of 20, leaving her with $8.", "8"),
        ("So he spent $5, leaving $8.", "8"),
        ("He gave away 5, which leaves him with 8 apples.", "8"),
        ("She pays 5 and then 9, for a total of $14.", "14"),
        ("The total would be $14", "14"),
        ("The total cost will be 14 dollars.", "14"),
        ("Since he started with 15 and gave away 3, he has 12 apples.", "12"),
        ("Since 15 - 3 = 12, he has 12 apples.", "12"),
        ("Because there are 3 boxes of 4, there are 12 apples.", "12"),
        ("As he ate 3 of his 15 apples, he has 12 left.", "12"),
        ("After giving away 3, he has 12 apples left.", "12"),
        ("With 3 boxes of 4 each, she has 12 apples in total.", "12"),
        ("She has 18 in all.", "18"),
        ("She pays $8.50.", "8.5"),
        ("14 USD", "14"),
        ("14$", "14"),
    ],
)
def test_the_number_that_a_sentence_comes_to_is_read(text: str, number: str) -> None:
    assert answers.read("number", text) == number


@pytest.mark.parametrize(
    "text",
    [
        "the answer's digits sum to 10",
        "The answer's not 10.",
        "5 is not the answer.",
        "I don't think 5 is the answer.",
        "That gives us 18 and 20.",
        "That gives us 18?",
        "That would be 18 if it rained.",
        "leaving her with 8 or 9",
        "leaving her with 8 apples and 3 pears.",
        "leaving 5 fewer than before",
        "Had she paid, she would have spent 12, leaving her with $8.",
        "The total would be $14 if she paid.",
        "If she had paid, the total would be $14.",
        "The total would not be $14.",
        "The total would be 14, but he has a coupon.",
        "Since she sold 5, she has 12 apples and 3 pears.",
        "Since she sold 5, he has 3 more than she has.",
        "Since she sold 5, does he have 12 apples?",
        "After buying 3, he must find out how many he has.",
        "not 8",
    ],
)
def test_no_number_is_read_where_a_sentence_comes_to_none(text: str) -> None:
    assert answers.read("number", text) is None
