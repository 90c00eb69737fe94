"""One entry of a matrix: a protocol, and the values of its settings that are crossed."""

from __future__ import annotations

import math
from itertools import chain, islice, product
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from mlpo_bench import yamls
from mlpo_bench.errors import UsageError, nearest
from mlpo_bench.protocols import PROTOCOLS, RESERVED, build
from mlpo_bench.teams import MAX_PEERS


if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlpo_bench.protocols import Protocol

Value = bool | int | float | str
Peers = Annotated[yamls.Whole, Field(ge=1, le=MAX_PEERS)]


Reckoned = Literal["calls", "tokens"]
Match = Reckoned | Literal["written"]

MATCHES: tuple[Match, ...] = ("calls", "tokens")
"""What a number of ballots may be instead: as many as take each leader cell's calls, or its tokens."""
BUDGETS: tuple[Match, ...] = ("written", "tokens")
"""What a budget may be instead: the tokens that each leader cell writes, or all that it reads and writes."""
MOST_CELLS = 1_000_000
"""A run has no more cells than this."""
MOST_BALLOTS = 4096
"""A vote has no more ballots than this."""
MAX_SEEDS = 100
"""A cell is repeated with no more seeds than this."""
_TRIED = 1_000
"""How many combinations are built when a matrix is read."""


def check_ballots(given: Any) -> Any:  # noqa: ANN401 - whatever a file or an option holds
    """Refuse what is neither a number of ballots nor what they match."""
    if isinstance(given, int | float) and not isinstance(given, bool) and not 1 <= given <= MOST_BALLOTS:
        raise ValueError(f"a vote has 1 to {MOST_BALLOTS} ballots, not {given}")
    if isinstance(given, str) and not given.isdecimal() and given not in MATCHES:
        raise ValueError(
            "it takes numbers of ballots, tokens or calls, such as 8 or [calls, tokens]; "
            f"{given!r} is none{nearest(given, MATCHES)}"
        )
    return given


