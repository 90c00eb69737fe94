"""Reading an answer out of a text, and judging it: one file for each answer format."""

from __future__ import annotations

import functools
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlpo_bench.answers.brackets import Brackets
from mlpo_bench.answers.exercise import Exercise
from mlpo_bench.answers.format import Format
from mlpo_bench.answers.literal import Literal
from mlpo_bench.answers.mathematics import Mathematics
from mlpo_bench.answers.number import Number
from mlpo_bench.answers.option import Option
from mlpo_bench.answers.phrase import Phrase
from mlpo_bench.answers.spans import Spans
from mlpo_bench.answers.template_marks import own_turn
from mlpo_bench.answers.verdict import TrueFalse, ValidInvalid, YesNo
from mlpo_bench.answers.words import Words
from mlpo_bench.errors import unknown


if TYPE_CHECKING:
    from collections.abc import Mapping


__all__ = ["FORMATS", "Format", "judge", "key", "quoted", "read", "written"]

# Cells in flight together read the same texts of a question shortly one after the other.
_REMEMBERED = 1 << 12

_ALL: tuple[Format, ...] = (
    Option(),
    YesNo(),
    TrueFalse(),
    ValidInvalid(),
    Number(),
    Words(),
    Brackets(),
    Mathematics(),
    Phrase(),
    Literal(),
    Spans(),
    Exercise(),
)

FORMATS: Mapping[str, Format] = MappingProxyType({one.name: one for one in _ALL})
"""The answer formats by name."""


def read(name: str, text: str, *, question: str = "", cut_off: bool = False) -> str | None:
    """Return the canonical answer in a text, or None where none can be read; never raises for any text.

    Args:
        name: An answer format.
        text: What a model wrote.
        question: What it was asked: an option's own text is read as its letter.
        cut_off: Whether the text is known to have ended before its writer did; only what it declares counts then.

    Raises:
        UsageError: No format has that name.
    """
    return _read(name, text, question, cut_off)


def judge(name: str, answer: str | None, gold: str) -> bool:
    """Return whether an answer that was read is the gold one; an answer that could not be read is wrong.

    Raises:
        UsageError: No format has that name, or the package that judges this one cannot.
        EngineError: The processes that compare mathematical expressions cannot be started.
    """
    return answer is not None and _format(name).judge(answer, gold)


def key(name: str, answer: str) -> str:
    """Return a string that equal answers share: what a majority vote counts. Cheap, by text alone.

    Raises:
        UsageError: No format has that name.
    """
    return _format(name).key(answer)


def written(name: str, gold: str) -> str:
    """Return a gold answer as a model would write it.

    Raises:
        UsageError: No format has that name.
    """
    return _format(name).written(gold)


def quoted(name: str, answer: str) -> str:
    """Return an answer that was read as it stands in a sentence.

    Raises:
        UsageError: No format has that name.
    """
    return _format(name).quoted(answer)


@functools.lru_cache(maxsize=_REMEMBERED)
def _read(name: str, text: str, question: str, cut_off: bool) -> str | None:
    reader = _format(name)
    turn = own_turn(text)
    answer = None if turn is None else reader.read(turn, question=question)
    # A leader that quotes its peers may quote the marks that they wrote: it has not ended there.
    return answer or reader.read(text, question=question, cut_off=cut_off)


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise unknown("answer format", name, FORMATS)
    return FORMATS[name]
