"""Does a leaderboard hold together: entries against their schema, their answers, their tables, and their run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlpo_bench import atomic
from mlpo_bench.errors import UsageError
from mlpo_bench.leaderboard import counts
from mlpo_bench.leaderboard.block import page_of
from mlpo_bench.leaderboard.board import Board, entry_paths
from mlpo_bench.leaderboard.completions import KeptRun, digest
from mlpo_bench.leaderboard.entry import flags, read_entry
from mlpo_bench.leaderboard.figures import of_answers, over_suites
from mlpo_bench.leaderboard.from_run import entries_of_cells, made_from
from mlpo_bench.leaderboard.reported import read_reported
from mlpo_bench.leaderboard.verdicts import votes_of
from mlpo_bench.log.completions import read_completions


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from mlpo_bench.analysis.ballots import Ballots
    from mlpo_bench.leaderboard.entry import Entry, SuiteRow
    from mlpo_bench.log import LoadedRun

# Entries keep six decimals, the last of which may fall either way on another machine.
_SAME = 2e-6


def faults(folder: Path) -> Iterator[str]:
    """Yield a line for each thing that is wrong with a leaderboard's folder; tables last, where entries can be read."""
    if not folder.is_dir():
        yield f"there is no folder {folder}."
        return
    entries, unreadable = [], False
    for path in sorted((folder / "entries").glob("*")):
        try:
            entry = _read(path)
        except UsageError as mistake:
            unreadable = True
            yield str(mistake)
            continue
        entries.append(entry)
        yield from (f"{path.name}: {fault}" for fault in _faults_of(entry, path.name))
    yield from _completions(folder, entries)
    try:
        reported = read_reported(folder / "reported.json")
    except UsageError as mistake:
        yield str(mistake)
        return
    if not unreadable:
        board = Board(tuple(entries), reported)
        yield from _stale(folder, board.built())
        page = page_of(folder)
        if page.is_file() and board.told_in(page) is not None:
            yield f"the verdict in {page} is not what its entries come to; `mlpo-bench leaderboard build` mends it."


def _read(path: Path) -> Entry:
    if path.suffix != ".json":
        raise UsageError(f"{path.name} is no entry, and does not belong here.")
    return read_entry(path)


def _completions(folder: Path, entries: Sequence[Entry]) -> Iterator[str]:
    """Yield what is wrong with the completions that entries name; once for all that share a file."""
    named = list(dict.fromkeys(entry.completions for entry in entries if entry.completions))
    for one in named:
        path = folder / one.file
        if not path.is_file():
            yield f"{one.file} is not there, so the rows that name it cannot be judged anew."
        elif digest(path) != one.sha256:
            yield f"{one.file} was changed after its rows were added: its sha256 is {digest(path)}."
        else:
            try:
                KeptRun.read(path)
                for _ in read_completions(path):
                    pass
            except UsageError as mistake:
                yield str(mistake)
    for path in sorted((folder / "completions").glob("*")):
        if path.relative_to(folder).as_posix() not in {one.file for one in named}:
            yield f"{path.relative_to(folder)} belongs to no entry; add its run anew, or delete the file."


def _faults_of(entry: Entry, name: str) -> Iterator[str]:
    if name != entry.filename:
        yield f"a file of this content is called {entry.filename}."
    if entry.sha256 != entry.content_sha256:
        yield f"it was changed after it was added: its sha256 would be {entry.content_sha256}."
    for suite, row in entry.suites.items():
        for field, made in of_answers(row.questions, row.answers).items():
            stated = getattr(row, field)
            if not _same(_plain(stated), _plain(made)):
                yield f"{suite}: {field} is stated as {_told(stated)}, but its answers come to {_told(made)}."
        if row.ballots is not None:
            yield from (f"{suite}: {fault}" for fault in _miscounted(row, counts.read(row.ballots)))
        if tuple(each.seed for each in row.answers) != entry.seeds:
            yield f"{suite}: its answers are not of the seeds {', '.join(map(str, entry.seeds))}."
    if not _same(_plain(entry.macro), _plain(made := over_suites(entry.suites))):
        yield f"the mean over suites is stated as {_told(entry.macro)}, but its suites come to {_told(made)}."


def _miscounted(row: SuiteRow, questions: Sequence[Ballots]) -> Iterator[str]:
    """Yield what the counts of a vote's ballots do not come to, of its first question that is at odds."""
    right, unread = row.scores, np.mean([flags(each.unread) for each in row.answers], axis=0)
    most = round(row.cost.calls * len(row.answers))
    for place, given in enumerate(questions):
        ahead, behind = max(given.right, default=0), max(given.wrong, default=0)
        if not 1 <= given.total <= most:
            yield f"question {place + 1} has {given.total} ballots, of {most} that were drawn."
        elif (right[place] > 0 and not ahead) or (right[place] < 1 and not behind and not given.unread):
            yield f"what was right of question {place + 1} is not what its ballots come to."
        elif len(row.answers) == 1 and (right[place] > 0) != (ahead > behind) and ahead != behind:
            yield f"question {place + 1} was answered otherwise than most of its ballots say."
        elif len(row.answers) == 1 and (unread[place] > 0) != (not ahead and not behind):
            yield f"question {place + 1} was read otherwise than its ballots."
        else:
            continue
        return


