"""Who confers: members (a model, how it is sampled, a persona) and teams of a leader and its peers.

A team file is YAML::

    leader:
      model: Qwen/Qwen2.5-7B-Instruct     # smollm2-135m, a hub id, a folder, or a server's model name
      revision: a09a35458c702b33eeacc393d103063234e8bc28
      sampling: {temperature: 0.7, max_tokens: 1024}
    peers:
      - model: meta-llama/Llama-3.1-8B-Instruct
      - model: served-name
        engine: openai
        base_url: http://127.0.0.1:8000/v1
        persona: You check every step of a calculation.
        count: 2

Every fault in it is named by file, line and field.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mlpo_bench import yamls
from mlpo_bench.chat import Sampling
from mlpo_bench.errors import BadInput


if TYPE_CHECKING:
    from pathlib import Path

EngineKind = Literal["auto", "vllm", "hf", "openai", "scripted"]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]

DEFAULT_MODEL = "smollm2-135m"
MAX_PEERS = 64


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSpec(_Strict):
    """A model as a person names it: everything that decides which weights answer, and through which engine.

    `model` is `smollm2-135m`, a hub id, a folder, the name a server serves, or a script for the scripted engine.
    `context` bounds prompt plus answer, in tokens, below what the model itself holds. `concurrency` bounds the
    requests in flight to a server.
    """

    model: str = Field(default=DEFAULT_MODEL, min_length=1)
    revision: str | None = None
    engine: EngineKind = "auto"
    dtype: Dtype = "auto"
    context: Annotated[int, Field(ge=16)] | None = None
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    concurrency: Annotated[int, Field(ge=1, le=4096)] = 64
    trust_remote_code: bool = False

    @model_validator(mode="after")
    def _server_has_an_address(self) -> Self:
        if self.engine == "openai" and not self.base_url:
            raise ValueError("engine 'openai' needs a base_url, such as http://127.0.0.1:8000/v1")
        if self.base_url and self.engine not in {"openai", "auto"}:
            raise ValueError(f"a base_url goes with engine 'openai', not {self.engine!r}")
        return self


class SamplingChoice(_Strict):
    """What a member changes of how its answers are drawn; what it leaves out comes from the task."""

    temperature: Annotated[float, Field(ge=0, le=5)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None

    def over(self, base: Sampling) -> Sampling:
        """Return `base` with this choice's settings in place of its own."""
        chosen = self.model_dump(exclude_none=True)
        return Sampling(**{name: chosen.get(name, getattr(base, name)) for name in Sampling.__slots__})


class Member(ModelSpec):
    """A seat in a team. A persona, if any, is the system message of all it is asked."""

    sampling: SamplingChoice = SamplingChoice()
    persona: str | None = None

    @property
    def spec(self) -> ModelSpec:
        """The model alone: members with equal specs share one engine."""
        return ModelSpec(**{name: getattr(self, name) for name in ModelSpec.model_fields})

    @property
    def label(self) -> str:
        """A short name for tables and transcripts."""
        name = self.model.rstrip("/").rsplit("/", 1)[-1]
        return f"{name} ({self.persona[:24]})" if self.persona else name


class Team(_Strict):
    """A leader and its peers, in the order in which the leader reads them."""

    leader: Member = Member()
    peers: tuple[Member, ...] = (Member(), Member(), Member())

    @property
    def members(self) -> tuple[Member, ...]:
        """The leader, then the peers."""
        return (self.leader, *self.peers)

    @property
    def distinct(self) -> tuple[Member, ...]:
        """The members without repetition: each is one model, sampling and persona."""
        return tuple(dict.fromkeys(self.members))

    @property
    def specs(self) -> tuple[ModelSpec, ...]:
        """The distinct models behind the seats: one engine serves each."""
        return tuple(dict.fromkeys(member.spec for member in self.members))

    def with_peers(self, count: int) -> Team:
        """Return the team with `count` peers: the first ones, or all of them over again where there are fewer."""
        if not 1 <= count <= MAX_PEERS:
            raise BadInput(f"a team has 1 to {MAX_PEERS} peers, not {count}.")
        if not self.peers:
            raise BadInput("this team file names no peers, so a protocol with peers cannot be run.")
        repeated = self.peers * (-(-count // len(self.peers)))
        return self.model_copy(update={"peers": repeated[:count]})


class _PeerEntry(Member):
    """A peer as a team file lists it: `count` seats of the same member."""

    count: Annotated[int, Field(ge=1, le=MAX_PEERS)] = 1

    @property
    def member(self) -> Member:
        return Member(**{name: getattr(self, name) for name in Member.model_fields})


class _TeamFile(_Strict):
    leader: Member
    peers: tuple[_PeerEntry, ...] = ()


def read_team(path: Path) -> Team:
    """Read a team file (its form is in this module's docstring).

    Raises:
        BadInput: one line for each fault, with file, line and field.
    """
    file = yamls.read(path, _TeamFile, "team file")
    return Team(leader=file.leader, peers=tuple(e.member for e in file.peers for _ in range(e.count)))
