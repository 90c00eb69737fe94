"""Carrying out a run from Python: what a person writes becomes a configuration, as on the command line."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, Unpack, cast

from pydantic import ValidationError

from mlpo_bench import yamls
from mlpo_bench.api.run import Run
from mlpo_bench.engines import LOCAL, close_engines
from mlpo_bench.engines import executor as named_executor
from mlpo_bench.errors import Stopped, StoppedAtOnce, UsageError
from mlpo_bench.log import LoadedRun, RunDirectory
from mlpo_bench.matrix.config import TEAM, RunConfig, read_config
from mlpo_bench.paths import expanded
from mlpo_bench.protocols import PROTOCOLS, Protocol
from mlpo_bench.questions import Suite
from mlpo_bench.runs.observer import Silent
from mlpo_bench.runs.runner import run_cells
from mlpo_bench.shared import loop_is_running
from mlpo_bench.store import Store, default_path
from mlpo_bench.teams import Team, read_team


if TYPE_CHECKING:
    from mlpo_bench.engines import Engine, ModelSpec, OpenEngines
    from mlpo_bench.matrix.sweeps import Match
    from mlpo_bench.runs.observer import RunObserver

SuiteLike: TypeAlias = "str | Path | Suite"
"""A suite: its name, `module:NAME`, a file of one's own (`mine.csv`), or an object."""
ProtocolLike: TypeAlias = "str | Protocol | type[Protocol] | Mapping[str, Any]"
"""A protocol: its name, an instance, its class, or `{name: {setting: value or values}}` as a matrix has it."""
TeamLike: TypeAlias = "str | Path | Team | Mapping[str, Any]"
"""A team: its file, an object, what a team file holds, or `{name: team}` for several."""


class Asked(TypedDict, total=False):
    """What else a matrix may say; what is left out is as on the command line (see `RunConfig`)."""

    format: str | Mapping[str, str]
    limit: int | None
    rounds: int | Sequence[int]
    peers: int | Sequence[int]
    samples: int | Match | Sequence[int | Match] | None
    seeds: int | Sequence[int]
    split: str
    subjects: str | Sequence[str] | None
    data: str | Path | None
    calibration: int
    generation: Mapping[str, Any]
    deterministic: bool
    interventions: Sequence[Mapping[str, Any]]


def run(
    suites: SuiteLike | Sequence[SuiteLike] | None = None,
    protocols: ProtocolLike | Sequence[ProtocolLike] | None = None,
    team: TeamLike | None = None,
    *,
    config: str | Path | None = None,
    name: str | None = None,
    folder: str | Path = "runs",
    only: Sequence[str] = (),
    add: bool = False,
    store: str | Path | Store | None = None,
    observer: RunObserver | None = None,
    executor: str = LOCAL,
    open_engines: OpenEngines | None = None,
    **asked: Unpack[Asked],
) -> Run:
    """Carry out what is left of a run, and return it. Nothing is printed.

    The same call goes on with a run that was interrupted; what was answered before is not asked again.

    Example:
        >>> run(suites=["bbh"], protocols=["solo", "vote", Leader(rounds=1)], team="team.yaml", data="data", limit=27,
        ...     name="mine")
        <Run 'mine': 4 of 4 cells>

    Args:
        suites: names, files or instances (see `SuiteLike`).
        protocols: names, instances, or names with their settings (see `ProtocolLike`).
        team: a file, a `Team`, or what a team file holds (see `TeamLike`).
        config: a matrix as YAML; what else is given overrides it.
        name: the run's name.
        folder: where runs lie.
        only: take the cells with one of these words in their names, and those whose tokens they match.
        add: extend the run of that name by the cells asked for.
        store: where completions are kept: a file, or an open `Store`; the person's own where it is left out.
        observer: is told how far it is (derive one from `Silent`).
        executor: where engines run: `local`, or `ray` (a cluster: `RAY_ADDRESS`, or one on this machine).
        open_engines: what starts the engines in place of the real ones (see `mlpo_bench.testing`).
        asked: what else a matrix may say: `limit`, `rounds`, `peers`, `seeds`, `data`, ... (see `Asked`).

    Raises:
        UsageError: something that was asked for cannot be done, or an event loop is running already: use `arun`.
        KeyboardInterrupt: it was stopped; what was answered is kept.
        SystemExit: the same, by SIGTERM or SIGHUP.
    """
    if loop_is_running():
        raise UsageError("an event loop is running here, as in a notebook: write `await mlpo_bench.arun(...)`.")
    every = {"config": config, "name": name, "folder": folder, "only": only, "add": add, "store": store}
    hooks = {"observer": observer, "executor": executor, "open_engines": open_engines}
    return asyncio.run(arun(suites, protocols, team, **every, **hooks, **asked))  # type: ignore[arg-type]


