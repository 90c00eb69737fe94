"""What is said of figures whose questions a limit spread over subjects."""

from __future__ import annotations

from mlpo_bench.analysis import limits
from mlpo_bench.analysis.verdict import Verdicts


SUBJECTS = ["a", "b", "c", "a"]


def test_suites_that_a_limit_cut_are_named_with_their_questions_and_subjects() -> None:
    asked = [("bbh", SUBJECTS), ("math", ["a"] * 4), ("mmlu", ["a", "b"])]
    cut = limits.limited(4, asked)
    assert cut == {"bbh": (4, 3)}  # math has one subject, and of mmlu all was asked
    assert limits.limited(None, asked) == {}
    assert limits.told({}) is None
    told = "Questions were limited, and spread evenly over subjects (4 of BBH over 3, 1,000 of MMLU over 57): "
    assert str(limits.told({"bbh": (4, 3), "mmlu": (1000, 57)})).startswith(told)


def test_a_verdict_says_so_before_it_answers() -> None:
    assert Verdicts(()).warnings == ()
    (warning,) = Verdicts((), limited={"bbh": (4, 3)}).warnings
    assert warning == limits.told({"bbh": (4, 3)})
    assert warning in str(Verdicts((), limited={"bbh": (4, 3)}))
