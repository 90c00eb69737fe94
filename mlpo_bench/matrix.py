"""The cells of a run: one suite under one protocol by one team with one seed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpo_bench.errors import BadInput
from mlpo_bench.harness.chats import settings as overrides
from mlpo_bench.protocols import Leader, Setting, Solo, Vote
from mlpo_bench.teams import Team


if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlpo_bench.config import RunConfig
    from mlpo_bench.protocols import Protocol

SAMPLES_WITHOUT_A_LEADER = 5


@dataclass(frozen=True, slots=True)
class Cell:
    """One suite under one setting. `label` tells it apart from the other cells of its suite."""

    suite: str
    setting: Setting
    label: str

    @property
    def id(self) -> str:
        """A name for files and commands: `bbh.leader-2-rounds`."""
        return f"{self.suite}.{re.sub(r'[^A-Za-z0-9]+', '-', self.label).strip('-').lower()}"

    @property
    def peers(self) -> int:
        """How many peers sit in its team."""
        return len(self.setting.team.peers)

    @property
    def calls(self) -> int:
        """How many completions one question takes."""
        return self.setting.protocol.calls(self.peers)


def cells(config: RunConfig) -> tuple[Cell, ...]:
    """Return a run's cells, suite by suite, in the order of the configuration's protocols.

    Raises:
        BadInput: the configuration asks for peers that its team does not have.
    """
    settings = tuple(_settings(config))
    found = tuple(Cell(suite, setting, label) for suite in config.suites for label, setting in settings)
    if len({cell.id for cell in found}) < len(found):
        raise BadInput("two cells would have the same name; give the team's members different models or personas.")
    return found


def _settings(config: RunConfig) -> Iterator[tuple[str, Setting]]:
    for protocol in config.protocols:
        match protocol:
            case "solo":
                yield from _solo(config)
            case "vote":
                yield _labelled(config, Vote(_ballots(config)), Team(leader=config.team.leader, peers=()))
            case "leader":
                for peers in config.peers:
                    team = config.team.with_peers(peers)
                    for rounds in config.rounds:
                        yield _labelled(config, _leader(config, rounds), team)


def _solo(config: RunConfig) -> Iterator[tuple[str, Setting]]:
    """One cell for each distinct member: a team has to beat its best one."""
    members = config.team.distinct
    for place, member in enumerate(members):
        label, setting = _labelled(config, Solo(), Team(leader=member, peers=()))
        if len(members) > 1:
            seat = "leader" if place == 0 else member.label
            twice = sum(other.label == member.label for other in members[1:]) > 1
            label = f"{label}: {seat}" + (f" {place}" if place and twice else "")
        yield label, setting


def _labelled(config: RunConfig, protocol: Protocol, team: Team) -> tuple[str, Setting]:
    label = protocol.label
    if protocol.name == "leader" and len(config.peers) > 1:
        label += f", {len(team.peers)} peers"
    return label, Setting(team, protocol, config.seed, overrides(config.generation))


def _leader(config: RunConfig, rounds: int) -> Leader:
    return Leader(rounds, config.share, config.order, config.memory)


def _ballots(config: RunConfig) -> int:
    """Return the ballots of the vote: at equal calls with the largest leader cell unless a number is given."""
    if config.samples is not None:
        return config.samples
    if "leader" not in config.protocols:
        return SAMPLES_WITHOUT_A_LEADER
    return max(Leader(rounds).calls(peers) for rounds in config.rounds for peers in config.peers)
