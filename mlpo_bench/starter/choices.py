"""What a person chooses for a first team and matrix, in words and as values."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from mlpo_bench.errors import UsageError
from mlpo_bench.teams import MAX_PEERS, Member


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.starter.here import Candidate

KEY = "OPENAI_API_KEY"
_COUNTED = re.compile(r"(.+?)\s*\*\s*(\d+)")
_AT = re.compile(r"(.+?)@(https?://.+)")


@dataclass(frozen=True, slots=True)
class Seats:
    """So many seats of one model."""

    model: str
    base_url: str | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Choices:
    """A first team, and what it is asked.

    `limit` is the number of questions a suite, None for all; `key` the variable with a server's key.
    """

    leader: Seats
    peers: tuple[Seats, ...]
    adapter: str | None = None
    key: str = KEY
    suites: tuple[str, ...] = ("bbh", "mmlu", "math")
    limit: int | None = 100
    protocols: tuple[str, ...] = ("solo", "vote", "leader")
    rounds: tuple[int, ...] = (1, 2)


def one_seat(text: str, candidates: Sequence[Candidate]) -> Seats:
    """Return the leader that a person means; see `seats`.

    Raises:
        UsageError: It is none, or several.
    """
    one = seats(text, candidates)
    if one.count > 1:
        raise UsageError(f"a team has one leader, not {one.count}.")
    return one


def seats(text: str, candidates: Sequence[Candidate]) -> Seats:
    """Return the seats that a person means.

    Args:
        text: A number in the list of candidates, a hub id, a folder, or `NAME@http://host/v1`; with `*3` behind it for
            three seats.
        candidates: The list, counted from 1.

    Raises:
        UsageError: It is none of these.
    """
    named, count = text.strip(), 1
    if counted := _COUNTED.fullmatch(named):
        named, count = counted[1], int(counted[2])
    if not 1 <= count <= MAX_PEERS:
        raise UsageError(f"a team has 1 to {MAX_PEERS} seats of a model, not {count}.")
    if named.isdecimal():
        if not 1 <= int(named) <= len(candidates):
            raise UsageError(f"the list has {len(candidates)} models; {named} is none of them.")
        chosen = candidates[int(named) - 1]
        return Seats(chosen.name, chosen.base_url, count)
    if named.startswith(("http://", "https://")):
        raise UsageError(f"name the model before its server: NAME@{named}")
    at = _AT.fullmatch(named)
    if at is None:
        _refuse_misspelt(named, candidates)
    one = Seats(at[1], at[2], count) if at else Seats(named, None, count)
    try:
        Member(model=one.model, base_url=one.base_url)
    except ValidationError as error:
        raise UsageError(f"{text!r} is no model: {error.errors()[0]['msg'].removeprefix('Value error, ')}.") from None
    return one


def _refuse_misspelt(name: str, candidates: Sequence[Candidate]) -> None:
    """Raise a UsageError for a name that is nearly one in the list, and neither a hub id with its owner nor a path."""
    listed = {one.name for one in candidates}
    if name in listed or "/" in name or Path(name).exists():
        return
    if close := difflib.get_close_matches(name, sorted(listed), n=1, cutoff=0.6):
        raise UsageError(f"no model here is called {name!r}; did you mean {close[0]!r}? A hub id is OWNER/NAME.")


def several(text: str, candidates: Sequence[Candidate]) -> tuple[Seats, ...]:
    """Return the seats of a comma-separated list.

    Raises:
        UsageError: One of them is none, there are none, or too many.
    """
    listed = tuple(seats(part, candidates) for part in text.split(",") if part.strip())
    if not 1 <= sum(one.count for one in listed) <= MAX_PEERS:
        raise UsageError(f"a team has 1 to {MAX_PEERS} peers.")
    return listed