class Sweep(BaseModel):
    """A protocol with a list of values for each setting that is not at its default.

    `peers` and `teams` say with how many peers and by which teams; None stands for the run's own. `match` names the
    protocols whose rows a number of ballots matches (`calls`, `tokens`); None stands for all that are led. `seeds` are
    those that its rows have besides the run's: where the draws of a leader are what is uncertain, it alone needs more.
    In YAML a sweep is the protocol's name, or the name with its settings: `leader: {rounds: [1, 2], share: answer,
    peers: 3}`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    protocol: str
    settings: dict[str, Annotated[tuple[Value, ...], Field(min_length=1)]] = {}
    peers: Annotated[tuple[Peers, ...], Field(min_length=1)] | None = None
    teams: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    match: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    seeds: Annotated[tuple[yamls.Whole, ...], Field(min_length=1, max_length=MAX_SEEDS)] | None = None

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
            if not isinstance({} if settings is None else settings, dict):
                raise ValueError(f"the settings of {name!r} are written as name: value")
            settings = {
                key: _counted(name, value) if key == "seeds" else _as_list(value)
                for key, value in (settings or {}).items()
            }
            own = {key: settings.pop(key) for key in RESERVED if key in settings}
            return {"protocol": name, "settings": settings, **own}
        return given

    @field_validator("settings", mode="before")
    @classmethod
    def _numbers_are_numbers(cls, given: Any) -> Any:  # noqa: ANN401
        """Refuse what no setting can be: a number without end, or beyond 64 bits."""
        for name, values in given.items() if isinstance(given, dict) else ():
            for value in values if isinstance(values, (list, tuple)) else ():
                if isinstance(value, (int, float)) and not -(2**63) <= value < 2**63:
                    raise ValueError(f"the setting {name!r} cannot be {value!r}")
        return given

    @field_validator("protocol")
    @classmethod
    def _protocol_exists(cls, name: str, info: ValidationInfo) -> str:
        with yamls.of_a_field(info.context):
            PROTOCOLS[name]  # says what is wrong with a name that is none
        return name

    @field_validator("match")
    @classmethod
    def _matched_protocols_exist(cls, names: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        with yamls.of_a_field(info.context):
            for name in names or ():
                PROTOCOLS[name]
        return names

    @model_validator(mode="after")
    def _settings_fit(self, info: ValidationInfo) -> Self:
        """Check every value, beside the first ones of the other settings and in the first combinations.

        Building a protocol checks its settings; all combinations are built when cells are made of them.
        """
        if self.match is not None and matchable(self.kind)[0] is None:
            raise ValueError(
                f"`match` says which rows' calls or tokens are matched, and {self.protocol!r} matches none"
            )
        if self.size > MOST_CELLS:
            raise ValueError(f"these settings have {self.size:,} combinations, and a run {MOST_CELLS:,} cells at most")
        first = {name: values[0] for name, values in self.settings.items()}
        alone = (first | {name: value} for name, values in self.settings.items() for value in values)
        with yamls.of_a_field(info.context):
            for combination in chain(alone, islice(self.combinations(), _TRIED)):
                self._protocol(combination)
            if self.size <= _TRIED:
                self.check_peers()
        return self

    @model_serializer
    def _as_written(self) -> str | dict[str, Any]:
        settings: dict[str, Any] = {key: list(values) for key, values in self.settings.items()}
        settings |= {key: list(own) for key in RESERVED if (own := getattr(self, key)) is not None}
        return {self.protocol: settings} if settings else self.protocol

    @property
    def kind(self) -> type[Protocol]:
        """The protocol's class."""
        return PROTOCOLS[self.protocol]

    @property
    def matches(self) -> tuple[Match, ...]:
        """What its ballots are to match of other rows."""
        setting, ways = matchable(self.kind)
        asked = self.settings.get(setting or "", ())
        return tuple(way for way in ways if way in asked)

    def matched(self, other: Sweep) -> bool:
        """Whether its ballots match the rows of another sweep."""
        if self.match is None:
            return other.kind.family == "led"
        return not other.matches and (other.protocol in self.match or other.kind.name in self.match)

    def asks(self, team: str) -> bool:
        """Whether its rows are a team's, by its name."""
        return self.teams is None or team in self.teams

    def check_match(self) -> None:
        """Refuse a settled sweep that names protocols to match, and matches nothing of them.

        Raises:
            ValueError: it does; the message says what to do.
        """
        if self.match is not None and not self.matches:
            setting, ways = matchable(self.kind)
            said = ", ".join(map(str, self.settings.get(setting or "", ()))) or "its default"
            raise ValueError(
                f"`match` of {self.protocol!r} names rows to match, and its {setting} ({said}) match none: let it be "
                f"{' or '.join(ways)}, or take match out"
            )

    def check_reckoned(self, ballots: int, whose: str) -> None:
        """Refuse more ballots than a vote has, which nobody wrote: as many as something else has calls.

        Raises:
            UsageError: it would have more.
        """
        if ballots > MOST_BALLOTS:
            raise UsageError(
                f"{self.protocol!r} would have as many ballots as {whose} has calls, {ballots:,}, and a vote has "
                f"{MOST_BALLOTS:,} at most; say how many (`samples: 8`)."
            )

    def check_peers(self) -> None:
        """Refuse a number of peers where none is asked.

        Raises:
            ValueError: there is one; the message says what to do.
        """
        if self.peers is not None and not self._uses_peers:
            raise ValueError(
                f"`peers` of {self.protocol!r} says how many peers are asked, and with these settings it asks none: "
                "take it out"
            )

    @property
    def _uses_peers(self) -> bool:
        return any(protocol.uses_peers for protocol in self.protocols())

    def combinations(self) -> Iterator[dict[str, Value]]:
        """Yield every combination of the settings' values."""
        for values in product(*self.settings.values()):
            yield dict(zip(self.settings, values, strict=True))

    def protocols(self) -> Iterator[Protocol]:
        """Yield the protocol of every combination; votes matched to other cells have one ballot until they are."""
        yield from map(self._protocol, self.combinations())

    def _protocol(self, combination: dict[str, Value]) -> Protocol:
        setting, ways = matchable(self.kind)
        way = combination.get(setting) if setting else None
        if isinstance(way, str) and way not in ways and (hint := nearest(way, ways)):
            raise UsageError(
                f"the setting {setting!r} of protocol {self.protocol!r} should be a whole number, or "
                f"{' or '.join(ways)}, not {way!r}{hint}"
            )
        return build(self.protocol, self.until_matched(combination, way) if way in ways else combination)

    def until_matched(self, combination: dict[str, Value], way: Value | None) -> dict[str, Value]:
        """Return the settings of a combination that matches other rows, until it is known how much those spend.

        Raises:
            UsageError: one of them is not what such a match makes of it.
        """
        setting, _ = matchable(self.kind)
        implied: dict[str, Value] = self.kind.until_matched(str(way))
        for name, value in implied.items():
            if name != setting and combination.get(name, value) != value:
                raise UsageError(
                    f"`{self.protocol}: {{{setting}: {way}}}` has {name} at {value}, and this one at "
                    f"{combination[name]}: take {name} out, or let {setting} be a number."
                )
        return combination | implied

    @property
    def size(self) -> int:
        """How many combinations its settings have."""
        return math.prod(map(len, self.settings.values()))

    def settled(self, rounds: tuple[int, ...], peers: tuple[int, ...], samples: tuple[Value, ...]) -> Sweep:
        """Return the sweep with what it leaves to the run filled in."""
        settings: dict[str, tuple[Value, ...]] = dict(self.settings)
        if self.kind.weighs:  # what costs are held against is the plain vote
            samples = tuple(value for value in samples if value not in MATCHES) or samples
        for setting, values in ((self.kind.depth, rounds), (self.kind.ballots, samples)):
            if setting:
                settings.setdefault(setting, values)
        if self.kind.ballots and self.kind.ballots not in self.settings:
            for ballots in samples:
                if isinstance(ballots, int):
                    self.check_reckoned(ballots, "the run's largest leader cell")
        seated = self.peers or (peers if self._uses_peers else None)
        return self.model_copy(update={"settings": settings, "peers": seated})


def matchable(kind: type[Protocol]) -> tuple[str | None, tuple[Match, ...]]:
    """Return the setting of a protocol that may match other rows, if it has one, and what of them it may match."""
    if kind.ballots is not None:
        return kind.ballots, MATCHES
    return (kind.spends, BUDGETS) if kind.spends is not None else (None, ())


def _counted(protocol: object, value: object) -> object:
    """Return so many seeds where a number of them is given; lists stay, and all else, which is refused as no list."""
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    if not 1 <= value <= MAX_SEEDS:
        raise ValueError(
            f"`seeds` of {protocol!r} repeats its rows with 1 to {MAX_SEEDS} seeds, not {value}; one seed of that "
            f"number is [{value}]"
        )
    return list(range(value))


def _as_list(value: object) -> list[object]:
    return list(value) if isinstance(value, (list, tuple)) else [value]
