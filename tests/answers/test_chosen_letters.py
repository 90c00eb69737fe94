"""Sentences and tables that choose a letter, and those beside them that choose none."""

from __future__ import annotations

import pytest

from mlpo_bench import answers


HEAD = "| Option | Text | Verdict |\n|---|---|---|\n"


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("The answer is A but I'm not sure", "(A)"),
        ("The answer is A though I am not certain.", "(A)"),
        ("The answer is (A), but I'm not sure.", "(A)"),
        ("The answer is A but B is tempting.", "(A)"),
        ("Both slopes face south.\n\n\\textbf{B}", "(B)"),
        ("$\\textbf{(B)}$", "(B)"),
        ("My best guess is B.", "(B)"),
        ("Consensus: B", "(B)"),
        ("**Consensus answer:** (B)", "(B)"),
        ("The consensus is B.", "(B)"),
        ("The consensus is B, but I think it is C.", "(C)"),
        ("Consensus: B\n\nMy view: C", "(C)"),
        ("选B", "(B)"),
        ("B is my final answer", "(B)"),
        ("So B is our answer.", "(B)"),
        ("A is my final answer.", "(A)"),
        ("Between B and C, I'd choose B", "(B)"),
        ("Between (B) and (C), I would go with (C).", "(C)"),
        ("Between A and D, I pick D.", "(D)"),
        ("Of A, B and C, I choose B.", "(B)"),
        ("Between B and C, it is B.", "(B)"),
        (f"{HEAD}| A | Oslo | Incorrect |\n| B | Riga | Incorrect |\n| D | Bonn | **Correct** |", "(D)"),
        ("| A | **Incorrect** |\n| B | **Correct** |\n| C | Incorrect |", "(B)"),
        (f"{HEAD}| A | Oslo | wrong | too far |\n| **B** | Riga | right | it fits |", "(B)"),
        ("| A | ❌ Wrong |\n| B | ✅ Correct |", "(B)"),
        ("it's probably C", "(C)"),
        ("I think it's most likely C.", "(C)"),
        ("the closest is D", "(D)"),
        ("The closest match is D.", "(D)"),
        ("The most likely is (D), because it fits.", "(D)"),
        ("The best fit is D, not B.", "(D)"),
    ],
)
def test_a_choice_is_read(text: str, letter: str) -> None:
    assert answers.read("option", text) == letter


@pytest.mark.parametrize(
    "text",
    [
        "the answer is a but i'm not sure",
        "The answer is B but C is also possible.",
        "The answer is A, but it could be B.",
        "The answer is (A), but (B) is equally likely.",
        "The bold word is \\textbf{Bonn}",
        "Consensus: Both are wrong",
        "There is no consensus: B or C",
        "Consensus: B\n\nThey all misread clue two, which rules it out.",
        "the answer is A or maybe B",
        "The answer is B, but maybe C.",
        "B is the closest, but C works as well.",
        "The answer is B, or perhaps C.",
        "The closest is D, but none fits.",
        "B is not my final answer.",
        "Is B my final answer?",
        "B is our final stop.",
        "Between B and C, I cannot choose.",
        "Between B and C, I'd choose B or C.",
        "Between B and C, I'd not choose B.",
        "Between B and C lies the river.",
        "| A | Correct |\n| B | Correct |",
        "| A | Incorrect |\n| B | Incorrect |",
        "| A | Yes |\n| B | No |",
        "| A | Oslo |\n| B | Riga |",
        "it's probably not C",
        "It's probably C or D.",
        "It's probably C, but it could be D.",
        "It's probably a dog.",
        "The closest is a dog.",
        "The closest is not D.",
        "The closest is D or E.",
        "The closest to the sun is D major",
        "The best fit is D = 5.",
    ],
)
def test_no_choice_is_read_where_none_is_made(text: str) -> None:
    assert answers.read("option", text) is None
