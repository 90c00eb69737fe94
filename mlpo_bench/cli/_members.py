"""The teams that options name, and what options change of all members of a team, or of its leader."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from mlpo_bench.errors import UsageError, unknown


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from mlpo_bench.teams import Member, Team


def by_name(files: Sequence[Path]) -> dict[str, Path]:
    """Return team files by the names that their teams have in a run.

    Raises:
        UsageError: two have one name.
    """
    named: dict[str, Path] = {}
    for path in files:
        before = named.setdefault(path.stem, path)
        if before is path:
            continue
        if before.absolute() == path.absolute():
            raise UsageError(f"--team names {path} twice; a team is run once.")
        raise UsageError(
            f"--team names two teams {path.stem!r}, {before} and {path}: a team is called as its file is, so give one "
            "of the files another name."
        )
    return named


def with_engine(team: Team, engine: str) -> Team:
    """Return a team all of whose members are served by an engine."""
    return _every(team, lambda member: _changed(member, "--engine", engine=engine))


def with_dtype(team: Team, dtype: str) -> Team:
    """Return a team whose members on this machine are computed in a type of numbers.

    Raises:
        UsageError: there is no such type.
    """
    from mlpo_bench.engines.spec import Dtype

    if dtype not in get_args(Dtype):
        raise unknown("--dtype", dtype, get_args(Dtype))
    return _every(team, lambda member: _changed(member, "--dtype", dtype=dtype) if member.needs_weights else member)


def with_adapter(team: Team, adapter: str) -> Team:
    """Return a team whose leader is what training made of it."""
    return team.model_copy(update={"leader": _changed(team.leader, "--leader-adapter", adapter=adapter)})


def _every(team: Team, changed: Callable[[Member], Member]) -> Team:
    update = {"leader": changed(team.leader), "peers": tuple(map(changed, team.peers))}
    return team.model_copy(update=update | {"untrained": team.untrained and changed(team.untrained)})


def _changed(member: Member, option: str, **change: object) -> Member:
    from pydantic import ValidationError

    from mlpo_bench.teams import Member

    try:
        return Member.model_validate({**dict(member), **change})
    except ValidationError as error:
        raise UsageError(f"{option}: {error.errors()[0]['msg'].removeprefix('Value error, ')}.") from None
