"""One entry of a matrix: a protocol, and the values of its settings that are crossed."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_serializer, model_validator

from mlpo_bench.protocols import PROTOCOLS, build
from mlpo_bench.teams import MAX_PEERS


if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlpo_bench.protocols import Protocol

Value = bool | int | float | str
Match = Literal["calls", "tokens"]

MATCHES: tuple[Match, ...] = ("calls", "tokens")
"""What a number of ballots may be instead: as many as take each leader cell's calls, or its tokens."""


class Sweep(BaseModel):
    """A protocol with a list of values for each setting that is not at its default.

    `peers` and `teams` say with how many peers and by which teams; None stands for the run's own. In YAML a sweep is
    the protocol's name, or the name with its settings: `leader: {rounds: [1, 2], share: answer, peers: 3}`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    protocol: str
    settings: dict[str, tuple[Value, ...]] = {}
    peers: tuple[Annotated[int, Field(ge=1, le=MAX_PEERS)], ...] | None = None
    teams: tuple[str, ...] | None = None

    @classmethod
    def of(cls, protocol: str, **settings: Value | tuple[Value, ...]) -> Self:
        """Return the sweep of a protocol over settings, each one value or several."""
        return cls.model_validate({protocol: settings})

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, given: Any) -> Any:  # noqa: ANN401 - whatever a file holds
        if isinstance(given, str):
            return {"protocol": given}
        if isinstance(given, dict) and "protocol" not in given:
            if len(given) != 1:
                raise ValueError("an entry is a protocol's name, or one name with its settings")
            ((name, settings),) = given.items()
            if not isinstance(settings or {}, dict):
                raise ValueError(f"the settings of {name!r} are written as name: value")
            settings = {key: _as_list(value) for key, value in (settings or {}).items()}
            own = {key: settings.pop(key) for key in ("peers", "teams") if key in settings}
            return {"protocol": name, "settings": settings, **own}
        return given

    @field_validator("protocol")
    @classmethod
    def _protocol_exists(cls, name: str) -> str:
        PROTOCOLS[name]  # says what is wrong with a name that is none
        return name

    @model_validator(mode="after")
    def _settings_fit(self) -> Self:
        for _ in self.protocols():  # building one checks its settings
            pass
        return self

    @model_serializer
    def _as_written(self) -> str | dict[str, Any]:
        settings: dict[str, Any] = {key: list(values) for key, values in self.settings.items()}
        settings |= {key: list(own) for key, own in (("peers", self.peers), ("teams", self.teams)) if own is not None}
        return {self.protocol: settings} if settings else self.protocol

    @property
    def kind(self) -> type[Protocol]:
        """The protocol's class."""
        return PROTOCOLS[self.protocol]

    def combinations(self) -> Iterator[dict[str, Value]]:
        """Yield every combination of the settings' values."""
        for values in product(*self.settings.values()):
            yield dict(zip(self.settings, values, strict=True))

    def protocols(self) -> Iterator[Protocol]:
        """Yield the protocol of every combination; votes matched to other cells have one ballot until they are."""
        for combination in self.combinations():
            ballots = self.kind.ballots
            if ballots and combination.get(ballots) in MATCHES:
                combination[ballots] = 1
            yield build(self.protocol, combination)

    def settled(self, rounds: tuple[int, ...], peers: tuple[int, ...], samples: int) -> Sweep:
        """Return the sweep with what it leaves to the run filled in."""
        settings: dict[str, tuple[Value, ...]] = dict(self.settings)
        for setting, values in ((self.kind.depth, rounds), (self.kind.ballots, (samples,))):
            if setting:
                settings.setdefault(setting, values)
        uses_peers = any(protocol.uses_peers for protocol in self.protocols())
        return self.model_copy(update={"settings": settings, "peers": self.peers or (peers if uses_peers else None)})


def _as_list(value: object) -> list[object]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
