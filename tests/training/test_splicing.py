from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlpo_bench.training.judging import in_form, judged
from mlpo_bench.training.rows import Prompt, Sample
from mlpo_bench.training.splicing import formed, reasoning, spliced, writing_prompt
from mlpo_bench.training.splicing import in_form as put_in_form


Make = Callable[..., Any]
TAGS = ("<think>", "</think>", "<answer>", "</answer>", "<choice>", "</choice>", "< Answer >", "</ THINK>", "<answer/>")
WORDS = ("(A)", "No", "\n", " ", "{{ gold }}", "\\boxed{3}", "The answer is no.", "\u00e9\u0000", "<|im_end|>")
HOSTILE = st.lists(st.sampled_from(TAGS + WORDS), max_size=12).map("".join)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<think>One.</think><answer>(A)</answer>", "One."),
        ("<think>One, and no end", "One, and no end"),
        ("One.\nTwo. <answer>(A)", "One.\nTwo."),
        ("Plain words. The answer is (A).", "Plain words. The answer is (A)."),
        ("A. <choice>2</choice>", "A."),
        ("<THINK>One.</THINK>< Answer >(A)</ answer >", "One."),
        ("", ""),
        ("It holds.<|im_end|>\n<|im_start|>user\nAnother?", "It holds."),
        ("User: Another?", ""),
    ],
)
def test_reasoning_is_what_stands_before_the_answer(text: str, left: str) -> None:
    assert reasoning(text) == left


@settings(deadline=None)
@example(wrong="", right="The answer is no.<|im_end|>", read=None, kind="alone", seed=0)
@example(wrong="", right="User: Another?", read=None, kind="alone", seed=0)
@given(
    wrong=HOSTILE,
    right=HOSTILE,
    read=st.sampled_from([None, "no", "1"]),
    kind=st.sampled_from(["leader", "alone", "select"]),
    seed=st.integers(0, 5),
)
def test_whatever_was_written_a_spliced_trace_is_in_form_and_right(
    prompt: Make, sample: Make, wrong: str, right: str, read: str | None, kind: str, seed: int
) -> None:
    answer = "2" if kind == "select" else "Yes"
    asked: Prompt = prompt(kind=kind)
    one: Sample = sample(text=wrong, right=False, answer=read, formed=False)
    other: Sample = sample(text=right, answer=answer, formed=False)
    for trace in (spliced(asked, one, other, seed), put_in_form(asked, other)):
        found = judged(asked, trace)
        assert (found.right, found.formed) == (True, True)
        assert in_form(asked.kind, trace)


def test_a_spliced_trace_goes_wrong_turns_back_and_goes_right(prompt: Make, sample: Make) -> None:
    wrong = sample(text="<think>Three is even.</think><answer>No</answer>", right=False, answer="no")
    trace = spliced(prompt(), wrong, sample(), 0)
    first, middle, last = (trace.index(part) for part in ("Three is even.", "That would make it no.", "It is even."))
    assert 0 < first < middle < last
    assert trace.startswith("<think>")
    assert trace.endswith("</think>\n<answer>yes</answer>")
    assert {spliced(prompt(prompt_id=f"p{n}"), wrong, sample(), 0) for n in range(30)} != {trace}  # not always one turn


def test_a_completion_in_form_stays_as_it_is(prompt: Make, sample: Make) -> None:
    assert put_in_form(prompt(), sample()) == sample().text
    bare = replace(sample(), text="It is even. The answer is yes.", formed=False)
    assert put_in_form(prompt(), bare) == "<think>It is even. The answer is yes.</think>\n<answer>yes</answer>"


@pytest.mark.parametrize("kind", ["leader", "alone", "select"])
def test_the_writer_reads_the_prompt_and_both_completions(prompt: Make, sample: Make, kind: Any) -> None:
    wrong = sample(text="{{ gold }} It is odd. {% raw %}", right=False)
    text = writing_prompt(prompt(kind=kind), wrong, sample())
    for part in ("You lead a group.", "{{ gold }} It is odd. {% raw %}", "<think>It is even.</think>"):
        assert part in text
    assert ("<choice>" in text) == (kind == "select")
    assert formed(kind, "x", "y").startswith("<think>x" if kind == "leader" else "x")
