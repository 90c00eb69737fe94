"""Parts of a passage, held against DROP's exact match as lm-eval has it."""

from __future__ import annotations

import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lm_eval.tasks.drop import utils as published

from mlpo_bench import answers


PARTS = [
    "38", "38.0", "038", "$38", "38 yards", "the 38", "38%", "1,507", "1507", "-3", "+3", "3", ".5", "0.50", "12-7",
    "A.C. Lugano", "AC Lugano", "an apple-tree", "apple tree", "The Hague", "hague", "a", "U.S.", "us", "Smith",
    "Smith and Jones", "4 May 1776", "May 4, 1776", "4th", "1,234.5", "x", "two", "Under the age of 18", "-0", "0",
]  # fmt: skip
answer_parts = st.lists(st.sampled_from(PARTS), min_size=1, max_size=3)


def exact(predicted: list[str], accepted: list[list[str]]) -> bool:
    """Return the verdict of the published algorithm."""
    verdict: float = published.process_results({"answers": [tuple(one) for one in accepted]}, predicted)["em"]
    return bool(verdict)


@given(predicted=answer_parts, accepted=st.lists(answer_parts, min_size=1, max_size=3))
def test_an_answer_is_right_where_the_published_match_is_exact(predicted: list[str], accepted: list[list[str]]) -> None:
    assert answers.judge("spans", " | ".join(predicted), json.dumps(accepted)) is exact(predicted, accepted)


def test_single_parts_are_compared_as_published() -> None:
    pairs = list(product(PARTS, PARTS))
    ours = {(one, other): answers.judge("spans", one, json.dumps([[other]])) for one, other in pairs}
    assert ours == {(one, other): exact([one], [[other]]) for one, other in pairs}
    assert sum(ours.values()) > len(PARTS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<answer>Ann Lee | Bo</answer>", "Ann Lee | Bo"),
        ("<answer>\nAnn\nBo\n</answer>", "Ann | Bo"),
        ("The answer is the St. Gallen team. It won twice.", "the St. Gallen team"),
        ("The answer is J. Moe. He ran most.", "J. Moe"),
        ("The answer is 1,507.", "1,507"),
        ("**Answer:** 4 May 1776", "4 May 1776"),
        ("It was Ann.", None),
        ("<answer> | the</answer>", None),
    ],
)
def test_the_marked_answer_is_read_by_its_parts(text: str, expected: str | None) -> None:
    assert answers.read("spans", text) == expected


def test_the_first_accepted_answer_is_how_gold_is_written_and_votes_count_parts_in_any_order() -> None:
    gold = json.dumps([["Ann", "Bo"], ["Cy"]])
    assert answers.written("spans", gold) == "Ann | Bo"
    assert answers.key("spans", "bo | the Ann") == answers.key("spans", "Ann|Bo.")
    assert answers.judge("spans", "Bo | Ann", gold)
    assert answers.judge("spans", "cy", gold)
    assert not answers.judge("spans", "Ann", gold)
    assert answers.judge("spans", "the Ann | Bo", "Ann | Bo")
