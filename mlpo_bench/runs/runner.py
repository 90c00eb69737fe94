"""Carrying out a run: all conversations of all cells in flight together, each cell scored as soon as it is complete."""

from __future__ import annotations

import contextlib
from contextlib import AsyncExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench.dispatch import Dispatch
from mlpo_bench.engines import close_engines, open_when_asked
from mlpo_bench.engines.late import start_of
from mlpo_bench.errors import Stopped, StoppedAtOnce, UsageError, unknown
from mlpo_bench.harness.suite import SuiteTasks, quiet_lm_eval
from mlpo_bench.log import origins
from mlpo_bench.log.files import noted_store
from mlpo_bench.log.manifest import Manifest
from mlpo_bench.log.plan import write_plan
from mlpo_bench.questions import from_elsewhere
from mlpo_bench.runs import throughput
from mlpo_bench.runs.calibration import calibrated
from mlpo_bench.runs.cell_runner import CellRunner
from mlpo_bench.runs.context_check import check_context
from mlpo_bench.runs.interrupts import stopped_by_interrupts
from mlpo_bench.runs.recollection import restore
from mlpo_bench.runs.rehearsal import plan
from mlpo_bench.store import Store, default_path


if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from mlpo_bench.engines import Engine, ModelSpec, OpenEngines
    from mlpo_bench.log.directory import RunDirectory
    from mlpo_bench.log.results import Results
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.matrix.config import RunConfig
    from mlpo_bench.runs.observer import Listener, RunObserver


async def run_cells(
    folder: RunDirectory,
    store: Path | Store,
    observer: RunObserver,
    only: tuple[str, ...] = (),
    open_engines: OpenEngines = open_when_asked,
) -> Results:
    """Carry out what is left of a run, or of some of its cells, and write all its files.

    Cells that are done stay as they are. Whatever was answered before, by this run or another, is taken from the
    store. An interruption loses nothing that was answered.

    Args:
        folder: The run.
        store: Where completions are kept: a file, or a store that is open and stays so.
        observer: Is told how far it is.
        only: Take the cells with one of these words in their names, and those whose tokens they match.
        open_engines: What starts the engines.

    Raises:
        UsageError: something the configuration asks for cannot be done, or a disk is full.
        Stopped: a person stopped the run.
    """
    folder.store = store.path if isinstance(store, Store) else store
    opened = nullcontext(store) if isinstance(store, Store) else Store(store)
    with _told_of_disks(folder), folder.locked(), opened as kept, quiet_lm_eval():
        folder.check_as_taken_up()
        folder.sweep()
        for sentence in folder.put_right:
            observer.say(sentence)
        todo = folder.left(only)
        if todo or kept.set_aside is not None:
            _restore(kept, folder, observer)
        try:
            if todo:
                kept.check()
                await _run_cells(todo, folder, kept, observer, open_engines)
        except Stopped as stop:
            if trouble := kept.settle():
                raise UsageError(f"{trouble} Nothing more was asked; to go on: {folder.command}") from None
            if not isinstance(stop, StoppedAtOnce):
                folder.write_results()
            raise
        results = folder.write_results()
        if trouble := kept.settle():  # it came too late to stop anything
            raise UsageError(f"{trouble} Everything was asked; to go on: {folder.command}")
        return results


@contextlib.contextmanager
def _told_of_disks(folder: RunDirectory) -> Iterator[None]:
    """Tell in a sentence of a disk that is full, or a folder that cannot be written any more."""
    try:
        yield
    except OSError as error:
        where, why = error.filename or folder.path, error.strerror or str(error)
        raise UsageError(
            f"{where} cannot be written or read: {why}. Nothing more was asked, and what was answered is kept; to go "
            f"on: {folder.command}"
        ) from None


def _restore(store: Store, folder: RunDirectory, observer: Listener) -> None:
    """Fill a store that is new with what the run's own files hold, where the one before was damaged, or was lost."""
    if store.path is None or store.trouble is not None:
        return
    before = noted_store(folder.path) or default_path()
    lost = Path(before).absolute() == store.path.absolute() and store.empty
    if not (store.set_aside or lost):
        return
    restored = restore(folder, store, [])  # what is damaged is made anew
    if restored or store.set_aside:
        why = f"was damaged and is set aside as {store.set_aside}" if store.set_aside else "is new"
        observer.say(
            f"The store {store.path} {why}; {restored:,} answers of this run are taken from its transcripts. "
            "`mlpo-bench store rebuild RUN` takes those of another."
        )


