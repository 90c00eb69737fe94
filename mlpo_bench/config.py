"""All that decides a run, complete: the same configuration repeats it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator

from mlpo_bench import yamls
from mlpo_bench.errors import unknown
from mlpo_bench.harness import chats
from mlpo_bench.protocols import PROTOCOLS
from mlpo_bench.questions import PAPER, SUITES
from mlpo_bench.teams import MAX_PEERS, Team


if TYPE_CHECKING:
    from pathlib import Path

Split = Literal["test", "train", "all"]


class RunConfig(BaseModel):
    """What a run asks, of whom, and how.

    `samples` is the number of ballots of a vote; where it is None, as many as the calls of the largest leader cell.
    `generation` holds lm-eval's generation settings that go before everybody's own. Suites, subjects and protocols
    are checked by name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    suites: tuple[str, ...] = PAPER
    split: Split = "test"
    limit: Annotated[int, Field(ge=1)] | None = None
    subjects: tuple[str, ...] | None = None
    data: str | None = None
    protocols: tuple[str, ...] = ("solo", "vote", "leader")
    rounds: tuple[Annotated[int, Field(ge=1, le=64)], ...] = (1, 2)
    peers: tuple[Annotated[int, Field(ge=1, le=MAX_PEERS)], ...] = (3,)
    samples: Annotated[int, Field(ge=1, le=4096)] | None = None
    share: Literal["whole", "without-thinking", "answer"] = "whole"
    order: Literal["fixed", "shuffled"] = "fixed"
    memory: bool = False
    seed: int = 0
    generation: dict[str, Any] = {}
    deterministic: bool = False
    team: Team = Team()

    @field_validator("suites")
    @classmethod
    def _suites_exist(cls, suites: tuple[str, ...]) -> tuple[str, ...]:
        for name in suites:
            if name not in SUITES:
                raise unknown("suite", name, SUITES)
        return tuple(dict.fromkeys(suites))

    @field_validator("subjects")
    @classmethod
    def _subjects_exist(cls, subjects: tuple[str, ...] | None) -> tuple[str, ...] | None:
        known = {subject for suite in SUITES.values() for subject in suite.subjects}
        for name in subjects or ():
            if name not in known:
                raise unknown("subject", name, known)
        return subjects

    @field_validator("protocols")
    @classmethod
    def _protocols_exist(cls, protocols: tuple[str, ...]) -> tuple[str, ...]:
        for name in protocols:
            if name not in PROTOCOLS:
                raise unknown("protocol", name, PROTOCOLS)
        return tuple(dict.fromkeys(protocols))

    @field_validator("generation")
    @classmethod
    def _generation_is_known(cls, generation: dict[str, Any]) -> dict[str, Any]:
        chats.settings(generation)
        return generation

    @property
    def digest(self) -> str:
        """Identity of the configuration: SHA-256 of its content, in hex."""
        canonical = orjson.dumps(self.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(canonical).hexdigest()

    @property
    def default_name(self) -> str:
        """A run's name where nobody gives one: what it is about, and enough of its digest to tell it apart."""
        leader = self.team.leader.model.rstrip("/").rsplit("/", 1)[-1]
        return f"{'-'.join(self.suites)}_{leader}_{self.digest[:8]}"

    def to_yaml(self) -> str:
        """Return the configuration as the text of `config.yaml`."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def read_config(path: Path) -> RunConfig:
    """Read a run's `config.yaml`.

    Raises:
        BadInput: one line for each fault, with file, line and field.
    """
    return yamls.read(path, RunConfig, "run configuration")
