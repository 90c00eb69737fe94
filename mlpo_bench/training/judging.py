"""The benchmark's word on what a leader wrote to a training prompt, and whether it kept to the form.

The answer is read and judged as in a run, so that a leader is trained on what it is measured by. The form is what the
prompt asks for:

- `leader`: `<think>...</think>`, then `<answer>...</answer>`, and nothing else;
- `alone`: any text that ends with `<answer>...</answer>`, the only one in it;
- `select`: any text that ends with `<choice>N</choice>`, the only one in it.

A text without a readable answer is never in form, whatever tags it has.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpo_bench import answers
from mlpo_bench.answers import FORMATS
from mlpo_bench.protocols.select import chosen


if TYPE_CHECKING:
    from mlpo_bench.training.recipe import PromptKind
    from mlpo_bench.training.rows import Prompt

_NO_TAG = r"(?:(?!</?(?:think|answer)>).)"
_FORMS: dict[PromptKind, re.Pattern[str]] = {
    "leader": re.compile(rf"\s*<think>{_NO_TAG}*</think>\s*<answer>{_NO_TAG}+</answer>\s*", re.DOTALL),
    "alone": re.compile(r"(?:(?!</?answer>).)*<answer>(?:(?!</?answer>).)+</answer>\s*", re.DOTALL),
    "select": re.compile(r"(?:(?!</?choice>).)*<choice>\s*[0-9]+\s*</choice>\s*", re.DOTALL),
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a completion came to.

    `answer` is what was read from it, for `select` the number that it chose; None where nothing could be read.
    """

    answer: str | None
    right: bool
    formed: bool


def judged(prompt: Prompt, text: str, *, cut_off: bool = False) -> Judgement:
    """Return the judgement on a completion of a training prompt.

    Raises:
        EngineError: the processes that compare mathematical expressions cannot be started.
    """
    if prompt.kind == "select":
        number = chosen(text, len(prompt.attempts_right))
        answer = None if number is None else str(number)
        right = number is not None and prompt.attempts_right[number - 1]
    else:
        answer, right = judged_answer(prompt.answer_format, prompt.gold, prompt.question, text, cut_off=cut_off)
    return Judgement(answer, right, answer is not None and in_form(prompt.kind, text))


def judged_answer(
    answer_format: str, gold: str, question: str, text: str, *, cut_off: bool = False
) -> tuple[str | None, bool]:
    """Return the answer that is read from a text to a question, and whether it is right."""
    answer = answers.read(answer_format, text, question=question, cut_off=cut_off)
    return answer, answers.judge(answer_format, answer, gold)


async def aside(
    answer_format: str, gold: str, question: str, text: str, *, cut_off: bool = False
) -> tuple[str | None, bool]:
    """Do as `judged_answer` does, in a thread where the format's judge may take long."""
    if FORMATS[answer_format].slow:
        return await asyncio.to_thread(judged_answer, answer_format, gold, question, text, cut_off=cut_off)
    return judged_answer(answer_format, gold, question, text, cut_off=cut_off)


async def right_aside(answer_format: str, gold: str, answer: str | None) -> bool:
    """Return whether an answer that was read is right; judged likewise."""
    if FORMATS[answer_format].slow:
        return await asyncio.to_thread(answers.judge, answer_format, answer, gold)
    return answers.judge(answer_format, answer, gold)


async def judged_aside(prompt: Prompt, text: str, *, cut_off: bool = False) -> Judgement:
    """Do as `judged` does, likewise."""
    if FORMATS[prompt.answer_format].slow:
        return await asyncio.to_thread(judged, prompt, text, cut_off=cut_off)
    return judged(prompt, text, cut_off=cut_off)


def in_form(kind: PromptKind, text: str) -> bool:
    """Return whether a text has the form that a kind of prompt asks for, its answer aside."""
    return _FORMS[kind].fullmatch(text) is not None
