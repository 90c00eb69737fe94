"""The cells of a run: one suite under one protocol by one team with one seed.

A cell's name and content depend on itself alone, never on what else the matrix holds: a cell that is run by itself
comes to the same files.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpo_bench.errors import UsageError, nearest
from mlpo_bench.harness.chats import settings as overrides
from mlpo_bench.matrix import interventions, matching
from mlpo_bench.matrix.config import TEAM, row_name, untrained_name
from mlpo_bench.matrix.sweeps import matchable
from mlpo_bench.protocols import Setting, build, calls, check_counts
from mlpo_bench.teams import LEADER, Team


if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    from mlpo_bench.matrix.config import RunConfig
    from mlpo_bench.matrix.sweeps import Sweep
    from mlpo_bench.protocols import Intervention, Protocol

SHIPPED = Path(__file__).parent / "shipped"
LONGEST_NAME = 160
"""Cells name files: what is longer is cut, and told apart by a digest. File systems take 255 bytes."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One suite under one setting.

    `label` tells it apart from the other cells of its suite, team and seed. `matched` is the label of the cell whose
    tokens its votes are to reach: the number of its ballots is known only when that cell is done. That may be a cell of
    another team, `matched_team`, which asks the same of the same members. `seat` is whose
    member sits in the leader's place: another than the leader where a protocol has a row for each member. `plain` is
    the label of the cell that it is held against, which lacks its intervention.
    """

    suite: str
    setting: Setting
    label: str
    team: str = TEAM
    matched: str | None = None
    seat: str = LEADER
    plain: str | None = None
    matched_team: str | None = None

    @property
    def name(self) -> str:
        """What its row is called: its label, after its team's name where that is not the only one."""
        return row_name(self.team, self.label)

    @property
    def id(self) -> str:
        """A name for files and commands: `bbh.leader-2-rounds-3-peers`."""
        return self._id(self.label, self.team)

    @property
    def matched_id(self) -> str | None:
        """The name of the cell whose tokens it matches."""
        return None if self.matched is None else self._id(self.matched, self.matched_team or self.team)

    @property
    def plain_id(self) -> str | None:
        """The name of the cell that it is held against."""
        return None if self.plain is None else self._id(self.plain, self.team)

    def _id(self, label: str, team: str) -> str:
        parts = [self.suite, *([team] if team != TEAM else []), label]
        parts += [f"seed {self.setting.seed}"] if self.setting.seed else []
        name = ".".join(re.sub(r"[^A-Za-z0-9]+", "-", part).strip("-").lower() for part in parts)
        return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}-{_digest(name)}"

    @property
    def peers(self) -> int:
        """How many peers sit in its team."""
        return len(self.setting.team.peers)

    @property
    def calls(self) -> int:
        """How many completions one question takes, at most."""
        return self.setting.protocol.calls(self.peers)

    @property
    def samples(self) -> int | None:
        """How many ballots its vote has, if it is one; or how many tokens it may spend, if it has such a bound."""
        protocol = self.setting.protocol
        setting, _ = matchable(type(protocol))
        return None if setting is None else int(getattr(protocol, setting))

    def with_samples(self, samples: int) -> Cell:
        """Return a matched cell with the ballots, or the budget, that it was found to need."""
        protocol = self.setting.protocol
        setting, _ = matchable(type(protocol))
        assert setting is not None
        return replace(self, setting=replace(self.setting, protocol=replace(protocol, **{setting: samples})))


@dataclass(frozen=True, slots=True)
class _Row:
    """What a cell is but for its suite and seed; `matched` is the row whose tokens it is to reach."""

    label: str
    team_name: str
    team: Team
    protocol: Protocol
    matched: _Row | None = None
    seat: str = LEADER
    intervention: Intervention | None = None
    plain: str | None = None
    seeds: tuple[int, ...] = ()

    @property
    def identity(self) -> Hashable:
        """What it asks of whom: rows that have this in common come to the same answers."""
        return self.team.members, self.protocol, self.matched and self.matched.identity

    @property
    def voices(self) -> int:
        """How many write what others read."""
        return len(self.protocol.voices(Setting(self.team, self.protocol).seats))

    def cell(self, suite: str, seed: int, given: dict[str, Any]) -> Cell:
        """Return its cell of a suite and a seed; `given` are the settings that override others."""
        setting = Setting(self.team, self.protocol, seed, given, intervention=self.intervention)
        matched = (None, None) if self.matched is None else (self.matched.label, self.matched.team_name)
        return Cell(suite, setting, self.label, self.team_name, matched[0], self.seat, self.plain, matched[1])


