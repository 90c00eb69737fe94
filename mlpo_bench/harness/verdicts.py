"""What a text came to: the verdicts that the harness gives, on a final text and on every turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from mlpo_bench.protocols import Transcript


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a final text came to: the answer read from it (None where none could be), and whether it is right."""

    answer: str | None
    right: bool

    @property
    def unread(self) -> bool:
        """Whether no answer could be read."""
        return self.answer is None


@dataclass(frozen=True, slots=True)
class TurnVerdict:
    """What a turn's text came to: `key`, which equal answers share (None where none could be read), and whether right.

    A turn is judged as if its text had been the final one. No seat ever learns of it.
    """

    key: str | None
    right: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """A conversation that came to its end, the verdict on its final text, and one on each of its turns.

    `altered` has one on each text that others read in place of a turn's.
    """

    transcript: Transcript
    verdict: Verdict
    turns: tuple[TurnVerdict, ...]
    altered: tuple[TurnVerdict, ...] = ()
