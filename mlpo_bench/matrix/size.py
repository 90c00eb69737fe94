"""How many cells a matrix comes to, reckoned before any is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.matrix.sweeps import matchable


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlpo_bench.matrix.sweeps import Sweep
    from mlpo_bench.teams import Team


def rows_as_written(sweeps: Iterable[Sweep], teams: Mapping[str, Team]) -> int:
    """Return how many rows settled sweeps spell out; those that would ask the same are not yet taken together."""
    rows = 0
    for name, team in teams.items():
        asked = [sweep for sweep in sweeps if sweep.asks(name)]
        of_team = sum(
            _alone(sweep, team)
            if sweep.kind.each_member
            else _combined(sweep, sum(_combined(other, 0) for other in asked if sweep.matches and sweep.matched(other)))
            for sweep in asked
        )
        rows += of_team * (1 if team.before_training is None else 2)
    return rows


def _alone(sweep: Sweep, team: Team) -> int:
    return sweep.size * len(team.distinct)


def _combined(sweep: Sweep, others: int) -> int:
    """Return the rows of a sweep by one team, a vote that is matched having one for each of so many that it matches."""
    setting, ways = matchable(sweep.kind)
    numbers = sweep.settings.get(setting or "", ("none",))
    matched = sum(number in ways for number in numbers)
    seated = len(sweep.peers or (0,))
    return sweep.size // len(numbers) * (matched * others + (len(numbers) - matched) * seated)
