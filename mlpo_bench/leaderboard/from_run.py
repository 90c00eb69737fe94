"""Entries made from a finished run."""

from __future__ import annotations

import hashlib
import re
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mlpo_bench.analysis.ballots import ballots_of
from mlpo_bench.analysis.chance import chance
from mlpo_bench.analysis.rows import read_rows
from mlpo_bench.errors import UsageError
from mlpo_bench.leaderboard import counts
from mlpo_bench.leaderboard.entry import (
    Answers,
    Cost,
    Entry,
    Model,
    Protocol,
    Questions,
    Rescored,
    RunFacts,
    Scope,
    Seat,
    Source,
    SuiteRow,
)
from mlpo_bench.leaderboard.figures import of_answers, over_suites, rounded
from mlpo_bench.log import origins
from mlpo_bench.log.files import in_store
from mlpo_bench.log.results import check_alike
from mlpo_bench.matrix.cells import chosen


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.log import CellResult, LoadedRun
    from mlpo_bench.log.records import Record
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.teams import Member


def entries_of(run: LoadedRun, only: tuple[str, ...] = (), *, anyway: bool = False) -> list[Entry]:
    """Return an entry for each row of a run, in the order of its matrix.

    Args:
        run: The run.
        only: Take the cells with one of these words in their names, and those whose tokens they match.
        anyway: Even where the code that made the run is in no commit.

    Raises:
        UsageError: a cell has yet to be run or lacks answers; cells were asked different data, answered by different
            weights or read by different readers; no commit holds the code; a word fits no cell.
    """
    wanted = [cell for cell in chosen(run.cells, only) if cell.plain is None]  # an intervention is no way of answering
    _check_finished(run, wanted)
    if not anyway:
        _check_readers(run, wanted)
        manifest = run.manifest
        for code in (manifest, *manifest.get("rescored", ())[-1:]):
            _check_git(run, code["git"])
    return entries_of_cells(run, wanted)


def entries_of_cells(run: LoadedRun, finished: Sequence[Cell]) -> list[Entry]:
    """Return the entries of the rows that some finished cells belong to, of these cells alone."""
    manifest = run.manifest
    check_alike(run.result[cell.id] for cell in finished)
    origins.check_published(manifest, finished, run.cells)
    facts = _run_facts(run, manifest)
    rows = {(row.suite, row.team, row.label): row for row in read_rows(run, {cell.id for cell in finished})}
    cells: dict[tuple[str, str], dict[str, list[Cell]]] = {}
    for cell in finished:
        cells.setdefault((cell.team, cell.label), {}).setdefault(cell.suite, []).append(cell)
    guessed = {suite: chance(run, suite) for suite in dict.fromkeys(cell.suite for cell in finished)}
    return [
        _entry(run, by_suite, {suite: rows[suite, *of_row] for suite in by_suite}, manifest, facts, guessed)
        for of_row, by_suite in cells.items()
    ]


def made_from(run: LoadedRun, entry: Entry) -> bool:
    """Return whether an entry was made from a run as it is now, or as it was before more cells were added to it."""
    if entry.run.config_sha256 == run.config.digest:
        return True
    sessions = run.manifest["sessions"]
    ends = {when for session in sessions for when in (session["started"], session["ended"])}
    return entry.run.date in ends and entry.run.commands[0] == _command(sessions[0]["command"])


def _check_finished(run: LoadedRun, wanted: Sequence[Cell]) -> None:
    ended = {cell.cell: cell for cell in run.results.cells}
    left = [cell.id for cell in wanted if cell.id not in ended]
    if left:
        raise UsageError(
            f"{len(left)} of {len(wanted)} cells have yet to be run, {left[0]} first; `{run.command}` goes on with "
            "them, or choose finished ones with --only."
        )
    for cell in wanted:
        if errors := ended[cell.id].errors:
            raise UsageError(
                f"{cell.id}: {errors} questions have no answer, for a fault of the machinery; "
                f"`{run.command}` asks them again."
            )


