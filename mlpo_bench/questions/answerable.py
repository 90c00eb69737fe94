"""Whether a question can be answered rightly at all.

A gold answer that nothing is judged equal to is a fault of the data, by which every answer counts as wrong.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from mlpo_bench import answers
from mlpo_bench.errors import UsageError
from mlpo_bench.yamls import short


if TYPE_CHECKING:
    from mlpo_bench.questions.question import Entry, Item

NOTHING_ASKED = "Nothing is asked about"
"""So begins what a recording fills places with that a suite has and its own questions do not: nobody answers it."""

_LETTERED = re.compile(r"^\s*(\([A-Z]\))", re.MULTILINE)


def checked(place: str, entry: Entry) -> Entry:
    """Return an entry whose question can be answered rightly.

    Args:
        place: Where it stands, as messages say it.
        entry: The entry.

    Raises:
        UsageError: No answer would be right.
    """
    if fault := unanswerable(entry.item):
        raise UsageError(f"{place}: {fault}.")
    return entry


def unanswerable(item: Item) -> str:
    """Return what keeps a question from ever being answered rightly, as a clause; nothing where nothing does."""
    if item.text.startswith(NOTHING_ASKED):
        return ""
    if not item.text:
        return "its question is empty"
    if not item.gold.strip():
        return "its answer is empty"
    if not readable(item.answer_format, item.gold):
        gold = short(repr(item.gold))
        return f"its answer {gold} cannot be read as format {item.answer_format}, so that none would be right"
    offered = _LETTERED.findall(item.text) if item.answer_format == "option" else []
    if offered and item.gold not in offered:
        return f"its answer {short(item.gold)} is none of its options, {short(', '.join(offered))}"
    return ""


@functools.lru_cache(maxsize=1 << 14)
def readable(form: str, gold: str) -> bool:
    """Whether its own format reads an answer, and takes it for right."""
    own = answers.FORMATS[form]
    answer = own.read(f"<answer>{own.written(gold)}</answer>")
    return answer is not None and (own.slow or own.judge(answer, gold))
