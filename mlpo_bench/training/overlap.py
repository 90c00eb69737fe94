"""Nothing is trained on what is tested: train questions are held against the test splits of all suites by content.

Suites borrow from one another, and not always to the letter: some seventy problems of MATH's train split are MMLU's
test questions, which offer options below them. So a question is the same as another where both say the same, in
whatever case, spacing and Unicode form, and either offers no options or both offer the same ones in any order. Two that
differ in a word are not seen.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench import questions
from mlpo_bench.errors import UsageError
from mlpo_bench.questions.splits import fingerprint


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mlpo_bench.questions import Suite


NAMED = 3
"""So many overlaps are named one by one; more would say no more."""

_OPTIONS = re.compile(r"\nOptions:\n(?=\(A\))")
_OPTION = re.compile(r"^\([A-R]\)[ \t]*(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The test questions of all suites, for questions to be held against.

    Attributes:
        ids: Their ids by what identifies their content.
        absent: The suites that no source here has, so that nothing was held against them.
    """

    ids: Mapping[str, str]
    absent: tuple[str, ...] = ()

    def same(self, text: str) -> str | None:
        """Return the id of a test question that is the same as a text, or None."""
        return next((self.ids[key] for key in _sought(text) if key in self.ids), None)


def tested(suites: Iterable[Suite], data: str | None) -> dict[str, str]:
    """Return the test questions of some suites: ids by fingerprint of their content.

    A fingerprint is blind to case, spacing and Unicode forms. A suite of which all is trained on has none.

    Raises:
        UsageError: a suite's test split is not at hand, so that nothing can be held against it.
    """
    folder = Path(data) if data else None
    return {fingerprint(item.text): item.id for suite in suites for item in questions.load(suite, "test", folder).items}


def refuse_tested(train: Iterable[tuple[str, str]], test: Mapping[str, str]) -> None:
    """Refuse to train on questions (each an id and its text) that are tested.

    Raises:
        UsageError: one is; the message names both sides.
    """
    overlaps = {name: test[print_] for name, text in train if (print_ := fingerprint(text)) in test}
    if overlaps:
        raise UsageError(
            f"train questions are test questions by their content: {named(overlaps)}. Nothing is trained on what is "
            "tested: leave out that subject or suite, or mend the data folder."
        )


def everything_tested(data: str | None, on_suite: Callable[[], None] = lambda: None) -> HeldOut:
    """Return the test questions of all suites that are registered, as far as they are at hand.

    Args:
        data: The folder that was named for the questions; a suite without a folder in it is looked for elsewhere.
        on_suite: Called after each suite.

    Raises:
        UsageError: The folder has a suite that is at fault.
    """
    ids: dict[str, str] = {}
    absent = []
    for name in questions.in_order():
        if data is not None and (Path(data) / name).is_dir():
            ids |= _identities(name, Path(data))
        elif (found := _at_hand(name)) is None:
            absent.append(name)
        else:
            ids |= found
        on_suite()
    return HeldOut(ids, tuple(absent))


def same(train: Iterable[tuple[str, str]], test: HeldOut) -> dict[str, str]:
    """Return which train questions (each an id and its text) are tested, each with the test question's id."""
    return {name: found for name, text in train if (found := test.same(text)) is not None}


def named(overlaps: Mapping[str, str]) -> str:
    """Return overlaps in words: the first few by both ids, the others by their count."""
    told = "; ".join(f"{mine} is {theirs}" for mine, theirs in list(overlaps.items())[:NAMED])
    return f"{told}; and {len(overlaps) - NAMED} more" if len(overlaps) > NAMED else told


@functools.cache
def _at_hand(name: str) -> dict[str, str] | None:
    """Return a suite's test questions from wherever they are found, looked for once in a process."""
    try:
        return _identities(name, None)
    except UsageError:
        return None


def _identities(name: str, folder: Path | None) -> dict[str, str]:
    items = questions.load(name, "test", folder).items
    return {key: item.id for item in items for key in _kept(item.text)}


def _taken_apart(text: str) -> tuple[str, str]:
    """Return the identities of a question without its options, and of these in any order; empty where it has none."""
    stem, *listed = _OPTIONS.split(text, maxsplit=1)
    options = sorted(map(fingerprint, _OPTION.findall(listed[0]))) if listed else []
    return fingerprint(stem), "".join(options)


def _kept(text: str) -> Iterator[str]:
    """Yield what a test question is known by."""
    stem, options = _taken_apart(text)
    if options:
        yield f"with {stem} {fingerprint(options)}"
        yield f"of {stem}"
    else:
        yield f"open {stem}"


def _sought(text: str) -> Iterator[str]:
    """Yield what a train question would be known by if it were tested, with options or without."""
    stem, options = _taken_apart(text)
    yield f"open {stem}"
    yield f"with {stem} {fingerprint(options)}" if options else f"of {stem}"