def _check_readers(run: LoadedRun, wanted: Sequence[Cell]) -> None:
    if len({result.readers for cell in wanted if (result := run.result.get(cell.id))}) > 1:
        command = shlex.join(["mlpo-bench", "rescore", str(run.path), *in_store(run.path)])
        raise UsageError(
            f"the cells of {run.path} were read by different readers; `{command}` judges all alike, or add them "
            "--anyway."
        )


def _check_git(run: LoadedRun, git: Mapping[str, Any] | None) -> None:
    if git is None:
        raise UsageError(f"{run.path} was made by an installed package, of no known commit; add it --anyway.")
    if git["dirty"]:
        raise UsageError(
            f"{run.path} was made by code with changes that are in no commit (after {git['commit'][:8]}); "
            "run it again from a clean checkout, or add it --anyway."
        )


def _entry(
    run: LoadedRun,
    by_suite: Mapping[str, Sequence[Cell]],
    rows: Mapping[str, ResultRow],
    manifest: Mapping[str, Any],
    facts: RunFacts,
    guessed: Mapping[str, float | None],
) -> Entry:
    suites = {
        suite: suite_row(run, seeds, rows[suite], manifest["sources"][suite], guessed[suite])
        for suite, seeds in by_suite.items()
    }
    cell = next(iter(by_suite.values()))[0]
    protocol, team = cell.setting.protocol, cell.setting.team
    return Entry(
        label=cell.label,
        team=cell.team,
        leader=_seat(team.leader) if protocol.uses_leader else None,
        peers=tuple(map(_seat, team.peers)),
        models=_models(run, rows, manifest["models"]),
        protocol=_protocol(cell),
        asked=_asked(run, weighs=protocol.weighs),
        seeds=tuple(dict.fromkeys(each.setting.seed for seeds in by_suite.values() for each in seeds)),
        suites=suites,
        macro=over_suites(suites),
        run=facts,
        readers=_readers(rows.values()),
        rescored=tuple(map(_rescored, manifest.get("rescored", ()))),
    ).signed()


def _models(run: LoadedRun, rows: Mapping[str, ResultRow], loaded: Sequence[Mapping[str, Any]]) -> tuple[Model, ...]:
    names = {seat.model for row in rows.values() for result in row.cells for seat in result.seats.values()}
    models = [Model(**{name: value for name, value in model.items() if name != "told"}) for model in loaded]
    if unknown := sorted(names - {model.full_name for model in models}):
        raise UsageError(f"{run.directory.manifest_path} does not tell which weights of {unknown[0]} answered.")
    return tuple(model for model in models if model.full_name in names)


def _seat(member: Member) -> Seat:
    return Seat(
        model=member.model,
        revision=member.revision,
        adapter=member.adapter,
        persona=member.persona,
        sampling=member.sampling,
    )


def _protocol(cell: Cell) -> Protocol:
    protocol = cell.setting.protocol
    matched = cell.matched is not None  # then the number of ballots stands with each suite's answers
    found = {protocol.ballots, protocol.spends} if matched else set()
    # As results hold them: a setting that came later makes no other row of one in which all is as it was before it.
    settings = {name: value for name, value in protocol.recorded.items() if name not in found}
    return Protocol(
        name=protocol.name,
        settings=settings,
        peers=cell.peers,
        rounds=None if protocol.depth is None else settings[protocol.depth],
        matched=cell.matched,
        ceiling=protocol.ceiling,
        family=protocol.family,
    )


def _asked(run: LoadedRun, *, weighs: bool) -> Scope:
    config = run.config
    return Scope(
        split=config.split,
        limit=config.limit,
        subjects=config.subjects,
        generation=config.generation,
        deterministic=config.deterministic,
        calibration=config.calibration if weighs else None,
    )


