"""Who confers: members (a model, how it is sampled, a persona) and teams of a leader and its peers.

A team file is YAML::

    leader:
      model: Qwen/Qwen2.5-7B-Instruct     # smollm2-135m, a hub id, a folder, or a server's model name
      revision: a09a35458c702b33eeacc393d103063234e8bc28
      adapter: training/leaders/mine      # what training changed of it: LoRA as PEFT writes it, a folder or a hub id
      sampling: {temperature: 0.7, max_tokens: 1024}
    peers:
      - model: meta-llama/Llama-3.1-8B-Instruct
      - model: served-name
        engine: openai
        base_url: http://127.0.0.1:8000/v1  # a list where several servers serve the same
        api_key_env: MY_KEY               # the environment variable with the key; its value is written nowhere
        request: {omit: [seed]}           # how the server is asked (see `RequestOptions`)
        deployment: "2026-11-26"          # another answer than before: its weights were changed, its name was not
        persona: You check every step of a calculation.
        count: 2
    untrained: {model: Qwen/Qwen2.5-7B-Instruct}    # what a trained leader was made of, to be measured beside it;
                                                    # without a word, the leader without its adapter
    prices:                                         # for a million tokens, in whatever currency, by model
      served-name: {prompt: 0.15, cached: 0.03, completion: 0.60}

Every fault in it is named by file, line and field.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from mlpo_bench import yamls
from mlpo_bench.chat import Sampling
from mlpo_bench.engines.spec import DEFAULT_MODEL, ModelSpec
from mlpo_bench.errors import UsageError, unknown


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mlpo_bench.chat import Usage

__all__ = [
    "DEFAULT_MODEL",
    "LEADER",
    "MAX_PEERS",
    "Member",
    "ModelSpec",
    "Price",
    "SamplingChoice",
    "Team",
    "WrittenTeam",
    "check_prices",
    "read_team",
]

MAX_PEERS = 64
LEADER = "leader"
"""The leader's seat."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SamplingChoice(_Strict):
    """What a member changes of how its answers are drawn; what it leaves out comes from the task."""

    temperature: Annotated[yamls.Real, Field(ge=0, le=5)] | None = None
    top_p: Annotated[yamls.Real, Field(gt=0, le=1)] | None = None
    top_k: Annotated[yamls.Tokens, Field(ge=0)] | None = None
    max_tokens: Annotated[yamls.Tokens, Field(ge=1)] | None = None

    def over(self, base: Sampling) -> Sampling:
        """Return `base` with this choice's settings in place of its own."""
        chosen = self.model_dump(exclude_none=True)
        return Sampling(**{name: chosen.get(name, getattr(base, name)) for name in Sampling.__slots__})


class Member(ModelSpec):
    """A seat in a team. A persona, if any, is the system message of all it is asked."""

    sampling: SamplingChoice = SamplingChoice()
    persona: str | None = None

    @field_validator("model")
    @classmethod
    def _model_is_one_line(cls, name: str) -> str:
        if not name.strip() or name.splitlines() != [name]:
            raise ValueError("a model's name is more than blanks, and stands on one line")
        return name

    @field_validator("persona")
    @classmethod
    def _persona_says_something(cls, persona: str | None) -> str | None:
        return persona if persona and persona.strip() else None

    @model_validator(mode="after")
    def _one_says_how_it_is_drawn(self) -> Self:
        said = [name for name in self.sampling.model_dump(exclude_none=True) if name != "max_tokens"]
        if self.generation == "model" and said:
            raise ValueError(
                f"generation: model leaves {said[0]} to what the model's makers advise; take it out of sampling, or "
                "leave generation out"
            )
        return self

    @property
    def spec(self) -> ModelSpec:
        """The model alone: members with equal specs share one engine."""
        return ModelSpec(**{name: getattr(self, name) for name in ModelSpec.model_fields})

    @property
    def label(self) -> str:
        """A short name for tables and transcripts."""
        return f"{self.short_name} ({self.persona[:24]})" if self.persona else self.short_name


Dollars = Annotated[yamls.Real, Field(ge=0, le=1e9)]
"""A price, in whatever currency: small enough that a run's sum is a number."""


class Price(_Strict):
    """What a million tokens cost: fresh ones of a prompt, cached ones (as fresh ones unless said), written ones.

    `cache_write` is the price of those of a prompt that a server wrote to its cache (as fresh ones unless said).
    """

    prompt: Dollars
    completion: Dollars
    cached: Dollars | None = None
    # Left out where nobody names one, so that teams are what they were before there was any.
    cache_write: Annotated[Dollars | None, Field(exclude_if=lambda price: price is None)] = None

    def __str__(self) -> str:
        """Return it as a team file has it."""
        return f"{{{', '.join(f'{name}: {value:g}' for name, value in self.model_dump(exclude_none=True).items())}}}"

    def of(self, usage: Usage) -> float:
        """Return the price of so many tokens."""
        cached = self.prompt if self.cached is None else self.cached
        write = self.prompt if self.cache_write is None else self.cache_write
        read = (usage.prompt - usage.cache_written) * self.prompt + usage.cache_written * write
        return (read + usage.cached * cached + usage.completion * self.completion) / 1e6