async def arun(
    suites: SuiteLike | Sequence[SuiteLike] | None = None,
    protocols: ProtocolLike | Sequence[ProtocolLike] | None = None,
    team: TeamLike | None = None,
    *,
    config: str | Path | None = None,
    name: str | None = None,
    folder: str | Path = "runs",
    only: Sequence[str] = (),
    add: bool = False,
    store: str | Path | Store | None = None,
    observer: RunObserver | None = None,
    executor: str = LOCAL,
    open_engines: OpenEngines | None = None,
    **asked: Unpack[Asked],
) -> Run:
    """Do what `run` does where an event loop is running, as in a notebook: `await mlpo_bench.arun(...)`."""
    opening = open_engines or named_executor(executor)
    before = RunDirectory.open(expanded(folder) / name).config if add and name else None
    base = read_config(expanded(config)) if config else before
    directory = RunDirectory.for_run(_configured(base, suites, protocols, team, asked), expanded(folder), name, add=add)
    kept = store if isinstance(store, Store) else expanded(store or default_path())
    engines: dict[ModelSpec, Engine] = {}

    async def opened(specs: Iterable[ModelSpec], **options: Any) -> Mapping[ModelSpec, Engine]:  # noqa: ANN401
        engines.update(await opening(specs, **options))
        return engines

    try:
        await run_cells(directory, kept, observer or Silent(), tuple(only), opened)
    except Stopped as stop:
        if isinstance(stop, StoppedAtOnce):  # a command's process ends with its engines; this one goes on
            await close_engines(engines)
        if stop.signum != signal.SIGINT:
            raise SystemExit(128 + stop.signum) from None
        raise KeyboardInterrupt(f"the run {directory.path} was stopped; the same call goes on with it") from None
    return Run(LoadedRun(directory))


def _configured(
    base: RunConfig | None,
    suites: SuiteLike | Sequence[SuiteLike] | None,
    protocols: ProtocolLike | Sequence[ProtocolLike] | None,
    team: TeamLike | None,
    asked: Asked,
) -> RunConfig:
    """Return the configuration that was asked for.

    Raises:
        UsageError: a line for each thing that is wrong.
    """
    given: dict[str, Any] = {**asked}
    if given.get("data") is not None:
        given["data"] = str(expanded(given["data"]).resolve())
    if suites is not None:
        every_suite = [suites] if isinstance(suites, (str, Path, Suite)) else _listed("suites", suites)
        given["suites"] = [str(one) if isinstance(one, Path) else one for one in every_suite]
    if protocols is not None:
        one = isinstance(protocols, (str, Protocol, type, Mapping))
        every = cast("Sequence[ProtocolLike]", [protocols] if one else _listed("protocols", protocols))
        given["protocols"] = [_protocol(each) for each in every]
    if team is not None:
        given["teams"] = _teams(team)
    given = {**(dict(base) if base else {}), **given}
    try:
        return RunConfig.model_validate(given)
    except ValidationError as error:
        raise UsageError(yamls.listed(yamls.sentences(error, RunConfig, given))) from None


def _listed(what: str, given: Any) -> list[Any]:  # noqa: ANN401 - whatever somebody gives in a list's place
    if not isinstance(given, Iterable):
        raise UsageError(f"{what}: {given!r} is none, and no list of some.")
    return list(given)


def _protocol(given: ProtocolLike) -> object:
    """Return an entry of a matrix; what an instance says of its depth and its ballots overrides the run's."""
    if isinstance(given, type):
        return PROTOCOLS.reference(given)
    if not isinstance(given, Protocol):
        return given
    kind = type(given)
    told = {kind.depth, kind.ballots}
    settings = {
        setting.name: value
        for setting in fields(given)
        if (value := getattr(given, setting.name)) != setting.default or setting.name in told
    }
    return {PROTOCOLS.reference(kind): settings} if settings else PROTOCOLS.reference(kind)


def _teams(given: TeamLike) -> dict[str, object]:
    if isinstance(given, (str, Path)):
        return {TEAM: read_team(expanded(given))}
    if isinstance(given, Team):
        return {TEAM: given}
    if not isinstance(given, Mapping):
        raise UsageError(f"team: {given!r} is none: give a file, a `Team`, or what a team file holds.")
    if "leader" in given:
        return {TEAM: dict(given)}
    return {name: read_team(expanded(each)) if isinstance(each, (str, Path)) else each for name, each in given.items()}
