"""Checks, without any model, that every gold answer is read and judged right however a model would write it.

Each answer is written in many ways (`surface_forms`), read back by its format and judged; and another question's
answer, as well as those that a slip would make of it, are judged wrong. A harness that fails here would report its own
faults as a model's.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpo_bench import answers, questions
from mlpo_bench.harness.surface_forms import FORMS, FORMS_OF, neighbours


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from mlpo_bench.questions import Item, Source, Suite


@dataclass(frozen=True, slots=True)
class Failure:
    """A gold answer that was not judged as it should be.

    `wrapping` names the way it was written, `written` is the answer inside, `read` what was read from it (None:
    nothing). `written` differs from `gold` where another question's answer was judged right, or was not read.
    """

    id: str
    wrapping: str
    gold: str
    written: str
    read: str | None

    def __str__(self) -> str:
        told = "nothing was read" if self.read is None else f"{self.read!r} was read"
        if self.written == self.gold:
            came_to = "judged wrong"
        elif self.read is None:
            came_to = f"so that it is told from {self.gold!r} by nothing"
        else:
            came_to = f"judged right for {self.gold!r}"
        return f"{self.id} ({self.wrapping}): {self.written!r}: {told}, {came_to}"


@dataclass(frozen=True, slots=True)
class Report:
    """What a check came to: questions, judgements made, those that failed, and how long it took in seconds."""

    suite: str
    source: Source
    questions: int
    judgements: int
    failures: tuple[Failure, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether every answer was judged as it should be, and there was one."""
        return self.questions > 0 and not self.failures


def check(
    suite: Suite | str,
    split: str = "all",
    data: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Return how the gold answers of a suite fare with their own readers and judges.

    Args:
        suite: A suite, or what `questions.find` knows it by.
        split: `train`, `test` or `all`.
        data: A folder with the suites' published files.
        on_progress: Called with the questions done and their total, after each.

    Raises:
        UsageError: A name is unknown, or no source has the suite.
    """
    started = time.monotonic()
    one = questions.find(suite) if isinstance(suite, str) else suite
    loaded = questions.load(one, split, data)
    others = _others(loaded.items)
    failures: list[Failure] = []
    judgements = 0
    for done, item in enumerate(loaded.items, start=1):
        for failure in _judgements(item, others[item.id]):
            judgements += 1
            if failure is not None:
                failures.append(failure)
        if on_progress is not None:
            on_progress(done, len(loaded.items))
    seconds = time.monotonic() - started
    return Report(one.name, loaded.source, len(loaded.items), judgements, tuple(failures), seconds)


def _judgements(item: Item, other: str) -> Iterator[Failure | None]:
    """Yield a failure or None for each way of writing the gold answer, and for each wrong answer in its place."""
    form = item.answer_format
    own = answers.written(form, item.gold)
    for name, write in {**FORMS, **FORMS_OF.get(form, {})}.items():
        answer = answers.read(form, write(own, other or "something else"))
        right = answers.judge(form, answer, item.gold)
        yield None if right else Failure(item.id, name, own, own, answer)
    wrong_ones = [("another's answer", other)] if other else []
    wrong_ones += [("a neighbour", near) for near in neighbours(form, item.gold)]
    for name, wrong in wrong_ones:
        answer = answers.read(form, FORMS["tag"](wrong, own))
        told_apart = answer is not None and not answers.judge(form, answer, item.gold)
        yield None if told_apart else Failure(item.id, name, own, wrong, answer)


def _others(items: Iterable[Item]) -> dict[str, str]:
    """Return for each item (by id) another gold answer of its format as written, or an empty string if there is none.

    The answers of a format are put in a ring in the order they first occur, each once by its key; an item is given
    the one across the ring, as a neighbour of its own subject may be right for it too: another path of equal length.
    """
    rings: dict[str, dict[str, str]] = {}
    keys: dict[str, str] = {}
    for item in items:
        own = answers.written(item.answer_format, item.gold)
        keys[item.id] = answers.key(item.answer_format, own)
        rings.setdefault(item.answer_format, {}).setdefault(keys[item.id], own)
    across = {form: dict(zip(ring, _turned(list(ring.values())), strict=True)) for form, ring in rings.items()}
    return {
        item.id: across[item.answer_format][keys[item.id]] if len(rings[item.answer_format]) > 1 else ""
        for item in items
    }


def _turned(ring: list[str]) -> list[str]:
    """Return a ring turned by half of its length."""
    half = len(ring) // 2
    return ring[half:] + ring[:half]
