"""Carrying out a run: all conversations of all cells in flight together, every cell scored as soon as it is complete.

Two waves go through the engines: first the cells that are known beforehand, then the votes whose number of ballots
follows from what other cells turned out to spend.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench.dispatch import Dispatch
from mlpo_bench.engines import close_engines, open_engines
from mlpo_bench.errors import BadInput, EngineFault, Stopped, StoppedAtOnce
from mlpo_bench.harness.suite import Suite, quiet_lm_eval
from mlpo_bench.matrix import cells
from mlpo_bench.questions import SUITES
from mlpo_bench.runs import pace
from mlpo_bench.runs.calibration import calibrated
from mlpo_bench.runs.conversing import converse_all
from mlpo_bench.runs.files import write_json
from mlpo_bench.runs.fit import check_fit
from mlpo_bench.runs.interrupts import stopped_by_interrupts
from mlpo_bench.runs.manifest import Manifest
from mlpo_bench.runs.matching import matched
from mlpo_bench.runs.plan import plan
from mlpo_bench.runs.progress import CellProgress
from mlpo_bench.runs.records import read_records
from mlpo_bench.runs.scoring import score
from mlpo_bench.store import Store


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Self

    from mlpo_bench.config import RunConfig
    from mlpo_bench.engines import Engine
    from mlpo_bench.matrix import Cell
    from mlpo_bench.runs.folder import RunFolder
    from mlpo_bench.runs.records import Record
    from mlpo_bench.runs.results import Results
    from mlpo_bench.runs.watcher import Listener, Watcher
    from mlpo_bench.teams import ModelSpec


async def carry_out(folder: RunFolder, store_path: Path, watcher: Watcher, only: tuple[str, ...] = ()) -> Results:
    """Carry out what is left of a run, or of some of its cells, and write all its files.

    Cells that are done stay as they are. Whatever was answered before, by this run or another, is taken from the
    store. An interruption loses nothing that was answered.

    Raises:
        BadInput: something the configuration asks for cannot be done.
        Stopped: a person stopped the run.
    """
    with folder.taken(), Store(store_path) as store, quiet_lm_eval():
        try:
            if todo := folder.left(only):
                await _carry_out(folder.config, todo, folder, store, watcher)
        except Stopped as stop:
            if not isinstance(stop, StoppedAtOnce):
                folder.write_results()
            raise
        return folder.write_results()


async def _carry_out(
    config: RunConfig, todo: Sequence[Cell], folder: RunFolder, store: Store, watcher: Watcher
) -> None:
    suites = load_suites(config, dict.fromkeys(cell.suite for cell in todo), watcher)
    specs = dict.fromkeys(spec for cell in todo for spec in cell.setting.team.specs)
    await _plan(folder, suites, watcher)
    engines = await open_engines(specs, deterministic=config.deterministic, on_event=watcher.say)
    async with AsyncExitStack() as closing:
        closing.push_async_callback(close_engines, engines)
        asked = {name: suite.asked for name, suite in suites.items()}
        check_fit(todo, asked, engines)
        dispatch = Dispatch(engines, store)
        manifest = Manifest(folder.manifest_path, config, {n: s.source for n, s in suites.items()}, engines.values())
        watcher.begin(todo, {name: len(a) for name, a in asked.items()}, dispatch.tally)
        try:
            with (
                stopped_by_interrupts(dispatch, watcher.say),
                _Work(folder, suites, engines, dispatch, watcher) as work,
            ):
                async with dispatch.at_work():
                    await work.through(await calibrated(todo, config, dispatch, watcher))
        except StoppedAtOnce:
            closing.pop_all()  # the process is about to end, and its engines with it
            raise
        finally:
            manifest.end(dispatch.tally)
        pace.learn(dispatch, todo, suites, folder)


async def _plan(folder: RunFolder, suites: Mapping[str, Suite], watcher: Watcher) -> None:
    """Write what the run will take, unless that is written: all its cells, those that are done among them.

    Suites of which nothing has been run are left out, for their questions may not be at hand.
    """
    config, before = folder.config, folder.plan()
    planned = {cell.cell: cell.suite for cell in before.cells} if before else {}
    every = [cell for cell in cells(config) if cell.suite in {*suites, *planned.values()}]
    if set(planned) == {cell.id for cell in every}:
        return
    names = dict.fromkeys(cell.suite for cell in every)
    loaded = load_suites(config, [name for name in names if name not in suites], watcher) | dict(suites)
    watcher.say("Estimating what it will take")
    found = await plan(every, {name: loaded[name] for name in names}, config.prices)
    write_json(folder.plan_path, found.model_dump(mode="json"))


@dataclass(slots=True)
class _Work:
    """The cells of a run on their way through engines and lm-eval.

    Scoring has a thread of its own: it keeps neither engines nor conversations waiting.
    """

    folder: RunFolder
    suites: Mapping[str, Suite]
    engines: Mapping[ModelSpec, Engine]
    dispatch: Dispatch
    watcher: Watcher
    _files: ExitStack = field(default_factory=ExitStack)
    _scorer: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "scoring"))
    _scoring: list[asyncio.Future[None]] = field(default_factory=list)

    async def through(self, todo: Sequence[Cell]) -> None:
        """Carry all cells through.

        Raises:
            Stopped: a person wants the run to stop, and all that was asked has been answered.
        """
        await self._hold([cell for cell in todo if cell.matched is None])
        await self._hold(await self._matched([cell for cell in todo if cell.matched is not None]))
        await self.dispatch.landed()
        if self.dispatch.stopped:
            raise Stopped

    async def _hold(self, some: Sequence[Cell]) -> None:
        progress = [
            self._files.enter_context(CellProgress(cell, len(self.suites[cell.suite].asked), self.folder))
            for cell in some
        ]
        await converse_all(progress, self.suites, self.dispatch, self._ended)
        await asyncio.gather(*self._scoring)
        self._scoring.clear()

    def _ended(self, one: CellProgress, record: Record) -> None:
        self.watcher.conversed(one.cell, record)
        if one.complete:
            self._scoring.append(asyncio.ensure_future(self._score(one)))

    async def _score(self, one: CellProgress) -> None:
        suite = self.suites[one.cell.suite]
        loop = asyncio.get_running_loop()
        self.watcher.scored(await loop.run_in_executor(self._scorer, score, one, suite, self.engines, self.folder))
        one.forget()

    async def _matched(self, votes: Sequence[Cell]) -> list[Cell]:
        """Return votes with their numbers of ballots; a vote on a cell that is not done cannot be counted."""
        found = await asyncio.gather(*(self._match(vote) for vote in votes))
        return [vote for vote in found if vote is not None]

    async def _match(self, vote: Cell) -> Cell | None:
        assert vote.matched_id is not None
        try:
            return await matched(vote, self._spent(vote.matched_id), self.suites[vote.suite], self.dispatch)
        except Stopped:
            return None
        except EngineFault as fault:
            self.watcher.say(f"{vote.suite}, {vote.label}: not run. {fault}")
            return None

    def _spent(self, cell_id: str) -> int:
        """Return the tokens that a cell took; one that lacks answers will have taken others when it has them."""
        if not self.folder.done(cell_id):
            if self.dispatch.stopped:
                raise Stopped
            raise EngineFault(f"{cell_id}, whose tokens it is to match, could not be finished.", transient=False)
        records = read_records(self.folder.records_path(cell_id))
        return sum(r.prompt_tokens + r.cached_tokens + r.completion_tokens for r in records)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()
        self._scorer.shutdown(cancel_futures=True)


def load_suites(config: RunConfig, names: Iterable[str], watcher: Listener) -> dict[str, Suite]:
    """Load suites as a run asks them, and say where their questions come from.

    Raises:
        BadInput: no such subject, or no source for a suite.
    """
    suites = {}
    for name in names:
        suites[name] = Suite(
            name,
            split=config.split,
            limit=config.limit,
            subjects=_subjects_of(name, config),
            data=Path(config.data) if config.data else None,
        )
        watcher.say(f"{name}: {len(suites[name].asked)} questions from {suites[name].source}")
    return suites


def _subjects_of(suite: str, config: RunConfig) -> tuple[str, ...] | None:
    """Return the subjects that were asked for and belong to a suite; None for all of them.

    Raises:
        BadInput: none of them does.
    """
    if config.subjects is None:
        return None
    of_suite = tuple(s for s in config.subjects if s in SUITES[suite].subjects)
    if not of_suite:
        raise BadInput(
            f"none of the subjects asked for belongs to {suite}; leave that suite out, or add one of its own."
        )
    return of_suite
