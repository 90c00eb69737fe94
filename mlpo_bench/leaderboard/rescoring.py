"""Judging a leaderboard's rows anew with today's readers, from the completions that were kept of them."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench import atomic
from mlpo_bench.analysis.moves import Moves, RowMove, Standing
from mlpo_bench.analysis.rows import read_rows
from mlpo_bench.errors import UsageError
from mlpo_bench.harness import readers
from mlpo_bench.harness.suite import quiet_lm_eval
from mlpo_bench.leaderboard.board import entry_paths
from mlpo_bench.leaderboard.completions import KeptRun, digest, recollect
from mlpo_bench.leaderboard.entry import Rescored, flags, read_entry
from mlpo_bench.leaderboard.figures import over_suites
from mlpo_bench.leaderboard.from_run import suite_row
from mlpo_bench.log import LoadedRun
from mlpo_bench.log.completions import Layers
from mlpo_bench.log.manifest import circumstances
from mlpo_bench.matrix.cells import cells
from mlpo_bench.runs.rescoring import empty, hold_again
from mlpo_bench.runs.runner import load_suites


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.harness.suite import SuiteTasks
    from mlpo_bench.leaderboard.entry import Completions, Entry, SuiteRow
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.runs.observer import RunObserver


@dataclass(slots=True)
class BoardMoves:
    """What moved on a leaderboard.

    `entries` are those that changed, if only in who read them, as they are now; `means` tells how means over suites
    moved, by row and model. `stays` says of rows that could not be judged anew how many of their conversations would go
    on otherwise, 0 where their weights or their numbers of ballots cannot be had; `without` counts those of which no
    completions were kept.
    """

    entries: list[Entry] = field(default_factory=list)
    moves: Moves = field(default_factory=Moves)
    means: dict[str, tuple[float, float]] = field(default_factory=dict)
    stays: dict[str, int] = field(default_factory=dict)
    without: int = 0
    rescored: int = 0


async def rescore(leaderboard: Path, observer: RunObserver, data: Path | None = None) -> BoardMoves:
    """Return the entries of a leaderboard as they are with today's readers; nothing is written.

    Args:
        leaderboard: Its folder.
        observer: Is told how far it is.
        data: A folder with the suites' published files.

    Raises:
        UsageError: a file is missing, broken or not the one it should be, or the questions are not at hand.
        Stopped: a person stopped it.
    """
    moves = BoardMoves()
    kept: dict[Completions, list[Entry]] = {}
    for entry in map(read_entry, entry_paths(leaderboard)):
        if entry.completions is None:
            moves.without += 1
        else:
            kept.setdefault(entry.completions, []).append(entry)
    noted = Rescored(**circumstances())
    for completions, entries in kept.items():
        with quiet_lm_eval(), tempfile.TemporaryDirectory(prefix="mlpo-bench-rescore-") as scratch:
            path = leaderboard / completions.file
            _check_file(path, completions)
            run = await _held_again(path, entries, Path(scratch), observer, data)
            for entry in entries:
                _take(moves, entry, run, noted)
    return moves


def _check_file(path: Path, completions: Completions) -> None:
    if not path.is_file():
        raise UsageError(f"{path} is not there; the rows that came of it cannot be judged anew.")
    if digest(path) != completions.sha256:
        raise UsageError(f"{path} is not the file that its rows were added with.")


async def _held_again(
    path: Path, entries: Sequence[Entry], scratch: Path, observer: RunObserver, data: Path | None
) -> LoadedRun:
    """Hold the conversations of some entries again, and return the run that came of it."""
    kept = KeptRun.read(path)
    config = kept.config.model_copy(update={"data": str(data) if data else None})
    run = empty(scratch / "run")
    atomic.write(run.config_path, config.to_yaml().encode())
    todo = _cells(path, kept, entries)
    names = dict.fromkeys(cell.suite for cell in todo)
    suites = load_suites(config, names, observer, names)
    for entry in entries:
        _check_sources(entry, suites)
    with ExitStack() as stack:
        layers = stack.enter_context(Layers(scratch))
        await hold_again(run, todo, config, suites, recollect(path, kept, todo, layers), observer)
    return LoadedRun(run)


def _cells(path: Path, kept: KeptRun, entries: Sequence[Entry]) -> list[Cell]:
    """Return the cells of some entries, and those whose tokens they match; votes with the ballots that they had."""
    every = {cell.id: cell for cell in cells(kept.config)}
    ballots = {one.cell: one.samples for entry in entries for row in entry.suites.values() for one in row.answers}
    if unknown := sorted(ballots.keys() - every.keys()):
        raise UsageError(f"{path} is not of the run that {unknown[0]} came of.")
    wanted = {*ballots, *(matched for cell in ballots if (matched := every[cell].matched_id))}
    return [
        cell.with_samples(samples) if (samples := ballots.get(cell.id)) and cell.matched else cell
        for cell in every.values()
        if cell.id in wanted
    ]


def _check_sources(entry: Entry, suites: Mapping[str, SuiteTasks]) -> None:
    for name, row in entry.suites.items():
        here = suites[name].source
        if here.revision != row.source.revision:
            raise UsageError(
                f"{entry.filename} was asked {name} of revision {row.source.revision}; what was found here is "
                f"{here.where} ({here.revision}). Name the folder of the other with --data."
            )


def _take(moves: BoardMoves, entry: Entry, run: LoadedRun, noted: Rescored) -> None:
    """Add an entry as a run has it that was carried out again."""
    ids = [one.cell for row in entry.suites.values() for one in row.answers]
    if not all(map(run.done, ids)):
        moves.stays[_named(entry)] = sum(result.errors for cell in ids if (result := run.result.get(cell)))
        return
    moves.rescored += 1
    suites = dict(_suites(entry, run))
    for suite, row in entry.suites.items():
        moves.moves.rows.append(_moved(entry, suite, row, suites[suite]))
    if (suites, readers.identity()) != (entry.suites, entry.readers):
        macro = over_suites(suites)
        if macro is not None and entry.macro is not None:
            moves.means[_named(entry)] = entry.macro.value, macro.value
        change = {"suites": suites, "macro": macro, "readers": readers.identity(), "rescored": (*entry.rescored, noted)}
        moves.entries.append(entry.model_copy(update=change).signed())


def _named(entry: Entry) -> str:
    """Return what a row is called among those of other models, of which another may have its name."""
    return f"{entry.name}, {entry.model}"


def _suites(entry: Entry, run: LoadedRun) -> Mapping[str, SuiteRow]:
    every = run.cell
    asked = {one.cell for row in entry.suites.values() for one in row.answers}
    rows = {row.suite: row for row in read_rows(run, asked)}
    made = {}
    for suite, row in entry.suites.items():
        seeds = [every[one.cell] for one in row.answers]
        made[suite] = suite_row(run, seeds, rows[suite], row.source.model_dump(), row.chance)
        if made[suite].questions != row.questions:
            raise UsageError(f"{entry.filename}: {suite} is not asked the questions today that it answered.")
    return made


def _moved(entry: Entry, suite: str, before: SuiteRow, after: SuiteRow) -> RowMove:
    was, now = ("".join(one.right for one in row.answers) for row in (before, after))
    turned = flags(now) - flags(was)
    return RowMove(
        suite=suite,
        row=_named(entry),
        before=_standing(before),
        after=_standing(after),
        right=int((turned > 0).sum()),
        wrong=int((turned < 0).sum()),
    )


def _standing(row: SuiteRow) -> Standing:
    right, unread = ("".join(getattr(one, name) for one in row.answers).count("1") for name in ("right", "unread"))
    return Standing(n=row.questions.n * len(row.answers), right=right, unread=unread)
