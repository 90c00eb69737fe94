"""All that decides a run, complete: the same configuration repeats it.

The same YAML is a matrix that a person writes and the `config.yaml` of a run::

    suites: [bbh, math]               # a file of one's own, too: mine.csv, with `format: option` (see questions/own.py)
    limit: 100
    seeds: 3                          # or a list of seeds
    team: team.yaml                   # or `teams: {small: small.yaml, mixed: mixed.yaml}`, or written out
    rounds: [1, 2, 5]                 # T where a protocol below says nothing else
    peers: [1, 3, 5]                  # K, likewise
    protocols:
      - solo
      - vote: {samples: [calls, tokens]}        # at each leader cell's calls, and at its tokens
      - leader: {share: [whole, answer]}        # every setting takes a list; all combinations are cells
      - debate: {rounds: 2, peers: 3}
    interventions:                    # what is altered of what seats read of one another (see matrix/interventions.py)
      - drop: 1
      - plant: [right, wrong]
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from mlpo_bench import yamls
from mlpo_bench.errors import UsageError, unknown
from mlpo_bench.harness import chats
from mlpo_bench.matrix import short_forms
from mlpo_bench.matrix.interventions import InterventionSweep
from mlpo_bench.matrix.own import OwnSuite
from mlpo_bench.matrix.own import spelled_out as with_own_suites
from mlpo_bench.matrix.size import rows_as_written
from mlpo_bench.matrix.sweeps import MAX_SEEDS, MOST_BALLOTS, MOST_CELLS, Peers, Reckoned, Sweep, check_ballots
from mlpo_bench.protocols import calls as calls_of
from mlpo_bench.questions import PAPER, SUITES, Suite
from mlpo_bench.questions.splits import Split
from mlpo_bench.teams import Team, WrittenTeam, check_prices


if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlpo_bench.teams import Price


def _names_files(team: str) -> str:
    """Refuse a team's name of which nothing is left in the names of its cells."""
    if not re.search(r"[A-Za-z0-9]", team):
        raise ValueError(
            "a team's name has a letter (a to z) or a digit, for the files of its cells are named after it"
        )
    return team


TEAM = "team"
"""The name of a run's team where there is only one."""
KIND = "run configuration"
USUAL = (Sweep.of("solo"), Sweep.of("vote"), Sweep.of("leader"))
TeamName = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_names_files)]
BALLOTS_WITHOUT_A_LEADER = 5
Ballots = Annotated[Annotated[yamls.Whole, Field(ge=1, le=MOST_BALLOTS)] | Reckoned, BeforeValidator(check_ballots)]
"""How many a vote has, or what of each led row they are to match."""


def _with_suites(given: dict[str, Any], context: Mapping[str, Path] | None) -> dict[str, Any]:
    """Return a configuration with its suites spelled out, or with why they cannot be had in their place.

    Where a file is read, its other faults are told with that one.
    """
    try:
        return with_own_suites(given, context)
    except UsageError as mistake:
        if context is None:
            raise
        kept = {name: value for name, value in given.items() if name not in {"own", "format"}}
        return kept | {"suites": mistake}


def row_name(team: str, label: str) -> str:
    """Return what a row is called: its label, after its team's name where that is not the only one."""
    return label if team == TEAM else f"{team}: {label}"


def untrained_name(team: str) -> str:
    """Return what a team is called before its leader was trained."""
    return "untrained" if team == TEAM else f"{team} untrained"


def _check_untrained(teams: Mapping[str, Team]) -> None:
    """Refuse a team that has the name of what another one was before training: one would stand for both.

    Raises:
        UsageError: there is one.
    """
    for name, team in teams.items():
        if (before := untrained_name(name)) in teams and team.before_training is not None:
            raise UsageError(
                f"the team {before!r} would have the name of what the leader of {name!r} was before training; "
                "give it another."
            )


