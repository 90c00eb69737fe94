"""Finds a suite's questions: each place is tried in turn, and the one used is told."""

from __future__ import annotations

import functools
import logging
import os
import shlex
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench.errors import UsageError, unknown
from mlpo_bench.paths import expanded
from mlpo_bench.questions import own
from mlpo_bench.questions.folder import Folder
from mlpo_bench.questions.packed import Entries
from mlpo_bench.questions.source import Absent
from mlpo_bench.questions.splits import take
from mlpo_bench.questions.suite import SUITES, Suite, in_order


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlpo_bench.questions.question import Item
    from mlpo_bench.questions.source import Source


log = logging.getLogger(__name__)

DATA_VARIABLE = "MLPO_BENCH_DATA"
_FROM_ELSEWHERE: ContextVar[bool] = ContextVar("from_elsewhere", default=False)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The items of one split of a suite, in published order, and where they came from."""

    items: Sequence[Item]
    source: Source


def find(reference: str, answer_format: str | None = None) -> Suite:
    """Return the suite that a person means.

    Args:
        reference: A suite's name; `module:NAME` for one that a module defines; or a file or folder of one's own (see
            `mlpo_bench.questions.own`).
        answer_format: How the questions of such a file are answered.

    Raises:
        UsageError: There is no such suite, the file is at fault, or a format is named for another suite than a file.
    """
    if reference not in SUITES and own.is_table(reference):
        return own.suite_of(Path(reference), answer_format)
    if answer_format is not None:
        raise UsageError(f"--format is for files of questions; the suite {reference!r} knows its own.")
    if ":" in reference:
        return replace(SUITES[reference], reference=reference)
    if reference not in SUITES:
        raise UsageError(f"{unknown('suite', reference, SUITES)} One of your own is a file: mine.csv.")
    return SUITES[reference]


@contextmanager
def from_elsewhere(*, allowed: bool = True) -> Iterator[None]:
    """Let other sources answer for what a folder lacks while inside: for runs that know which data they asked."""
    before = _FROM_ELSEWHERE.set(allowed or _FROM_ELSEWHERE.get())
    try:
        yield
    finally:
        _FROM_ELSEWHERE.reset(before)


def load(suite: Suite | str, split: str = "test", data: Path | None = None) -> Loaded:
    """Return a split of a suite from the first of its sources that has it.

    Args:
        suite: A suite, or what `find` knows it by.
        split: `train`, `test` or `all`; the first two share no content.
        data: A folder with one folder for each suite, as published, which must have this one. None takes the folder
            that `MLPO_BENCH_DATA` names, where that has the suite, and else the suite's other sources; so does naming
            that very folder.

    Raises:
        UsageError: A name is unknown, no place has the suite, or the place that has it lacks the split.
    """
    one = find(suite) if isinstance(suite, str) else suite
    ambient = expanded(value).resolve() if (value := os.environ.get(DATA_VARIABLE)) else None
    named = expanded(data).resolve() if data else ambient
    return _load(one, split, named, named != ambient and not _FROM_ELSEWHERE.get())


@functools.lru_cache(maxsize=32)
def _load(suite: Suite, split: str, data: Path | None, must_have: bool) -> Loaded:
    """Return a split, made once in a process: lm-eval asks for it once for each of a suite's subjects."""
    entries, source = _find(suite, data, must_have)
    items = take(entries, split)
    if not items and suite.all_tested:
        raise UsageError(f"{suite.title} ({suite.name}) has no {split} split: all of it is tested.")
    if not items:
        raise UsageError(f"{source.where} has no {split} split of {suite.title}{_with_data(suite)}.")
    return Loaded(items, source)


@functools.lru_cache(maxsize=16)
def _find(suite: Suite, data: Path | None, must_have: bool) -> tuple[Entries, Source]:
    """Return a whole suite and its source, read once in a process; a folder that must have it alone may answer."""
    reasons = []
    lacks_it = False
    for place in suite.sources:
        try:
            entries, source = place.read(suite.name, data)
        except Absent as reason:
            if isinstance(place, Folder) and data is not None:
                lacks_it = True
                _check_folder(suite, data, must_have=must_have)
            reasons.append(str(reason))
        else:
            if reasons:
                level = logging.WARNING if lacks_it else logging.INFO
                log.log(level, "%s comes from %s: %s", suite.name, source, "; ".join(reasons))
            held = entries if isinstance(entries, Entries) else Entries(entries)
            _check_ids(suite, held, source)
            return held, source
    raise UsageError(f"no source of {suite.title} was found ({'; '.join(reasons)}){_with_data(suite)}.")


def _check_ids(suite: Suite, entries: Entries, source: Source) -> None:
    """Refuse two questions of one id, by which a run's files tell them apart."""
    known: set[str] = set()
    for entry in entries:
        if entry.item.id in known:
            raise UsageError(
                f"{source.where} has two questions of {suite.title} with the id {entry.item.id}; give each one of its "
                "own."
            )
        known.add(entry.item.id)


def _check_folder(suite: Suite, data: Path, *, must_have: bool) -> None:
    """Refuse a folder without a suite that it must have, or without any: no other place answers for it unasked."""
    others = [name for name in in_order() if (data / name).is_dir()]
    if not others:
        raise UsageError(f"the data folder {data} has no folder of any suite, such as {suite.name}/.")
    if must_have:
        held = ", ".join(f"{name}/" for name in others)
        raise UsageError(
            f"the data folder {data} has no {suite.name}/, only {held}. Name one that has it; or, in place of naming "
            f"it, set {DATA_VARIABLE}={shlex.quote(str(data))}: what that lacks is looked for elsewhere."
        )


def _with_data(suite: Suite) -> str:
    """Return what to do about a source that is missing, where a folder can mend it."""
    if not any(isinstance(place, Folder) for place in suite.sources):
        return ""
    return f": pass --data FOLDER (or set {DATA_VARIABLE}) with a whole {suite.name}/ in it"


def forget() -> None:
    """Forget what was loaded, so that it is read anew."""
    _load.cache_clear()
    _find.cache_clear()