def cells(config: RunConfig) -> tuple[Cell, ...]:
    """Return a run's cells, suite by suite, in the order of the configuration's protocols; seeds stand together.

    Raises:
        UsageError: the configuration asks for peers that its team does not have, or for a vote that matches nothing.
    """
    matching.check(config.sweeps)
    _check_suites(config)
    rows = _distinct(_rows(config))
    for row in rows:
        check_counts(row.protocol, len(row.team.peers))
    _check_seeds(config, rows)
    interventions.check(config.interventions, [(row.protocol, row.voices) for row in rows])
    rows += [altered for row in rows for altered in _altered(config, row)]
    given = overrides(config.generation)
    matrix = tuple(
        row.cell(suite, seed, given)
        for suite in config.suites
        for row in rows
        for seed in dict.fromkeys((*config.seeds, *row.seeds))
    )
    _check_names(matrix)
    return matrix


def _check_names(matrix: Iterable[Cell]) -> None:
    """Refuse two cells whose files would have one name, and say what they differ in.

    Raises:
        UsageError: there are two.
    """
    known: dict[str, Cell] = {}
    for cell in matrix:
        if (first := known.setdefault(cell.id, cell)) is cell:
            continue
        for what, one, other, remedy in (
            ("suites", first.suite, cell.suite, "rename one of the two files"),
            ("teams", first.team, cell.team, "give one another name"),
            ("seeds", first.setting.seed, cell.setting.seed, "choose another figure for one"),
            ("rows", first.label, cell.label, "give members different models or personas, or settings other words"),
        ):
            if one != other:
                raise UsageError(
                    f"two cells would have the same name, {cell.id}: the {what} {one!r} and {other!r} differ in "
                    f"capitals and signs alone; {remedy}."
                )
        raise UsageError(
            f"two cells would have the same name, {cell.id}: two rows are called {cell.label!r}, though they do not "
            "ask the same; let the protocol's label tell its settings apart (`said`)."
        )


def _check_suites(config: RunConfig) -> None:
    """Refuse two suites whose files would have one name where capitals do not count."""
    known: dict[str, str] = {}
    for suite in config.suites:
        if (first := known.setdefault(suite.casefold(), suite)) != suite:
            raise UsageError(
                f"the suites {first!r} and {suite!r} differ in capitals alone, and their cells would have the same "
                "names: rename one of the two files."
            )


def chosen(every: tuple[Cell, ...], only: tuple[str, ...]) -> tuple[Cell, ...]:
    """Return the cells that some names name, and those whose tokens they match.

    A name is that of a cell, or of all cells of a row (its label, which may hold commas), in full; else whatever holds
    it; else it is a list of such names, with commas between them.

    Raises:
        UsageError: a name fits no cell.
    """
    if not only:
        return every
    wanted = {cell.id for name in only for cell in _named(every, name)}
    wanted |= {cell.matched_id for cell in every if cell.id in wanted and cell.matched_id}
    return tuple(cell for cell in every if cell.id in wanted)


def _named(every: tuple[Cell, ...], name: str) -> list[Cell]:
    names = {cell.id: (cell.id, cell.label, f"{cell.team}: {cell.label}") for cell in every}
    if in_full := [cell for cell in every if name in names[cell.id]]:
        return in_full
    if in_part := [cell for cell in every if any(name in one for one in names[cell.id])]:
        return in_part
    parts = [part.strip() for part in name.split(",") if part.strip()]
    if len(parts) > 1:
        return [cell for part in parts for cell in _named(every, part)]
    labels = list(dict.fromkeys(cell.label for cell in every))
    raise UsageError(f"no cell has {name!r} in its name{nearest(name, labels) or '.'} Cells: {'; '.join(labels)}.")


def _distinct(rows: Iterable[_Row]) -> list[_Row]:
    """Take rows together that would ask the same of the same members: two teams may share their peers.

    The first of them stays, with the seeds of all, and what matches any of them matches that one.
    """
    kept: dict[Hashable, _Row] = {}
    for row in rows:
        first = kept.setdefault(row.identity, row)
        kept[row.identity] = replace(first, seeds=tuple(dict.fromkeys((*first.seeds, *row.seeds))))
    return [replace(row, matched=row.matched and kept[row.matched.identity]) for row in kept.values()]