class RunConfig(BaseModel):
    """What a run asks, of whom, and how.

    `rounds`, `peers` and `samples` hold for protocols that do not say otherwise; where `samples` is None, a vote has
    as many ballots as the largest leader cell has calls, and there is another at the tokens of each leader cell.
    `calibration` is the number of train questions a suite from which votes are weighted. `generation` holds lm-eval's
    generation settings that override everybody's own. `own` tells of suites that no package registers where they are
    found.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    suites: Annotated[tuple[str, ...], Field(min_length=1)] = PAPER
    own: dict[str, OwnSuite] = {}
    split: Split = "test"
    limit: Annotated[yamls.Whole, Field(ge=1)] | None = None
    subjects: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    data: str | None = None
    seeds: Annotated[tuple[yamls.Whole, ...], Field(min_length=1)] = (0,)
    teams: Annotated[dict[TeamName, WrittenTeam], Field(min_length=1)] = {TEAM: Team()}
    protocols: Annotated[tuple[Sweep, ...], Field(min_length=1)] = USUAL
    rounds: Annotated[tuple[Annotated[yamls.Whole, Field(ge=1, le=64)], ...], Field(min_length=1)] = (1, 2)
    peers: Annotated[tuple[Peers, ...], Field(min_length=1)] = (3,)
    samples: Ballots | Annotated[tuple[Ballots, ...], Field(min_length=1)] | None = None
    calibration: Annotated[yamls.Whole, Field(ge=1)] = 64
    generation: dict[str, Any] = {}
    deterministic: bool = False
    # Left out where there are none, so that configurations are what they were before there were any.
    interventions: Annotated[tuple[InterventionSweep, ...], Field(exclude_if=lambda sweeps: not sweeps)] = ()

    @staticmethod
    def as_written(location: yamls.Location, given: Mapping[str | int, Any]) -> yamls.Location:
        """Return where a matrix has a part of the configuration, in one of its short forms."""
        return short_forms.as_written(location, given)

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, given: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - whatever a file holds
        if isinstance(given, dict):
            given = _with_suites(given, info.context)
            given = short_forms.spelled_out(given, TEAM)
        return given

    @field_validator("rounds", "peers", "suites", "subjects", mode="before")
    @classmethod
    def _one_or_many(cls, given: Any) -> Any:  # noqa: ANN401
        if isinstance(given, UsageError):  # why the suites cannot be had (see `_with_suites`)
            raise ValueError(str(given))  # noqa: TRY004 - pydantic tells ValueErrors
        return [given] if isinstance(given, (int, str)) else given

    @field_validator("seeds", mode="before")
    @classmethod
    def _counted_seeds(cls, given: Any) -> Any:  # noqa: ANN401
        if isinstance(given, int) and not isinstance(given, bool):
            if not 1 <= given <= MAX_SEEDS:
                raise ValueError(f"a run repeats its cells with 1 to {MAX_SEEDS} seeds")
            return tuple(range(given))
        return given

    @field_validator("seeds")
    @classmethod
    def _each_seed_once(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(seeds))

    @field_validator("suites")
    @classmethod
    def _each_once(cls, suites: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(suites))

    @field_validator("subjects")
    @classmethod
    def _subjects_exist(cls, subjects: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        """Refuse subjects of no suite; those of files are held against them when they are read."""
        known = {subject for suite in SUITES.values() for subject in suite.subjects}
        of_known_suites = "suites" in info.data and info.data.get("own") == {}
        with yamls.of_a_field(info.context):
            for name in subjects or ():
                if name not in known and of_known_suites:
                    raise unknown("subject", name, known)
        return subjects

    @field_validator("generation")
    @classmethod
    def _generation_is_known(cls, generation: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        with yamls.of_a_field(info.context):
            chats.check(generation)
        return generation

    @field_validator("protocols")
    @classmethod
    def _sweeps_name_known_teams(cls, sweeps: tuple[Sweep, ...], info: ValidationInfo) -> tuple[Sweep, ...]:
        teams = info.data.get("teams")  # None where they are at fault themselves
        if teams is None:
            return sweeps
        known = [*teams, *(untrained_name(name) for name, team in teams.items() if team.before_training is not None)]
        with yamls.of_a_field(info.context):
            for name in (name for sweep in sweeps for name in sweep.teams or ()):
                if name not in known:
                    raise unknown("team", name, known)
        return sweeps

    @field_validator("teams")
    @classmethod
    def _teams_go_together(cls, teams: dict[str, Team], info: ValidationInfo) -> dict[str, Team]:
        with yamls.of_a_field(info.context):
            check_prices(teams)
            _check_untrained(teams)
        return teams

    @model_validator(mode="after")
    def _is_of_a_size(self) -> RunConfig:
        size = sum(sweep.size for sweep in self.protocols)
        if size <= MOST_CELLS:  # else it is not worth a closer look
            seeds = max(len({*self.seeds, *(sweep.seeds or ())}) for sweep in self.protocols)
            sweeps = self.sweeps
            for sweep in sweeps:
                sweep.check_match()
                sweep.check_peers()
            size = rows_as_written(sweeps, self.teams) * len(self.suites) * seeds
        if size > MOST_CELLS:
            raise ValueError(f"this matrix would have {size:,} cells, and a run has {MOST_CELLS:,} at most")
        return self

    def suite(self, name: str) -> Suite:
        """Return one of the suites.

        Raises:
            UsageError: it is a file that is gone or has other questions now.
        """
        if name in self.own:
            return self.own[name].suite(name, Path(self.data) if self.data else None)
        return SUITES[name]

    @property
    def team(self) -> Team:
        """The first team."""
        return next(iter(self.teams.values()))

    @property
    def prices(self) -> dict[str, Price]:
        """The prices of all teams' models: where several name a model's, they agree."""
        return {name: price for team in self.teams.values() for name, price in team.prices_by_name.items()}

    def asked_anew(self, mark: str | None) -> RunConfig:
        """Return the configuration of a run that takes no answers of servers from before it; None takes the mark away.

        Raises:
            UsageError: it asks no server.
        """
        teams = {name: team.asked_anew(mark) for name, team in self.teams.items()}
        if not any(member.base_url for team in teams.values() for member in team.measured):
            raise UsageError(
                "--fresh asks servers anew, and no model of this run is behind one. Models whose weights are here are "
                "known by their content: an answer that is found is theirs."
            )
        return self.model_copy(update={"teams": teams})

    @property
    def digest(self) -> str:
        """Identity of the configuration: SHA-256 of its content, in hex.

        Neither prices nor how many servers answer for a model decide anything that is asked.
        """
        deciding = {name: team.deciding for name, team in self.teams.items()}
        content = self.model_dump(mode="json", exclude={"own": True, "teams": True})
        content["teams"] = {name: team.model_dump(mode="json", exclude={"prices"}) for name, team in deciding.items()}
        if self.own:
            content["own"] = {name: one.identity for name, one in self.own.items()}
        return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def changed(self, other: RunConfig) -> list[str]:
        """Return what of another configuration is not the same, if that decides anything: the names of its fields."""
        if self.digest == other.digest:
            return []
        mine, its = self.model_dump(mode="json"), other.model_dump(mode="json")
        return [name for name in its if mine.get(name) != its[name]]

    @property
    def default_name(self) -> str:
        """A run's name where nobody gives one: what it is about, and enough of its digest to tell it apart."""
        what, who = "-".join(self.suites)[:80], self.team.leader.short_name[:80]
        return re.sub(r"[/\\\0]", "-", f"{what}_{who}_{self.digest[:8]}")

    @property
    def ballots(self) -> tuple[Ballots, ...]:
        """How many ballots votes have where nothing else is said: as the largest leader cell has calls, and tokens."""
        if self.samples is not None:
            return self.samples if isinstance(self.samples, tuple) else (self.samples,)
        calls = [
            calls_of(protocol, peers)
            for sweep in self.protocols
            if sweep.kind.family == "led"
            for settled in [sweep.settled(self.rounds, self.peers, (BALLOTS_WITHOUT_A_LEADER,))]
            for protocol in settled.protocols()
            for peers in settled.peers or self.peers
        ]
        return (max(calls), "tokens") if calls else (BALLOTS_WITHOUT_A_LEADER,)

    @property
    def sweeps(self) -> tuple[Sweep, ...]:
        """The protocols with all that they leave to the run filled in."""
        ballots = self.ballots  # reckoned from all leader cells, so once
        return tuple(sweep.settled(self.rounds, self.peers, ballots) for sweep in self.protocols)

    def to_yaml(self) -> str:
        """Return the configuration as the text of `config.yaml`."""
        content = self.model_dump(mode="json", exclude=None if self.own else {"own"})
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)

    def extended(self, other: RunConfig) -> RunConfig:
        """Return a configuration with the cells of both.

        Raises:
            UsageError: they differ in something that decides how every cell is asked.
        """
        axes = {"suites", "own", "seeds", "teams", "protocols", "rounds", "peers", "samples", "interventions"}
        mine, its = self.model_dump(mode="json", exclude=axes), other.model_dump(mode="json", exclude=axes)
        if changed := [name for name in mine if mine[name] != its[name]]:
            raise UsageError(f"--add extends a run by cells; {', '.join(changed)} must stay as the run has them.")
        for name, suite in other.own.items():
            if self.own.get(name, suite).identity != suite.identity:
                raise UsageError(f"the run has another suite called {name!r}; rename the file of the new one.")
        for name, team in other.teams.items():
            if self.teams.get(name, team) != team:
                raise UsageError(f"the run has another team called {name!r}; give the new one another name.")
        check_prices(self.teams | other.teams)
        _check_untrained(self.teams | other.teams)
        return self.model_copy(
            update={
                "suites": tuple(dict.fromkeys(self.suites + other.suites)),
                "own": other.own | self.own,
                "seeds": tuple(dict.fromkeys(self.seeds + other.seeds)),
                "teams": self.teams | other.teams,
                "protocols": (*self.sweeps, *(s for s in other.sweeps if s not in self.sweeps)),
                "interventions": tuple(dict.fromkeys(self.interventions + other.interventions)),
            }
        )


def read_config(path: Path) -> RunConfig:
    """Read a matrix, or a run's `config.yaml`.

    Raises:
        UsageError: one line for each fault, with file, line and field.
    """
    return parse_config(yamls.read_text(path, KIND), path)


def parse_config(text: str, path: Path) -> RunConfig:
    """Read the text of a matrix, or of a run's `config.yaml`, which lies at `path`.

    Raises:
        UsageError: one line for each fault, with file, line and field.
    """
    return yamls.parsed(text, path, RunConfig, KIND)
