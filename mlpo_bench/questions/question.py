"""What is asked. A question never carries its gold answer; an `Item`, which the harness alone handles, does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from mlpo_bench.chat import Message


@dataclass(frozen=True, slots=True)
class Question:
    """What a protocol gets to see.

    `prompt` is the whole text a model reads (the bare question and one sentence on the answer's form);
    `answer_format` names the reader and judge in `mlpo_bench.answers`; `preamble` holds what stands before the
    prompt in every conversation: a system instruction or worked examples that lm-eval was asked to add.
    """

    suite: str
    subject: str
    id: str
    prompt: str
    answer_format: str
    preamble: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """A question as its publishers give it, with its gold answer: `text` has no instruction yet.

    `id` is `<suite>/<subject>/<index or split-index>` and is stable over versions; `gold` is the answer alone
    (`(B)`, `True`, `24`, a LaTeX expression without dollars; for reasoning-gym, what its judge needs as JSON).
    """

    suite: str
    subject: str
    id: str
    text: str
    gold: str
    answer_format: str
