"""How often each answer was given, as entries keep it: what a vote of any number of ballots scores follows from it.

A question's ballots are three counts between slashes: of each right answer, of each other answer, and of those that
could not be read. `5/3,1x4/2` is one right answer given five times, a wrong one three times, four wrong ones once
each, and two ballots without an answer. Questions are in the order of the entry's answers, a space between two. What
the answers were is not told.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from mlpo_bench.analysis.ballots import Ballots


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ANSWERS = r"(?:[1-9]\d{0,6}(?:x[1-9]\d{0,6})?(?:,[1-9]\d{0,6}(?:x[1-9]\d{0,6})?)*)?"
_QUESTION = rf"{_ANSWERS}/{_ANSWERS}/\d{{1,7}}"
COUNTS = rf"^{_QUESTION}(?: {_QUESTION})*$"
"""What the counts of a suite's questions look like."""


def written(questions: Iterable[Ballots]) -> str:
    """Return the counts of some questions as entries keep them."""
    return " ".join(f"{_told(one.right)}/{_told(one.wrong)}/{one.unread}" for one in questions)


def read(counts: str) -> list[Ballots]:
    """Return the ballots of each question, given counts that look like `COUNTS`."""
    return [_read(question) for question in counts.split()]


def _told(counts: Iterable[int]) -> str:
    groups = ((count, len(list(same))) for count, same in groupby(sorted(counts, reverse=True)))
    return ",".join(str(count) if times == 1 else f"{count}x{times}" for count, times in groups)


def _read(question: str) -> Ballots:
    right, wrong, unread = question.split("/")
    return Ballots(right=tuple(sorted(_counts(right))), wrong=tuple(sorted(_counts(wrong))), unread=int(unread))


def _counts(told: str) -> Iterator[int]:
    for one in filter(None, told.split(",")):
        count, _, times = one.partition("x")
        yield from [int(count)] * int(times or 1)
