"""What a completion earns in reinforcement: the benchmark's own judge, and a little for the required form.

A right answer earns 1 and the required form `form` beside it (see `judging`). The form alone earns only that little,
and nothing where no answer can be read. A completion that declares several different answers, and so leaves it to the
reader which of them it meant, earns nothing at all, whatever is read from it.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpo_bench import answers
from mlpo_bench.answers import FORMATS
from mlpo_bench.training.judging import judged


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.training.rows import Prompt

JUDGES = 8
"""Completions whose judging may wait for another process that are judged side by side."""

_DECLARED = {kind: re.compile(rf"<{kind}>(.*?)</{kind}>", re.DOTALL | re.IGNORECASE) for kind in ("answer", "choice")}


@dataclass(frozen=True, slots=True)
class Earned:
    """What a completion earned: 1 or 0 for its answer, and 1 or 0 for its form, which the recipe weighs."""

    right: float
    formed: float


NOTHING = Earned(0.0, 0.0)


def earned(prompts: Sequence[Prompt], texts: Sequence[str], cut_off: Sequence[bool]) -> list[Earned]:
    """Return what completions of training prompts earn: for each prompt a text, and whether it was cut off.

    Raises:
        EngineError: the processes that compare mathematical expressions cannot be started.
    """
    written = list(zip(prompts, texts, cut_off, strict=True))
    if not any(FORMATS[prompt.answer_format].slow for prompt in prompts):
        return [_earned(*one) for one in written]
    with ThreadPoolExecutor(JUDGES, thread_name_prefix="judge") as judges:
        return list(judges.map(lambda one: _earned(*one), written))


def _earned(prompt: Prompt, text: str, cut_off: bool) -> Earned:
    if hedges(prompt, text):
        return NOTHING
    judgement = judged(prompt, text, cut_off=cut_off)
    return Earned(float(judgement.right), float(judgement.formed))


def hedges(prompt: Prompt, text: str) -> bool:
    """Return whether a text declares several different answers."""
    if prompt.kind == "select":
        return len({answer.strip() for answer in _DECLARED["choice"].findall(text)}) > 1
    declared = {answer.strip() for answer in _DECLARED["answer"].findall(text)}
    name, question = prompt.answer_format, prompt.question
    read = {answers.read(name, f"<answer>{answer}</answer>", question=question) for answer in declared}
    keys = {answer if answer is None else answers.key(name, answer) for answer in read}
    return len(keys) > 1
