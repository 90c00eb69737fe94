"""No text, however hostile, makes reading fail or take long."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlpo_bench import answers
from mlpo_bench.answers.declarations import is_placeholder


MEGABYTE = 1_000_000
LIMIT_SECONDS = 5.0

PIECES = [
    "<answer>", "</answer>", "<think>", "</think>", "\\boxed{", "\\fbox{", "\\text{", "{", "}", "$", "$$", "\\(", "\\[",
    "\\", "answer is ", "The answer is: ", "Answer:", "=", " ", "\n", "\0", ".", ",", "(A)", "(B) ", "A ", "option ",
    "yes", "no ", "not ", "true", "valid", "7", "1,000", "9**9**9", "-", "1. ", "- ", "ape ", ":", "list: ", "]", ">",
    "&gt;", "*", "`", "'", "\u2212", "\u2019", "\U0001f600", "\ud800", "\u202e", "to ", "Therefore ", "^", "\\frac",
]  # fmt: skip

hostile = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=60).map("".join))


@pytest.mark.parametrize("form", answers.FORMATS)
@given(text=hostile)
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_not_without_fault(form: str, text: str) -> None:
    answer = answers.read(form, text)
    assert answer is None or answer
    if answer is not None:
        assert isinstance(answers.key(form, answer), str)


@pytest.mark.parametrize("form", [form for form in answers.FORMATS if form not in {"maths", "gym"}])
@given(text=hostile)
@example(text="ANSWER=\\")
@settings(max_examples=100, deadline=None)
def test_what_was_read_is_read_again_and_judged_right(form: str, text: str) -> None:
    answer = answers.read(form, text)
    if answer is not None and not is_placeholder(answer) and "answer>" not in answer and "think" not in answer:
        again = answers.read(form, f"<answer>{answer}</answer>")
        assert answers.judge(form, again, answer)


@pytest.mark.parametrize("form", answers.FORMATS)
def test_a_megabyte_of_anything_is_read_in_time(form: str) -> None:
    slow = {}
    for piece in PIECES:
        text = piece * (MEGABYTE // len(piece))
        started = time.process_time()
        answers.read(form, text)
        if (seconds := time.process_time() - started) > LIMIT_SECONDS:
            slow[piece] = seconds
    assert not slow


@given(pieces=st.lists(st.sampled_from(PIECES), min_size=2, max_size=4), form=st.sampled_from(sorted(answers.FORMATS)))
@settings(max_examples=40, deadline=None)
def test_a_megabyte_of_mixtures_is_read_in_time(pieces: list[str], form: str) -> None:
    text = "".join(pieces) * (MEGABYTE // sum(map(len, pieces)))
    started = time.process_time()
    answers.read(form, text)
    assert time.process_time() - started < LIMIT_SECONDS
