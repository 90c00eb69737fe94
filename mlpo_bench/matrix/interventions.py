"""Interventions as a matrix names them, beside its protocols.

An example of each::

    interventions:
      - drop: 1                              # leave each peer out in turn
      - swap: [noise, duplicate]             # an attempt at another question; another peer's attempt
        peers: [1, 2, all]                   # how many of them, drawn for each question
      - plant: [right, wrong]                # an attempt by the same model at the same question that is so
        peers: each                          # one row for each peer
        round: every                         # `first`, `last` (unless it is said), or its number from 1
        protocols: [leader, debate]          # all whose seats read one another, unless it is said
      - answers: shuffled                    # the same reasoning with another's final answer
        peers: all
      - fault: [empty, cut, gibberish, long, language, injection, sycophantic, tags]

Every row of the matrix whose seats read one another gets a row more for each of them.
"""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_serializer, model_validator

from mlpo_bench.errors import UsageError
from mlpo_bench.protocols import PROTOCOLS
from mlpo_bench.protocols.interventions import POOL, Fault, Intervention, Kind, Plant, Swap, draws_from_pool
from mlpo_bench.yamls import Whole, of_a_field


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlpo_bench.protocols import Protocol

Count = Annotated[Whole, Field(ge=1, le=4096)]
Number = Annotated[Whole, Field(ge=1, le=64)]

MOST_GROUPS = 64
_WAYS = ("drop", "swap", "plant", "answers", "fault")


class InterventionSweep(BaseModel):
    """One entry of a matrix's `interventions`: what is done, to how many peers, in which round of which protocols."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    drop: tuple[Count, ...] = ()
    swap: tuple[Swap, ...] = ()
    plant: tuple[Plant, ...] = ()
    answers: tuple[Literal["shuffled"], ...] = ()
    fault: tuple[Fault, ...] = ()
    peers: tuple[Count | Literal["each", "all"], ...] = (1,)
    round: Number | Literal["first", "last", "every"] = "last"
    protocols: tuple[str, ...] = ()
    pool: Annotated[Whole, Field(ge=1, le=4096)] = POOL

    @field_validator(*_WAYS, "peers", "protocols", mode="before")
    @classmethod
    def _one_or_many(cls, given: Any) -> Any:  # noqa: ANN401 - whatever a file holds
        return [given] if isinstance(given, (int, str)) else given

    @field_validator("protocols")
    @classmethod
    def _can_be_altered(cls, names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        with of_a_field(info.context):
            for name in names:
                PROTOCOLS[name]  # says what is wrong with a name that is none
        return names

    @model_validator(mode="after")
    def _one_way(self) -> InterventionSweep:
        ways = [way for way in _WAYS if getattr(self, way)]
        if len(ways) != 1:
            raise ValueError(
                f"an intervention has one of {', '.join(_WAYS)}; this one has {' and '.join(ways) or 'none'}"
            )
        if self.drop and "peers" in self.model_fields_set and self.peers != (1,):
            raise ValueError("`drop` says itself how many peers are left out: give it no `peers`")
        if self.pool != POOL and not any(map(draws_from_pool, self.kinds)):
            raise ValueError(
                f"`pool` says of how many attempts one is drawn, and {' and '.join(self.kinds)} draws none: take it out"
            )
        return self

    @model_serializer
    def _as_written(self) -> dict[str, Any]:
        fields = type(self).model_fields
        told = {name: getattr(self, name) for name in fields if getattr(self, name) != fields[name].default}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()}

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What is done."""
        return self.swap or self.plant or self.answers or self.fault or ("drop",)

    def parts(self) -> tuple[InterventionSweep, ...]:
        """Return an entry for each number of peers that it names: each is to concern some row."""
        field = "drop" if self.drop else "peers"
        return tuple(self.model_copy(update={field: (one,)}) for one in getattr(self, field)) or (self,)

    def of(self, protocol: Protocol, voices: int) -> Iterator[Intervention]:
        """Yield the interventions in a protocol in which so many write what others read.

        None where it has no such round, or not as many peers as are concerned: one at least is left to be read.

        Raises:
            UsageError: it would make more rows than anybody could look at.
        """
        rounds = self._rounds(protocol.heard)
        if not rounds or (self.protocols and not {protocol.name} & {PROTOCOLS[name].name for name in self.protocols}):
            return
        for kind in self.kinds:
            for peers, seats in self._dropped(voices) if kind == "drop" else self._concerned(voices):
                yield Intervention(kind, peers, seats, rounds, self.pool if draws_from_pool(kind) else POOL)

    def _rounds(self, heard: Sequence[int]) -> tuple[int, ...]:
        if not heard or self.round == "every":
            return tuple(heard)
        if isinstance(self.round, int):
            return tuple(heard[self.round - 1 : self.round])
        return (heard[0 if self.round == "first" else -1],)

    def _dropped(self, voices: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        for count in self.drop:
            if count < voices:
                if (groups := comb(voices, count)) > MOST_GROUPS:
                    raise UsageError(
                        f"to leave out {count} of {voices} peers in turn makes {groups} rows of one; at most "
                        f"{MOST_GROUPS} are made. Drop fewer peers, or ask fewer."
                    )
                yield from ((count, seats) for seats in combinations(range(1, voices + 1), count))

    def _concerned(self, voices: int) -> Iterator[tuple[int, tuple[int, ...] | None]]:
        concerned: dict[tuple[int, tuple[int, ...] | None], None] = {}
        for peers in self.peers:
            if peers == "each":
                concerned |= dict.fromkeys((1, (seat,)) for seat in range(1, voices + 1))
            elif (count := voices if peers == "all" else peers) <= voices:
                concerned[count, None] = None
        yield from concerned


def check(sweeps: Sequence[InterventionSweep], rows: Sequence[tuple[Protocol, int]]) -> None:
    """Check that every intervention of a matrix concerns one of its rows: a protocol, and how many write what is read.

    Raises:
        UsageError: one concerns none.
    """
    for sweep in (part for whole in sweeps for part in whole.parts()):
        if not any(True for protocol, voices in rows for _ in sweep.of(protocol, voices)):
            told = ", ".join(f"{name}: {value}" for name, value in sweep.model_dump().items())
            raise UsageError(
                f"the intervention {{{told}}} concerns no row of the matrix: it takes a protocol whose seats read one "
                "another (leader, debate, mixture, self-mixture, critique, select, recursive), a round in which they "
                "do, and as many peers as it names (one more than it drops)."
            )
