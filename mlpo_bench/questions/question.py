"""What is asked. A question never carries its gold answer; an `Item`, which the harness alone handles, does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Sequence

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


@dataclass(frozen=True, slots=True)
class Entry:
    """An item and whether its publisher or our rule puts it in the test split."""

    item: Item
    tested: bool

    @classmethod
    def of(
        cls, suite: str, subject: str, place: int | str, text: str, gold: str, answer_format: str, *, tested: bool
    ) -> Entry:
        """Return the entry of a publisher's row.

        Args:
            suite: The suite's name.
            subject: One of its subjects.
            place: What tells the question from others of its subject: its index, or split and index.
            text: The question, options and all, without a word on the answer's form.
            gold: The right answer alone.
            answer_format: How it is answered: a name in `mlpo_bench.answers.FORMATS`.
            tested: Whether it is in the test split; it is in the train split otherwise, unless its content is tested.
        """
        item = Item(suite, subject, f"{suite}/{subject}/{place}", text.strip(), gold, answer_format)
        return cls(item, tested=tested)


def with_options(question: str, choices: Sequence[str]) -> str:
    """Return a question with its options below it, lettered from `(A)` on."""
    lettered = "\n".join(f"({chr(ord('A') + place)}) {choice.strip()}" for place, choice in enumerate(choices))
    return f"{question.strip()}\nOptions:\n{lettered}"