def suite_row(
    run: LoadedRun, seeds: Sequence[Cell], row: ResultRow, source: Mapping[str, Any], guessed: float | None
) -> SuiteRow:
    """Return how a row did on one suite, given its cells there, one for each seed, and where its questions are from.

    `guessed` is the share of the questions that guessing gets right.

    Raises:
        UsageError: two seeds were asked different questions.
    """
    results = {result.cell: result for result in row.cells}
    of_seeds = [(results[cell.id], _ordered(run.records(cell.id))) for cell in seeds]
    questions = _questions(of_seeds[0][1], source["revision"])
    for result, records in of_seeds:
        if _questions(records, source["revision"]) != questions:
            raise UsageError(f"{result.cell} asked other questions than {of_seeds[0][0].cell}, a seed of the same row.")
    answers = tuple(_answers(run, result, records) for result, records in of_seeds)
    cost = {name: value for name, value in asdict(row.cost).items() if name in Cost.model_fields}
    return SuiteRow(
        source=Source(**{**source, "where": None if source["kind"] in {"folder", "file"} else source["where"]}),
        questions=questions,
        answers=answers,
        **of_answers(questions, answers),
        cost=Cost.model_validate({name: None if value is None else rounded(value) for name, value in cost.items()}),
        chance=None if guessed is None else rounded(guessed),
        ballots=_ballots(run, row, of_seeds),
    )


def _ballots(run: LoadedRun, row: ResultRow, of_seeds: Sequence[tuple[CellResult, Sequence[Record]]]) -> str | None:
    given = ballots_of(run, row, [result for result, _ in of_seeds])
    return None if given is None else counts.written(given[record.question] for record in of_seeds[0][1])


def _ordered(records: Sequence[Record]) -> list[Record]:
    return sorted(records, key=lambda record: (record.subject, record.question))


def _questions(records: Sequence[Record], revision: str) -> Questions:
    """Return which questions were asked. Ids are places in the data, so that they tell nothing without its revision."""
    subjects: dict[str, int] = {}
    for record in records:
        subjects[record.subject] = subjects.get(record.subject, 0) + 1
    lines = [revision, *(f"{record.subject}\t{record.question}" for record in records)]
    return Questions(n=len(records), sha256=_sha256("\n".join(lines).encode()), subjects=subjects)


def _answers(run: LoadedRun, result: CellResult, records: Sequence[Record]) -> Answers:
    return Answers(
        seed=result.seed,
        cell=result.cell,
        samples=result.samples,
        right=_bits(record.right for record in records),
        unread=_bits(record.unread for record in records),
        cut_off=_bits(record.cut_off for record in records),
        records_sha256=_sha256(run.directory.records_path(result.cell).read_bytes()),
    )


def _bits(flags: Iterable[bool | None]) -> str:
    return "".join("1" if flag else "0" for flag in flags)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _run_facts(run: LoadedRun, manifest: Mapping[str, Any]) -> RunFacts:
    sessions = manifest["sessions"]
    return RunFacts(
        config_sha256=run.config.digest,
        commands=tuple(dict.fromkeys(_command(session["command"]) for session in sessions)),
        date=sessions[-1]["ended"] or sessions[-1]["started"],
        versions={name: version for name, version in manifest["versions"].items() if version is not None},
        git=manifest["git"],
        hardware=manifest["hardware"],
    )


def _readers(rows: Iterable[ResultRow]) -> str | None:
    readers = {cell.readers for row in rows for cell in row.cells}
    return readers.pop() if len(readers) == 1 else None


def _rescored(noted: Mapping[str, Any]) -> Rescored:
    return Rescored(**{name: noted[name] for name in Rescored.model_fields})


_PLACE = re.compile(r"(?:\A|(?<=[=,]))/(?:[^,=]*/)?(?=[^,=/])")  # the folders of a path, in lists and options, too


def _command(words: Sequence[str]) -> str:
    """Return a session's command on one line, without the places where the program and its files lay."""
    return re.sub(r"[\x00-\x1f\x7f]+", " ", shlex.join(["mlpo-bench", *map(_without_place, words[1:])]))


def _without_place(word: str) -> str:
    """Return a word in which paths of this machine are their last parts: `/home/me/data` is `data`."""
    return _PLACE.sub("", word)
