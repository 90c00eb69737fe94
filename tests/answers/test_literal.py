"""Answers in the form that a question asks for, held against the rule by which BIG-Bench Extra Hard is scored."""

from __future__ import annotations

import pytest

from mlpo_bench import answers


AS_PUBLISHED = [
    ("yes", "Yes", True),
    ("YES.", "yes", True),
    ("no,unknown,yes", "no, unknown, yes", True),
    ("no, unknown, yes", "no,unknown,yes", True),
    ("no, yes, yes", "no, unknown, yes", False),
    ("(c)", "C", True),
    ("C", "(c)", True),
    ("(C)", "(D)", False),
    ("90", "90.0", True),
    ("90.50", "90.5", True),
    ("+7", "7", True),
    ("07", "7", True),
    (".5", "0.5", True),
    ("-0", "0", True),
    ("-7", "7", False),
    ("7", "8", False),
    ("the vixen's den", "the vixens den", True),
    ("[ann, bo]", "ann, bo", True),
    ("ann, bo", "[ann, bo]", True),
    ("bo, ann", "[ann, bo]", False),
    ("[]", "[]", True),
    ("what is it?", "what is it", True),
    ("**vixen**", "vixen", True),
    ("$vixen$", "vixen", True),
    ("vixen\nbecause it is red", "vixen", True),
    ("AC, D", "AC,D", True),
    ("A C, D", "AC, D", False),
    ("a vixen", "vixen", False),
    ("vixen, hen", "vixen", False),
    ("unknown", "unknown", True),
    ("unknown", "unanswerable", False),
    ("nan", "nan", True),
]
"""An answer, gold, and the verdict of the publishers' own function, which was run on each."""

OTHERWISE = [
    ("no ,unknown", "no, unknown", True),
    ("what is it", "what is it?", True),
    ("He sang.", "He sang.", True),
    ("He sang", "He sang.", True),
    ("\u2019tis", "'tis", True),
    ("e\u0301", "\u00e9", True),
    ("1e2", "100", False),
]
"""Where ours differs: what makes no difference on one side makes none on the other, and a number is in decimals."""


@pytest.mark.parametrize(("answer", "gold", "right"), AS_PUBLISHED + OTHERWISE)
def test_an_answer_is_judged_by_the_publishers_rule(answer: str, gold: str, right: bool) -> None:
    read = answers.read("literal", f"So it is. <answer>{answer}</answer>")
    assert answers.judge("literal", read, gold) is right


def test_a_declared_unknown_is_an_answer_here_and_nowhere_else() -> None:
    assert answers.read("literal", "Nobody says so. The answer is unknown.") == "unknown"
    assert answers.read("literal", "The answer is unknown to me.") is None
    assert answers.read("literal", "I do not think that the answer is unknown.") is None
    assert answers.read("number", "The answer is unknown.") is None


@pytest.mark.parametrize("text", ["It is a vixen", "Perhaps 7, perhaps 8.", ""])
def test_nothing_is_read_from_a_text_that_marks_no_answer(text: str) -> None:
    assert answers.read("literal", text) is None


def test_equal_answers_have_one_key() -> None:
    said = ["[Ann, Bo]", "ann,bo", " ANN , BO. ", "ann, bo?"]
    assert len({answers.key("literal", one) for one in said}) == 1
    assert answers.key("literal", "[]") != answers.key("literal", "")