async def _run_cells(
    todo: Sequence[Cell], folder: RunDirectory, store: Store, observer: RunObserver, open_engines: OpenEngines
) -> None:
    config = folder.config
    async with AsyncExitStack() as closing:
        try:
            suites, engines = await _opened(todo, folder, observer, open_engines, closing)
        except UsageError:
            folder.take_back()
            raise
        await _plan(folder, suites, observer)
        samples = {name: suite.samples for name, suite in suites.items()}
        if (late := start_of(engines.values())) is None:
            check_context(todo, samples, engines)
        else:
            late.then(lambda: check_context(todo, samples, engines))
        dispatch = Dispatch(engines, store)
        sources = {name: suite.source for name, suite in suites.items()}
        manifest = Manifest(folder.manifest_path, config, sources, engines, store.path)
        observer.begin(todo, {name: len(a) for name, a in samples.items()}, dispatch.tally)
        try:
            with (
                stopped_by_interrupts(dispatch, observer.say),
                CellRunner(folder, suites, engines, dispatch, observer) as runner,
            ):
                async with dispatch.at_work():
                    await runner.run(await calibrated(todo, config, dispatch, folder, observer))
        except StoppedAtOnce:
            closing.pop_all()  # the process is about to end, and its engines with it
            raise
        finally:
            clients = {spec.name: client for spec, client in dispatch.clients.items()}
            made_by = {name: client.made for name, client in clients.items()}
            worked = {name: (client.busy, client.written) for name, client in clients.items()}
            with contextlib.suppress(OSError):  # whatever is amiss with the disk is told of by now, or soon
                manifest.end(dispatch.tally, made_by, worked)
        throughput.learn(dispatch, todo, suites, folder)


async def _opened(
    todo: Sequence[Cell],
    folder: RunDirectory,
    observer: RunObserver,
    open_engines: OpenEngines,
    closing: AsyncExitStack,
) -> tuple[dict[str, SuiteTasks], Mapping[ModelSpec, Engine]]:
    """Load the suites and start the engines of some cells, and check that they are those that the run has had.

    Raises:
        UsageError: one cannot be had, or is another than cells of the run were made with.
    """
    known = folder.manifest().get("sources", {}) if folder.manifest_path.exists() else {}
    suites = load_suites(folder.config, dict.fromkeys(cell.suite for cell in todo), observer, known)
    origins.check_data(folder, {name: suite.source for name, suite in suites.items()})
    specs = dict.fromkeys(spec for cell in todo for spec in cell.setting.team.specs)
    engines = await open_engines(specs, deterministic=folder.config.deterministic, on_event=observer.say)
    closing.push_async_callback(close_engines, engines)
    origins.check_models(folder, {spec: engines[spec].facts for spec in specs})
    return suites, engines


async def _plan(folder: RunDirectory, suites: Mapping[str, SuiteTasks], observer: RunObserver) -> None:
    """Write what the run will take, unless that is written: all its cells, those that are done among them.

    Suites of which nothing has been run are left out, for their questions may not be at hand.
    """
    config, before = folder.config, folder.plan()
    planned = {cell.cell: cell.suite for cell in before.cells} if before else {}
    every = [cell for cell in folder.cells if cell.suite in {*suites, *planned.values()}]
    if set(planned) == {cell.id for cell in every}:
        return
    names = dict.fromkeys(cell.suite for cell in every)
    others = [name for name in names if name not in suites]
    loaded = load_suites(config, others, observer, others) | dict(suites)
    observer.say("Estimating what it will take")
    made = await plan(every, {name: loaded[name] for name in names}, config.prices)
    write_plan(folder.plan_path, made, config.digest)


def load_suites(
    config: RunConfig, names: Iterable[str], observer: Listener, known: Container[str] = ()
) -> dict[str, SuiteTasks]:
    """Load suites as a run asks them, and say where their questions come from.

    Args:
        config: The run's.
        names: The suites.
        observer: Is told.
        known: Those of which it is known what was asked before, and held against it: other sources may have them where
            the folder that the run names has not.

    Raises:
        UsageError: no such subject, or no source for a suite.
    """
    _check_subjects(config)
    suites = {}
    for name in names:
        with from_elsewhere(allowed=name in known):
            suites[name] = SuiteTasks(
                config.suite(name),
                split=config.split,
                limit=config.limit,
                subjects=_subjects_of(name, config),
                data=Path(config.data) if config.data else None,
            )
        observer.say(f"{name}: {len(suites[name].samples):,} questions from {suites[name].source}")
    return suites


def _check_subjects(config: RunConfig) -> None:
    """Refuse subjects of no suite that is asked, where one of them is a person's own: others were checked before."""
    if config.subjects and config.own:
        known = {subject for name in config.suites for subject in config.suite(name).subjects}
        for wrong in sorted(set(config.subjects) - known):
            raise unknown("subject", wrong, known)


def _subjects_of(suite: str, config: RunConfig) -> tuple[str, ...] | None:
    """Return the subjects that were asked for and belong to a suite; None for all of them.

    Raises:
        UsageError: none of them does.
    """
    if config.subjects is None:
        return None
    of_suite = tuple(s for s in config.subjects if s in config.suite(suite).subjects)
    if not of_suite:
        raise UsageError(
            f"none of the subjects asked for belongs to {suite}; leave that suite out, or add one of its own."
        )
    return of_suite