class Team(_Strict):
    """A leader and its peers, in the order in which the leader reads them.

    `untrained` is what a trained leader was before its training: where it is left out, a leader with an adapter was
    itself without it. `prices` go by model and decide nothing that is asked.
    """

    leader: Member = Member()
    peers: Annotated[tuple[Member, ...], Field(max_length=MAX_PEERS)] = (Member(), Member(), Member())
    untrained: Member | None = None
    prices: dict[str, Price] = {}

    @model_validator(mode="after")
    def _priced_models_sit_here(self) -> Self:
        seated = {name for member in self.measured for name in (member.model, member.name)}
        for model in self.prices:
            if model not in seated:
                raise unknown("model of this team", model, seated)
        return self

    def asked_anew(self, mark: str | None) -> Team:
        """Return the team with a mark on all models of servers, under which no earlier answer of theirs is found."""
        return self.each(lambda one: one.model_copy(update={"asked_anew": mark}) if one.base_url else one)

    @property
    def deciding(self) -> Team:
        """The same team without what decides only where its members are answered."""
        return self.each(lambda one: one.deciding)

    def each(self, change: Callable[[Member], Member]) -> Team:
        """Return the team with something changed of each of its members, and of what its leader was before training."""
        peers, untrained = tuple(map(change, self.peers)), self.untrained and change(self.untrained)
        return self.model_copy(update={"leader": change(self.leader), "peers": peers, "untrained": untrained})

    @property
    def untrained_leader(self) -> Member | None:
        """What the leader was before its training; None where it was not trained, as far as the team tells."""
        if self.untrained is None and self.leader.adapter:
            return self.leader.model_copy(update={"adapter": None})
        return self.untrained

    @property
    def before_training(self) -> Team | None:
        """The same team led by what its leader was before training."""
        before = self.untrained_leader
        return None if before is None else self.model_copy(update={"leader": before, "untrained": None})

    @property
    def measured(self) -> tuple[Member, ...]:
        """All who answer in a run of the team: its members, and what its leader was before training."""
        before = self.untrained_leader
        return self.members if before is None else (*self.members, before)

    @property
    def prices_by_name(self) -> dict[str, Price]:
        """The prices by the names of those who answer: with an adapter, a model costs what it does without one."""
        told = {member.name: self.prices.get(member.name, self.prices.get(member.model)) for member in self.measured}
        return {name: price for name, price in told.items() if price is not None}

    @property
    def members(self) -> tuple[Member, ...]:
        """The leader, then the peers."""
        return (self.leader, *self.peers)

    @property
    def seats(self) -> dict[str, Member]:
        """The members by the names of their seats: `leader`, `peer 1`, `peer 2`, ..."""
        return {LEADER: self.leader} | {f"peer {n}": peer for n, peer in enumerate(self.peers, start=1)}

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
            raise UsageError(f"a team has 1 to {MAX_PEERS} peers, not {count}.")
        if not self.peers:
            raise UsageError("this team file names no peers, so a protocol with peers cannot be run.")
        repeated = self.peers * (-(-count // len(self.peers)))
        return self.model_copy(update={"peers": repeated[:count]})


def check_prices(teams: Mapping[str, Team]) -> None:
    """Refuse two prices of one model: what a run's answers cost is told by their models, whoever asked.

    Raises:
        UsageError: two teams differ; the message says in what.
    """
    first: dict[str, tuple[str, Price]] = {}
    for name, team in teams.items():
        for model, price in team.prices_by_name.items():
            before, said = first.setdefault(model, (name, price))
            if said != price:
                raise UsageError(
                    f"the model {model!r} costs {said} in the team {before!r} and {price} in the team {name!r}; in one "
                    "run it has one price: give both teams the same, or run them apart."
                )


class _PeerEntry(Member):
    """A peer as a team file lists it: `count` seats of the same member."""

    count: Annotated[yamls.Whole, Field(ge=1, le=MAX_PEERS)] = 1

    @model_validator(mode="before")
    @classmethod
    def _a_member_is_one(cls, given: Any) -> Any:  # noqa: ANN401 - whatever code hands over
        return dict(given) if isinstance(given, Member) else given

    @property
    def member(self) -> Member:
        return Member(**{name: getattr(self, name) for name in Member.model_fields})


class _TeamFile(_Strict):
    leader: Member
    peers: Annotated[tuple[_PeerEntry, ...], Field(max_length=MAX_PEERS)] = ()
    untrained: Member | None = None
    prices: dict[str, Price] = {}

    @model_validator(mode="after")
    def _has_seats_for_all(self) -> Self:
        if (seats := sum(entry.count for entry in self.peers)) > MAX_PEERS:
            raise ValueError(f"a team has {MAX_PEERS} peers at most, not {seats}")
        return self

    def team(self) -> Team:
        peers = tuple(entry.member for entry in self.peers for _ in range(entry.count))
        return Team(leader=self.leader, peers=peers, untrained=self.untrained, prices=self.prices)


def read_team(path: Path) -> Team:
    """Read a team file (its form is in this module's docstring).

    Raises:
        UsageError: one line for each fault, with file, line and field.
    """
    file = yamls.read(path, _TeamFile, "team file")
    try:
        return file.team()
    except UsageError as mistake:
        raise UsageError(f"{path}: {mistake}") from None


def _as_written(given: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - whatever a file holds
    """Take a team as another file has it: named by its own file, or written out as it stands in one."""
    if isinstance(given, str):
        return read_team(yamls.beside(given, info.context))
    return _TeamFile.model_validate(given).team() if isinstance(given, dict) else given


WrittenTeam = Annotated[Team, BeforeValidator(_as_written, json_schema_input_type=_TeamFile)]
"""A team in another file: a file's name, or what stands in one."""
