"""The suites on the Hugging Face hub, each at one commit.

The hub is asked for the first repository's commit with a short timeout before anything is fetched, so that a
machine without a network fails at once. With `HF_HUB_OFFLINE=1` only what is already in the local cache is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlpo_bench.engines.hub import why_not
from mlpo_bench.questions.source import Absent, Place, Source


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from mlpo_bench.questions.question import Entry


_PROBE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Repository:
    """A data set repository at a commit."""

    name: str
    commit: str

    def rows(self, config: str | None, split: str) -> Iterable[dict[str, Any]]:
        """Return the rows of one split of one configuration, fetched or from the cache."""
        import datasets

        loaded: Iterable[dict[str, Any]] = datasets.load_dataset(self.name, config, split=split, revision=self.commit)
        return loaded


@dataclass(frozen=True, slots=True, init=False)
class Hub(Place):
    """Data set repositories of the hub, or the local cache of them.

    Attributes:
        repositories: Those that hold the suite; the first one is asked for before anything is fetched.
        entries: Makes the questions of the repositories' rows.
    """

    repositories: tuple[Repository, ...]
    entries: Callable[[], Iterable[Entry]]

    def __init__(self, *repositories: Repository, entries: Callable[[], Iterable[Entry]]) -> None:
        object.__setattr__(self, "repositories", repositories)
        object.__setattr__(self, "entries", entries)

    def read(self, suite: str, data: Path | None) -> tuple[list[Entry], Source]:  # noqa: ARG002 - the hub knows neither
        """Return a suite from the hub or its local cache."""
        where = ", ".join(repository.name for repository in self.repositories)
        try:
            _probe(self.repositories[0])
            entries = list(self.entries())
        except Exception as error:  # the hub's clients raise dozens of kinds; each means "not from here"
            raise Absent(f"the hub's {where} cannot be had ({why_not(error, where)})") from error
        return entries, Source("hub", where, ", ".join(repository.commit for repository in self.repositories))


def _probe(repository: Repository) -> None:
    """Ask the hub for a commit; raise within seconds where it cannot be reached. Offline, the cache decides."""
    from huggingface_hub import HfApi, constants

    if not constants.HF_HUB_OFFLINE:
        HfApi().dataset_info(repository.name, revision=repository.commit, timeout=_PROBE_SECONDS)
