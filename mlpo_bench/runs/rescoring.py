"""Judging a run anew with today's readers: its conversations are held again over what was recorded, without a model.

What is read decides some courses: a vote's winner, a leader that stops early, a vote as long as another cell's tokens.
So nothing is judged by itself: the same matrix is carried out again, every completion taken from the run's own files
(or the store), and every derived file is made from that. A conversation that now asks what was never answered ends as
one that a fault of the machinery ended: it is in no figure, and `mlpo-bench run` asks what it lacks.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench.analysis.moves import Moves
from mlpo_bench.dispatch import Dispatch
from mlpo_bench.engines.recorded import RecordedEngine
from mlpo_bench.errors import UsageError
from mlpo_bench.harness.suite import quiet_lm_eval
from mlpo_bench.log import replacement
from mlpo_bench.log.completions import Layers
from mlpo_bench.log.directory import PARTS, RunDirectory
from mlpo_bench.log.ledger import keep_waits
from mlpo_bench.log.manifest import note_rescoring
from mlpo_bench.log.results import read_result
from mlpo_bench.log.unused import used_requests, write_unused
from mlpo_bench.runs.calibration import calibrated
from mlpo_bench.runs.cell_runner import CellRunner
from mlpo_bench.runs.interrupts import stopped_by_interrupts
from mlpo_bench.runs.observer import counted
from mlpo_bench.runs.recollection import NOT_RECORDED, recollect
from mlpo_bench.runs.runner import load_suites
from mlpo_bench.store import Store


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlpo_bench.harness.suite import SuiteTasks
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.matrix.config import RunConfig
    from mlpo_bench.runs.calibration import Weights
    from mlpo_bench.runs.observer import RunObserver
    from mlpo_bench.runs.recollection import Recollection
    from mlpo_bench.teams import Member


async def rescore(
    folder: RunDirectory, store_path: Path, observer: RunObserver, *, data: Path | None = None, dry_run: bool = False
) -> Moves:
    """Judge the cells of a run that have ended anew, put their files in place of the old ones, and tell what moved.

    Args:
        folder: The run.
        store_path: The store of completions: asked for what the run's files lack, and given what these hold where
            conversations have to go on.
        observer: Is told how far it is.
        data: A folder with the suites' published files, in place of the one that the run names.
        dry_run: Write nothing.

    Raises:
        UsageError: nothing has ended yet, a file is missing, broken or cannot be written, or the questions are not at
            hand.
        Stopped: a person stopped it; the run is as it was.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_told_of_disks(folder))
        if not dry_run:
            stack.enter_context(folder.locked())
        stack.enter_context(quiet_lm_eval())
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlpo-bench-rescore-")))
        prepared = scratch / "run" if dry_run else stack.enter_context(replacement.prepared(folder.path))
        staged = _staged(folder, prepared)
        layers = stack.enter_context(Layers(scratch, store_path))
        ended = _ended(folder)
        await _hold_ended(folder, staged, ended, layers, observer, data)
        moves = _moves(folder, staged, ended, observer)
        if not dry_run:
            _keep_unused(folder, staged, layers)
            if not moves.whole:
                _pass_on(layers, store_path)
            note_rescoring(folder.manifest_path, staged.manifest_path, moves.told())
            replacement.replace(folder.path, _gone(folder, moves))
    return moves


@contextlib.contextmanager
def _told_of_disks(folder: RunDirectory) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename or folder.path
        raise UsageError(f"{folder.path} could not be judged anew, for {where}: {error.strerror}.") from None


def _staged(folder: RunDirectory, path: Path) -> RunDirectory:
    staged = empty(path)
    shutil.copyfile(folder.config_path, staged.config_path)
    return staged


def empty(path: Path) -> RunDirectory:
    """Make the folders of a run that is to be filled."""
    for part in PARTS:
        (path / part).mkdir(parents=True, exist_ok=True)
    return RunDirectory(path)


def _ended(folder: RunDirectory) -> list[Cell]:
    ended = [cell for cell in folder.cells if folder.cell_path(cell.id).exists()]
    if not ended:
        raise UsageError(f"no cell of the run {folder.path} has come to its end; `{folder.command}` goes on with it.")
    folder.check_config(folder.manifest())
    folder.check_sources()
    for cell in ended:
        read_result(folder.cell_path(cell.id), cell)
        folder.files(cell.id).check()
    return ended


async def _hold_ended(
    folder: RunDirectory,
    staged: RunDirectory,
    ended: Sequence[Cell],
    layers: Layers,
    observer: RunObserver,
    data: Path | None,
) -> None:
    config = _at_hand(folder.config, data)
    names = dict.fromkeys(cell.suite for cell in ended)
    suites = load_suites(config, names, observer, names)
    _check_sources(folder, suites)
    observer.say("Reading what was recorded")
    recollection = recollect(folder, ended, suites, layers, observer)
    todo = [_with_ballots(cell, folder) for cell in ended]
    before = {cell.id: weights for cell in todo if (weights := _weights(cell, folder)) is not None}
    await hold_again(staged, todo, config, suites, recollection, observer, before)


