"""Logical reasoning: which conclusion follows from a few sentences, one of the Basic Skills of Ai2.

Its authors' validation split, the only one, all of it tested.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.questions import olmo
from mlpo_bench.questions.question import Entry, with_options
from mlpo_bench.questions.suite import SUITES, Suite


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def entry(index: int, question: str, choices: Sequence[str], answer: int) -> Entry:
    """Return the question of a published row.

    Args:
        index: Its publisher's id, which is its position.
        question: The premises; the options are conclusions.
        choices: The options.
        answer: The position of the right one, from 0.
    """
    text, gold = with_options(question, choices), f"({'ABCD'[answer]})"
    return Entry.of("logical_reasoning", "conclusions", index, text, gold, "option", tested=True)


def _from_olmo(root: Path) -> Iterator[Entry]:
    for row in olmo.requests(root, "basic_skills_logical_reasoning", "rc_5shot"):
        yield entry(int(row["id"]), row["question"], row["choices"], row["gold"])


LOGICAL_REASONING = Suite(
    name="logical_reasoning",
    title="Basic Skills: logical reasoning",
    subjects=("conclusions",),
    size=1_118,
    licence="ODC-BY 1.0",
    published="huggingface.co/datasets/allenai/basic-skills",
    max_tokens=512,
    all_tested=True,
    sources=(olmo.Olmo(_from_olmo),),
)
SUITES.add(LOGICAL_REASONING, module=__name__)