def _plain(value: Any) -> Any:  # noqa: ANN401 - a figure or a number
    return value.model_dump() if hasattr(value, "model_dump") else value


def _told(value: Any) -> str:  # noqa: ANN401
    if value is None:
        return "none"
    return f"{value.value} [{value.low}, {value.high}]" if hasattr(value, "low") else str(value)


def _same(stated: Any, made: Any) -> bool:  # noqa: ANN401
    """Whether two values are equal but for rounding."""
    if isinstance(stated, dict) and isinstance(made, dict):
        return stated.keys() == made.keys() and all(_same(stated[name], made[name]) for name in stated)
    if isinstance(stated, float) and isinstance(made, float):
        return abs(stated - made) < _SAME
    return bool(stated == made)


def _stale(folder: Path, built: Mapping[str, bytes]) -> Iterator[str]:
    for name, content in built.items():
        path = folder / name
        if not path.is_file():
            yield f"{name} is not there; `mlpo-bench leaderboard build` makes it."
        elif atomic.read(path) != content:
            yield f"{name} is not what its entries come to; `mlpo-bench leaderboard build` makes it again."


def uncounted(entries: Iterable[Entry]) -> int:
    """Return how many votes of one model's answers were added before ballots were counted."""
    return sum(any(row.ballots is None for row in vote.suites.values()) for vote in votes_of(list(entries)))


def faults_against(folder: Path, run: LoadedRun) -> Iterator[str]:
    """Yield a line for each way in which entries that were made from a run differ from what the run holds now.

    Raises:
        UsageError: no entry was made from it, or it has no results.
    """
    entries = [entry for entry in map(read_entry, entry_paths(folder)) if made_from(run, entry)]
    if not entries:
        raise UsageError(
            f"no entry in {folder} was made from {run.path}, whose configuration is {run.config.digest[:8]}."
        )
    while entries:  # rows of the same name have other seeds, and are made of other cells: one after the other
        some = {(entry.team, entry.label): entry for entry in reversed(entries)}
        entries = [entry for entry in entries if some[entry.team, entry.label] is not entry]
        yield from _faults_against(list(reversed(some.values())), run)


def _faults_against(entries: Sequence[Entry], run: LoadedRun) -> Iterator[str]:
    matrix = run.cell
    ids = [answers.cell for entry in entries for row in entry.suites.values() for answers in row.answers]
    finished = [matrix[cell] for cell in dict.fromkeys(ids) if cell in matrix and run.done(cell)]
    anew = {(entry.team, entry.label): entry for entry in entries_of_cells(run, finished)}
    for entry in entries:
        made = anew.get((entry.team, entry.label))
        if made is None:
            yield f"{entry.filename}: {run.path} has no such row that is finished."
        else:
            yield from (f"{entry.filename}: {fault}" for fault in _differences(entry, made, run))


def _differences(entry: Entry, made: Entry, run: LoadedRun) -> Iterator[str]:
    for suite, row in entry.suites.items():
        anew = made.suites.get(suite)
        if anew is None or len(anew.answers) != len(row.answers):
            yield f"{suite}: {run.path} has other cells of this row, or has not finished them."
            continue
        for before, now in zip(row.answers, anew.answers, strict=True):
            if before.records_sha256 != now.records_sha256:
                yield f"{before.cell}: its records in {run.path} are others (sha256 {now.records_sha256[:8]}...)."
        yield from (
            f"{suite}: {field} is not what {run.path} holds."
            for field in ("source", "questions", "accuracy", "unread", "cut_off", "cost", "chance", "ballots")
            if field not in {"chance", "ballots"} or getattr(row, field) is not None  # made before they were
            if not _same(_plain(getattr(row, field)), _plain(getattr(anew, field)))
        )
    if entry.protocol.family is None:  # it was made before families were kept
        made = made.model_copy(update={"protocol": made.protocol.model_copy(update={"family": None})})
    yield from (
        f"{field} is not what {run.path} holds."
        for field in ("leader", "peers", "models", "protocol", "asked", "seeds")
        if getattr(entry, field) != getattr(made, field)
    )
    # A run may have had sessions since; none can have gone.
    if not set(entry.run.commands) <= set(made.run.commands):
        yield f"{run.path} was not made by all of its commands."