async def hold_again(
    into: RunDirectory,
    todo: Sequence[Cell],
    config: RunConfig,
    suites: Mapping[str, SuiteTasks],
    recollection: Recollection,
    observer: RunObserver,
    before: Mapping[str, Weights] | None = None,
) -> None:
    """Hold the conversations of some cells again over what was recollected, and write the files of a run.

    Args:
        into: The run whose files are written, all but its manifest.
        todo: The cells; votes that match other cells' tokens with the ballots that are drawn first.
        config: Their configuration, with the place where the questions lie now.
        suites: Their suites.
        recollection: What they were answered, and by whom.
        observer: Is told how far it is.
        before: What ballots were weighted with, by cell, for those whose train answers were not kept.

    Raises:
        Stopped: a person stopped it.
    """
    recollection.layers.commit()
    counts = {name: len(suite.samples) for name, suite in suites.items()}
    for matched in (False, True):  # a vote that matches a cell's tokens comes after that cell, whoever answered
        for facts, some in recollection.groups([cell for cell in todo if bool(cell.matched) is matched]):
            engines = {spec: RecordedEngine(of_spec, NOT_RECORDED) for spec, of_spec in facts.items()}
            dispatch = Dispatch(engines, recollection.layers.of(some[0].id))
            observer.begin(some, counts, dispatch.tally)
            with (
                stopped_by_interrupts(dispatch, observer.say),
                CellRunner(into, suites, engines, dispatch, observer, recollection.failed) as runner,
            ):
                await runner.run(await calibrated(some, config, dispatch, into, observer, before))
    into.write_results()


def _at_hand(config: RunConfig, data: Path | None) -> RunConfig:
    """Return the configuration with the questions where they lie now."""
    named = data or (Path(config.data) if config.data and Path(config.data).is_dir() else None)
    return config.model_copy(update={"data": str(named) if named else None})


def _check_sources(folder: RunDirectory, suites: Mapping[str, SuiteTasks]) -> None:
    sources = folder.manifest()["sources"]
    for name, suite in suites.items():
        before = sources[name]
        if suite.source.revision != before["revision"]:
            raise UsageError(
                f"the run {folder.path} asked {name} of {before['where']} ({before['revision']}); what was found here "
                f"is {suite.source.where} ({suite.source.revision}). Name its folder with --data."
            )


def _with_ballots(cell: Cell, folder: RunDirectory) -> Cell:
    """Return a matched vote with the ballots that it had, which are the ones to be counted first."""
    result = folder.cell(cell.id)
    return cell.with_samples(result.samples) if result and result.samples else cell


def _weights(cell: Cell, folder: RunDirectory) -> dict[Member, float] | None:
    """Return what a cell's ballots were weighted with; None where two members go by one name."""
    result, members = folder.cell(cell.id), cell.setting.team.distinct
    if result is None or result.scores.keys() != {member.label for member in members}:
        return None
    return {member: result.scores[member.label] for member in members} if len(result.scores) == len(members) else None


def _moves(folder: RunDirectory, staged: RunDirectory, ended: Sequence[Cell], observer: RunObserver) -> Moves:
    """Return what moved, and give every turn the wait that it had."""
    moves = Moves()
    for cell in counted(ended, "cells compared", observer):
        if not staged.cell_path(cell.id).exists():
            moves.lose(cell, folder)
            continue
        moves.compare(cell, folder, staged)
        keep_waits(folder.ledger_path(cell.id), staged.ledger_path(cell.id))
        if cell.setting.protocol.weighs and not staged.calibration_path(cell.id).exists():
            moves.weighed_before.append(cell.id)
    return moves


def _keep_unused(folder: RunDirectory, staged: RunDirectory, layers: Layers) -> None:
    """Keep the completions that no conversation uses now: the readers of another day may need them."""
    used = set(used_requests(staged.path))
    unused = [one for one in layers if one.request not in used]
    if unused or folder.unused_path.exists():
        write_unused(staged, unused)


def _pass_on(layers: Layers, path: Path) -> None:
    """Put what was recorded into the store from which `mlpo-bench run` takes what it need not ask."""
    with Store(path) as known:
        for one in layers:
            known.put(one.request, one.made, one.by)


def _gone(folder: RunDirectory, moves: Moves) -> Iterator[str]:
    """Yield the files of votes that wait for another cell."""
    for cell in folder.cells:
        if cell.id in moves.waiting:
            paths = (path(cell.id) for path in (folder.cell_path, folder.records_path, folder.ledger_path))
            for path in (*paths, folder.transcript_path(cell), folder.calibration_path(cell.id)):
                yield str(path.relative_to(folder.path))
