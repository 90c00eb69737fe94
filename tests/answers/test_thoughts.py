"""Thoughts are no answers, by whatever marks a model sets them apart."""

from __future__ import annotations

import pytest

from mlpo_bench import answers
from mlpo_bench.answers.thoughts import without_thoughts
from mlpo_bench.protocols.leader import without_thinking


MARKS = [
    ("<think>", "</think>"),
    ("<Think>", "</ think>"),
    ("< think >", "</ think >"),
    ('<think type="quick">', "</think>"),
    ("&lt;think&gt;", "&lt;/think&gt;"),
    ("<thinking>", "</thinking>"),
    ("<antThinking>", "</antThinking>"),
    ("<seed:think>", "</seed:think>"),
    ("<mm:think>", "</mm:think>"),
    ("<longcat_think>", "</longcat_think>"),
    ("<think_never_used_51bce0c785ca2f68081bfa7d91973934>", "</think_never_used_51bce0c785ca2f68081bfa7d91973934>"),
    ("<|think|>", "<|/think|>"),
    ("<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>"),
    ("[THINK]", "[/THINK]"),
    ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<|channel>thought\n", "<channel|>"),
    ("<unused94>thought\n", "<unused95>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    ("Here are my reasoning steps:\n", "\n[BEGIN FINAL RESPONSE]\n"),
    ("Thinking...\n", "\n...done thinking.\n\n"),
]


@pytest.mark.parametrize(("opening", "closing"), MARKS, ids=lambda mark: mark.strip())
def test_a_thought_is_neither_read_nor_passed_on(opening: str, closing: str) -> None:
    text = f"{opening}So the answer is (A).{closing}B"
    assert answers.read("option", text) == "(B)"
    assert "(A)" not in without_thinking(text)
    assert without_thinking(text).endswith("B")


@pytest.mark.parametrize(("opening", "closing"), MARKS[:-2], ids=lambda mark: mark.strip())
def test_a_thought_that_never_ends_is_no_answer(opening: str, closing: str) -> None:  # noqa: ARG001 - it never comes
    assert answers.read("option", f"{opening}So the answer is (A).") is None


@pytest.mark.parametrize(("opening", "closing"), MARKS, ids=lambda mark: mark.strip())
def test_a_thought_whose_opening_stands_in_the_prompt_ends(opening: str, closing: str) -> None:  # noqa: ARG001
    assert answers.read("option", f"So the answer is (A).{closing}B") == "(B)"


@pytest.mark.parametrize("text", ["I think (B).", "a < think > b of it", "The analysis> B", "Thinking... B it is"])
def test_what_only_looks_like_a_mark_stays(text: str) -> None:
    assert without_thoughts(text.replace("< think >", "< thin >")) == text.replace("< think >", "< thin >")


def test_gpt_oss_thoughts_that_are_cut_off_are_thoughts_without_their_marks_too() -> None:
    assert without_thoughts("analysisWe need to pick. The answer is (A)") == ""
    assert without_thoughts("analysis of it: B") == "analysis of it: B"
