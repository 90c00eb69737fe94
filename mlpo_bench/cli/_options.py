"""Turning options into a run's configuration, with one clear sentence for each that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mlpo_bench.config import RunConfig, read_config
from mlpo_bench.errors import BadInput, nearest
from mlpo_bench.teams import Team, read_team


if TYPE_CHECKING:
    from pathlib import Path

# Where an option's name is not the field's.
_OPTIONS = {"suites": "--suite", "protocols": "--protocol", "generation": "--gen-kwargs"}
_ENGINES = ("auto", "vllm", "hf")


def names(value: str | None) -> tuple[str, ...] | None:
    """Split a comma-separated list of names."""
    return None if value is None else tuple(part for p in value.split(",") if (part := p.strip()))


def numbers(option: str, value: str | None) -> tuple[int, ...] | None:
    """Split a comma-separated list of whole numbers.

    Raises:
        BadInput: one of them is none.
    """
    parts = names(value)
    if parts is None:
        return None
    for part in parts:
        if not part.isdecimal():
            raise BadInput(f"{option} takes whole numbers separated by commas, such as 1,2,5; {part!r} is none.")
    return tuple(int(part) for part in parts)


def settings(value: str | None) -> dict[str, Any] | None:
    """Split `name=value,name=value`; numbers become numbers.

    Raises:
        BadInput: a part is no `name=value`.
    """
    if value is None:
        return None
    found: dict[str, Any] = {}
    for part in value.split(","):
        name, equals, text = part.partition("=")
        if not equals or not name.strip():
            raise BadInput(f"--gen-kwargs takes name=value pairs, such as temperature=0; {part!r} is none.")
        found[name.strip()] = _plain(text.strip())
    return found


def _plain(text: str) -> str | int | float:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def build(given: dict[str, Any], *, config: Path | None, team: Path | None, engine: str | None) -> RunConfig:
    """Return the configuration: a file's where one is named, with the options that were given in place of its own.

    Raises:
        BadInput: an option's value is wrong.
    """
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    base = read_config(config) if config else None
    if team:
        changes["team"] = read_team(team)
    if engine:
        changes["team"] = _with_engine(changes.get("team", base.team if base else Team()), engine)
    try:
        return RunConfig.model_validate({**(dict(base) if base else {}), **changes})
    except ValidationError as error:
        raise BadInput("\n".join(_say(e["loc"], e["msg"], e["input"]) for e in error.errors())) from None


def _with_engine(team: Team, engine: str) -> Team:
    if engine not in _ENGINES:
        hint = nearest(engine, _ENGINES) or "."
        raise BadInput(f"--engine takes {', '.join(_ENGINES)} (servers are named in a team file), not {engine!r}{hint}")
    change = {"engine": engine}
    return team.model_copy(
        update={
            "leader": team.leader.model_copy(update=change),
            "peers": tuple(peer.model_copy(update=change) for peer in team.peers),
        }
    )


def _say(location: tuple[int | str, ...], message: str, value: object) -> str:
    field = str(location[0]) if location else ""
    option = _OPTIONS.get(field, f"--{field}")
    return f"{option}: {message[:1].lower()}{message[1:]} (it is {value!r})."
