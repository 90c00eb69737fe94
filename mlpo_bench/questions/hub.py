"""The suites on the Hugging Face hub, each at one commit.

The hub is asked for the first repository's commit with a short timeout before anything is fetched, so that a
machine without a network fails at once. With `HF_HUB_OFFLINE=1` only what is already in the local cache is used.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlpo_bench.questions import items
from mlpo_bench.questions.source import Source
from mlpo_bench.questions.splits import fingerprint
from mlpo_bench.questions.suites import BBH, MATH, MMLU


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mlpo_bench.questions.items import Entry, Part


log = logging.getLogger(__name__)

_PROBE_SECONDS = 5.0
_PARTS: dict[Part, str] = {"dev": "dev", "val": "validation", "test": "test"}


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


BBH_REPOSITORY = Repository("SaylorTwift/bbh", "b5306be6f827cfafbb545ff5a51f96916029b0fd")
MMLU_REPOSITORY = Repository("cais/mmlu", "c30699e8356da336a370243923dbaf21066bb9fe")
MATH_REPOSITORY = Repository("EleutherAI/hendrycks_math", "21a5633873b6a120296cce3e2df9d5550074f4a3")
MATH_500_REPOSITORY = Repository("HuggingFaceH4/MATH-500", "6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be")
GSM8K_REPOSITORY = Repository("openai/gsm8k", "740312add88f781978c0658806c59bc2815b9866")

_REPOSITORIES: Mapping[str, tuple[Repository, ...]] = {
    "bbh": (BBH_REPOSITORY,),
    "mmlu": (MMLU_REPOSITORY,),
    "math": (MATH_REPOSITORY, MATH_500_REPOSITORY),
    "gsm8k": (GSM8K_REPOSITORY,),
}


def read(suite: str) -> tuple[list[Entry], Source] | None:
    """Return a suite from the hub or its local cache, or nothing where neither can be had (the log says why)."""
    if suite not in _REPOSITORIES:
        return None
    repositories = _REPOSITORIES[suite]
    try:
        _probe(repositories[0])
        entries = _READERS[suite]()
    except Exception as error:  # noqa: BLE001 - the hub's clients raise dozens of kinds; each means "not from here"
        log.info("%s cannot be had from the hub: %s: %s", suite, type(error).__name__, error)
        return None
    where = ", ".join(repository.name for repository in repositories)
    return entries, Source("hub", where, ", ".join(repository.commit for repository in repositories))


def _probe(repository: Repository) -> None:
    """Ask the hub for a commit; raise within seconds where it cannot be reached. Offline, the cache decides."""
    from huggingface_hub import HfApi, constants

    if not constants.HF_HUB_OFFLINE:
        HfApi().dataset_info(repository.name, revision=repository.commit, timeout=_PROBE_SECONDS)


def _bbh() -> list[Entry]:
    return [
        items.bbh(subject, index, row["input"], row["target"])
        for subject in BBH.subjects
        for index, row in enumerate(BBH_REPOSITORY.rows(subject, "test"))
    ]


def _mmlu() -> list[Entry]:
    return [
        items.mmlu(subject, part, index, row["question"], row["choices"], row["answer"])
        for subject in MMLU.subjects
        for part, published in _PARTS.items()
        for index, row in enumerate(MMLU_REPOSITORY.rows(subject, published))
    ]


def _math() -> list[Entry]:
    tested = {fingerprint(row["problem"]) for row in MATH_500_REPOSITORY.rows(None, "test")}
    return [
        items.math(subject, index, row["problem"], row["solution"], tested=fingerprint(row["problem"]) in tested)
        for subject in MATH.subjects
        for index, row in enumerate(MATH_REPOSITORY.rows(subject, "test"))
    ]


def _gsm8k() -> list[Entry]:
    return [
        items.gsm8k(part, index, row["question"], row["answer"])
        for part in items.GSM8K_PARTS
        for index, row in enumerate(GSM8K_REPOSITORY.rows("main", part))
    ]


_READERS: Mapping[str, Callable[[], list[Entry]]] = {"bbh": _bbh, "mmlu": _mmlu, "math": _math, "gsm8k": _gsm8k}
