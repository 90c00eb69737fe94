"""A place where a text declares an answer: what the readers of declarations hand to one another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Declared:
    """A place where a text declares an answer.

    `passage` is what was declared: the content of a tag or box, or all that follows the words. `end` is where the
    declaration ends: behind the tag or box, or behind the words. One that is `doubtful` tells of another case, or what
    several others say: a writer that says no more goes by it.
    """

    kind: str
    start: int
    end: int
    passage: str
    doubtful: bool = False