def _rows(config: RunConfig) -> Iterator[_Row]:
    by_name = dict(teams(config))
    for sweep in config.sweeps:
        for name, team in by_name.items():
            if sweep.asks(name):
                rows = _alone(sweep, name, team) if sweep.kind.each_member else _swept(config, sweep, name, team)
                yield from (replace(row, seeds=sweep.seeds or ()) for row in rows)


def _altered(config: RunConfig, row: _Row) -> Iterator[_Row]:
    """Yield a row under each intervention that concerns it."""
    every = dict.fromkeys(one for sweep in config.interventions for one in sweep.of(row.protocol, row.voices))
    for intervention in every:
        label = f"{row.label}, {intervention.said(row.protocol.heard)}"
        yield replace(row, label=label, intervention=intervention, plain=row.label)


def teams(config: RunConfig) -> Iterator[tuple[str, Team]]:
    """Yield every team, and after a trained one what it was before its training."""
    for name, team in config.teams.items():
        unpriced = team.model_copy(update={"prices": {}, "untrained": None})
        yield name, unpriced
        if (before := team.before_training) is not None:
            yield untrained_name(name), before.model_copy(update={"prices": {}})


def _alone(sweep: Sweep, name: str, team: Team) -> Iterator[_Row]:
    """Yield a row for each distinct member: a team has to beat its best one."""
    first_seats = {member: seat for seat, member in reversed(team.seats.items())}
    for protocol in sweep.protocols():
        for seat, member in team.seats.items():
            if first_seats[member] == seat:
                label = protocol.label if seat == LEADER else f"{protocol.label}, {seat} ({member.label})"
                yield _Row(label, name, Team(leader=member, peers=()), protocol, seat=seat)


def _swept(config: RunConfig, sweep: Sweep, name: str, team: Team) -> Iterator[_Row]:
    setting = matchable(sweep.kind)[0] or ""
    if sweep.peers and not team.peers:
        raise UsageError(
            f"protocol {sweep.protocol!r} asks peers, and the team {name!r} names no peers. (A protocol of one's own "
            "that asks none says `uses_peers = False`.)"
        )
    for combination in sweep.combinations():
        match combination.get(setting):
            case "calls":
                for led in sorted(_matched(config, sweep, name, team), key=_calls):
                    sweep.check_reckoned(_calls(led), repr(led.label))
                    yield _row(build(sweep.protocol, combination | {setting: _calls(led)}), name, led.team)
            case "tokens" | "written" as way:
                open_ended = build(sweep.protocol, sweep.until_matched(combination, way))
                for led in _matched(config, sweep, name, team):
                    row = _row(open_ended, name, led.team)
                    spent = "tokens" if way == "tokens" else "written tokens"
                    label = f"{row.protocol.label_without(setting)} at the {spent} of {led.label}"
                    yield replace(row, label=label, matched=led)
            case _:
                for peers in sweep.peers or (0,):
                    yield _row(build(sweep.protocol, combination), name, team.with_peers(peers) if peers else team)


def _matched(config: RunConfig, vote: Sweep, name: str, team: Team) -> Iterator[_Row]:
    """Yield the rows of a team that a vote's ballots match: those that a leader leads in rounds, or those it names."""
    for sweep in config.sweeps:
        if vote.matched(sweep) and sweep.asks(name):
            yield from _swept(config, sweep, name, team)


def _check_seeds(config: RunConfig, rows: Iterable[_Row]) -> None:
    """Check that every row which matches another has no seeds beside those of that row.

    Raises:
        UsageError: one has; there are no tokens to match with such a seed.
    """
    for row in rows:
        led = row.matched
        if led is not None and (lacking := sorted({*row.seeds} - {*config.seeds, *led.seeds})):
            raise UsageError(
                f"{led.label!r}, whose tokens {row.label!r} is to reach seed by seed, has no seed "
                f"{', '.join(map(str, lacking))}; give it these (`seeds`), or the other one fewer."
            )


def _calls(row: _Row) -> int:
    return calls(row.protocol, len(row.team.peers))


def _row(protocol: Protocol, name: str, team: Team) -> _Row:
    """Seat those whom a protocol asks, so that equal cells of different teams are seen to be equal."""
    if not protocol.uses_peers:
        return _Row(protocol.label, name, Team(leader=team.leader, peers=()), protocol)
    if not protocol.uses_leader:
        team = team.model_copy(update={"leader": team.peers[0]})
    count = len(team.peers)
    return _Row(f"{protocol.label}, {count} {'peer' if count == 1 else 'peers'}", name, team, protocol)


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]
