"""Suites that nobody publishes: an installed package makes their questions, on any machine the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpo_bench.questions.source import Place, Source


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from mlpo_bench.questions.question import Entry


@dataclass(frozen=True, slots=True)
class Generated(Place):
    """A package that makes a suite's questions.

    Attributes:
        package: What it is called where it is installed.
        version: Tells its version, on which it depends what it makes; raises `UsageError` where it is absent.
        entries: Makes the questions; raises `UsageError` likewise.
    """

    package: str
    version: Callable[[], str]
    entries: Callable[[], Iterable[Entry]]

    def read(self, suite: str, data: Path | None) -> tuple[list[Entry], Source]:  # noqa: ARG002 - nothing is looked up
        """Return the questions that the package makes."""
        return list(self.entries()), Source("generator", self.package, self.version())
