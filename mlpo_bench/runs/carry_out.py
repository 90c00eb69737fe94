"""Carrying out a run: all conversations of all cells in flight together, each cell scored as soon as it is complete."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench.dispatch import Dispatch
from mlpo_bench.engines import close_engines, open_engines
from mlpo_bench.errors import BadInput, Stopped, StoppedAtOnce
from mlpo_bench.harness.suite import Suite, quiet_lm_eval
from mlpo_bench.matrix import cells
from mlpo_bench.questions import SUITES
from mlpo_bench.runs import pace
from mlpo_bench.runs.calibration import calibrated
from mlpo_bench.runs.files import write_json
from mlpo_bench.runs.fit import check_fit
from mlpo_bench.runs.interrupts import stopped_by_interrupts
from mlpo_bench.runs.manifest import Manifest
from mlpo_bench.runs.plan import plan
from mlpo_bench.runs.work import Work
from mlpo_bench.store import Store


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlpo_bench.config import RunConfig
    from mlpo_bench.matrix import Cell
    from mlpo_bench.runs.folder import RunFolder
    from mlpo_bench.runs.results import Results
    from mlpo_bench.runs.watcher import Listener, Watcher


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
            with stopped_by_interrupts(dispatch, watcher.say), Work(folder, suites, engines, dispatch, watcher) as work:
                async with dispatch.at_work():
                    await work.through(await calibrated(todo, config, dispatch, folder, watcher))
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
