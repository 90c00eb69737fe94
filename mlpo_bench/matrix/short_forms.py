"""What a matrix may say shortly, and where it says so: `team` for one of the `teams`, `seed`, `leader: {rounds: 2}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from mlpo_bench.yamls import Location

_SHORT = {"teams": "team", "seeds": "seed"}


def spelled_out(given: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a configuration with its team, which gets a name, among its teams, and its seed among its seeds."""
    given = dict(given)
    for field, short in _SHORT.items():
        if short in given and field in given:
            raise ValueError(f"give {short!r} or {field!r}, not both")
    if "team" in given:
        given["teams"] = {name: given.pop("team")}
    if "seed" in given:
        given["seeds"] = [given.pop("seed")]
    return given


def as_written(location: Location, given: Mapping[str | int, Any]) -> Location:
    """Return where a matrix has a part of the configuration."""
    head, *rest = location or ("",)
    short = _SHORT.get(str(head))
    if short in given and head not in given:
        return (short, *rest[1:]) if short is not None else location
    if head == "protocols" and len(rest) > 1:
        entries, place = given.get("protocols"), rest[0]
        entry = entries[place] if isinstance(entries, list) and isinstance(place, int) else None
        if isinstance(entry, Mapping) and len(entry) == 1 and "protocol" not in entry:
            within = rest[2:] if rest[1] == "settings" else rest[1:]
            return (head, place, *entry, *within)
    return location
