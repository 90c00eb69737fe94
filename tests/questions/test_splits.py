"""Splits share no content; what a limit picks is even, nested and always the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_bench.errors import UsageError
from mlpo_bench.questions import Item, bbh, mmlu, select
from mlpo_bench.questions.splits import fingerprint, take


def item(number: int, subject: str = "one", suite: str = "made_up") -> Item:
    return Item(suite, subject, f"{suite}/{subject}/{number}", f"What is {subject} {number}?", "1", "number")


def test_a_fingerprint_is_blind_to_case_spacing_and_unicode_forms() -> None:
    assert fingerprint("What  is\n\ufb01ne?") == fingerprint("what is FINE? ")
    assert fingerprint("What is it?\n(A) 1\n(B) 2") != fingerprint("What is it?\n(A) 2\n(B) 1")


def test_one_bbh_question_in_five_is_tested() -> None:
    entries = [bbh.entry("navigate", n, {"input": f"Text {n}", "target": "Yes"}) for n in range(12)]
    assert [one.id for one in take(entries, "test")] == [f"bbh/navigate/{n}" for n in (1, 6, 11)]


def test_what_is_tested_is_never_trained_on_even_from_another_subject() -> None:
    entries = [
        mmlu.entry("anatomy", "test", 0, "Which bone?", ["a", "b", "c", "d"], 0),
        mmlu.entry("virology", "val", 0, "which  bone?", ["A", "b", "c", "d"], 0),
        mmlu.entry("virology", "dev", 0, "Which bone?", ["b", "a", "c", "d"], 1),
    ]
    assert [one.id for one in take(entries, "train")] == ["mmlu/virology/dev-0"]
    assert len(take(entries, "all")) == 3


def test_an_unknown_split_is_named() -> None:
    with pytest.raises(UsageError, match="did you mean 'train'"):
        take([], "trian")


POOL = [item(n, subject) for subject, count in (("one", 9), ("two", 3), ("three", 20)) for n in range(count)]


@given(limit=st.integers(1, 40), more=st.integers(0, 10), order=st.permutations(POOL))
def test_a_limit_picks_a_part_of_what_a_larger_one_does_whatever_the_order(
    limit: int, more: int, order: list[Item]
) -> None:
    few = {one.id for one in select(POOL, limit)}
    assert few <= {one.id for one in select(POOL, limit + more)}
    assert few == {one.id for one in select(order, limit)}
    assert len(few) == min(limit, len(POOL))


def test_a_limit_is_spread_evenly_and_keeps_the_order() -> None:
    picked = select(POOL, 9)
    assert [[one.subject for one in picked].count(name) for name in ("one", "two", "three")] == [3, 3, 3]
    assert list(picked) == [one for one in POOL if one in picked]


def test_a_limit_counts_for_each_suite() -> None:
    both = [*POOL, *(item(n, suite="other") for n in range(5))]
    assert [one.suite for one in select(both, 2)] == ["made_up", "made_up", "other", "other"]


def test_subjects_are_filtered_and_an_unknown_one_is_named() -> None:
    assert {one.subject for one in select(POOL, subjects=["two"])} == {"two"}
    with pytest.raises(UsageError, match="did you mean 'three'"):
        select(POOL, subjects=["thre"])


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="positive"):
        select(POOL, 0)
