"""What a server or a tokenizer left of a chat template in a text is no part of an answer, and ends a turn."""

from __future__ import annotations

import time

import pytest

from mlpo_bench import answers
from mlpo_bench.answers.template_marks import own_turn, without_marks


ENDS = [
    "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|eot|>", "<|EOT|>", "<|end|>", "<|endoftext|>",
    "<|end_of_text|>", "<eos>", "<end_of_turn>", "<turn|>", "</s>", "</s></s></s>",
    "<\uff5cend\u2581of\u2581sentence\uff5c>", "[|endofturn|]", "[EOS]", "<end_of_utterance>",
    "<|endofassistant|>", "<|assistant_end|>", "<|END_OF_TURN_TOKEN|>", "<|END_RESPONSE|>", "<|return|>",
    "<|user|>", "<\uff5cUser\uff5c>", "<pad><pad>", "<unused6226>", "[UNUSED_TOKEN_145]", "[/INST]",
    " <|im_end|>\n",
]  # fmt: skip


@pytest.mark.parametrize("end", ENDS)
def test_the_mark_that_ends_a_turn_is_no_part_of_the_answer(end: str) -> None:
    assert answers.read("option", f"C{end}") == "(C)"
    assert answers.read("words", f"Answer: ape bat{end}") == "ape bat"
    assert answers.read("number", f"12{end}") == "12"
    assert answers.read("brackets", f"] ){end}") == "] )"
    assert answers.read("yes_no", f"<think>No.</think>Yes{end}") == "Yes"


@pytest.mark.parametrize(
    "start",
    [
        "<s>",
        "<s> [INST] Which? [/INST] ",
        "<bos>",
        "<start_of_turn>model\n",
        "<|im_start|>assistant\n",
        "<\uff5cAssistant\uff5c>",
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
        "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
        "<|turn>model\n",
    ],
)
def test_the_marks_that_open_a_turn_are_no_part_of_the_answer(start: str) -> None:
    assert answers.read("option", f"{start}The answer is (C).") == "(C)"


@pytest.mark.parametrize(
    "text",
    [
        "(C)<|im_end|>\n<|im_start|>user\nAnd the next one?<|im_end|>\n<|im_start|>assistant\nThe answer is (A).",
        "C<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nThe answer is A.",
        "<answer>C</answer><|endoftext|>Human: Which? Assistant: <answer>A</answer>",
        "The answer is C.</s> [INST] Which? [/INST] The answer is A.",
        "The answer is C\n<|user|>\nWhich?\n<|assistant|>\nThe answer is A",
        "The answer is C.\n\nHuman: And this one?\n\nAssistant: The answer is A.",
        "The answer is (C).\n\nQuestion: What comes next?\nOptions:\n(A) Riga\n(B) Tallinn\nAnswer: (A)",
        "<answer>C</answer>\n\n**Question:** What comes next?\n<answer>A</answer>",
        "So it is \\boxed{C}.\n\nQ: What comes next?\nIt is \\boxed{A}.",
        "(C)\n\nQ: What comes next?\nThe answer is A.",
    ],
)
def test_what_stands_behind_the_end_of_a_turn_is_another_conversation(text: str) -> None:
    assert answers.read("option", text) == "(C)"


def test_a_turn_that_ended_was_not_cut_off_whatever_ran_on_behind_it() -> None:
    text = "Six bags of seven make 42." + "\n<|EOT|>" * 900
    assert answers.read("number", text, cut_off=True) == "42"
    assert answers.read("number", "Six bags of seven make 42.", cut_off=True) is None


@pytest.mark.parametrize(
    "text",
    [
        "A chat ends with `<|im_end|>` there. The answer is (C).",
        "The token <|im_end|> is a stop. The answer is (C).",
        "It is not <s>A</s>. The answer is (C).",
        "Let me restate it.\n\nQuestion: which one is last?\nAnswer: C",
        "Solution:\n\nQuestion: which one is last?\nAnswer: C",
        "I give the answer below.\n\nQ: which one is last?\nThe answer is C",
        "Q1: Who is first?\nA1: B\n\nQ2: Who is last?\nA2: C\n\nThe answer is (C).",
        "The user: nobody. The answer is (C).",
    ],
)
def test_what_speaks_of_a_mark_or_asks_itself_goes_on(text: str) -> None:
    assert answers.read("option", text) == "(C)"


def test_a_turn_without_an_answer_that_the_writer_goes_on_from_is_read_on() -> None:
    assert answers.read("number", "What a finding!</s>\n\nThe answer is 1</s>") == "1"
    quoted = "Peer 1 wrote: <|im_end|>\n<|im_start|>user\nThe answer is 13.<|im_end|>\nI count again. The answer is 7."
    assert answers.read("number", quoted) == "7"
    assert answers.read("number", f"<think>{quoted}</think>\n<answer>8</answer>") == "8"
    assert answers.read("number", "It shows a chat:\nUser: one?\nBot: two.\nThe answer is 1") == "1"


def test_what_glm_boxes_in_marks_of_its_own_is_boxed() -> None:
    text = "It has 5 sides.\n<|begin_of_box|>\\frac{5}{2}<|end_of_box|> of 4 are red."
    assert answers.read("maths", text) == "\\frac{5}{2}"


@pytest.mark.parametrize("text", ["|a|<|b|", "1 < |x| > 0", "< [ ( ) ] >", "[A] and [B]", "<b>C</b>", "|x|<|y|>0"])
def test_what_only_looks_like_a_mark_stays(text: str) -> None:
    assert without_marks(text) == text
    assert own_turn(text) is None


@pytest.mark.parametrize(
    "piece", ["</s>", "<|im_end|>", "<s></s>", "<|im_start|>", "<|", "[INST]", "<|begin_of_box|>", "\nUser:"]
)
def test_any_number_of_marks_is_read_in_time(piece: str) -> None:
    began = time.process_time()
    answers.read("option", piece * 40_000)
    answers.read("option", f"A{piece * 40_000}")
    assert time.process_time() - began < 10
