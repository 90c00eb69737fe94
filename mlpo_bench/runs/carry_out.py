"""Carrying out a run: all conversations of all cells in flight together, then every cell scored by lm-eval."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mlpo_bench.dispatch import Dispatch, Tally
from mlpo_bench.engines import close_engines, open_engines
from mlpo_bench.errors import BadInput, EngineFault
from mlpo_bench.harness.suite import Suite, quiet_lm_eval
from mlpo_bench.matrix import cells
from mlpo_bench.questions import SUITES
from mlpo_bench.runs.fit import check_fit
from mlpo_bench.runs.folder import write_json
from mlpo_bench.runs.manifest import circumstances, now
from mlpo_bench.runs.records import Record, write_records
from mlpo_bench.runs.results import CellResult, Results
from mlpo_bench.runs.transcripts import TranscriptWriter, failed_line, to_line
from mlpo_bench.store import Store


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.config import RunConfig
    from mlpo_bench.harness.suite import Asked, Verdict
    from mlpo_bench.matrix import Cell
    from mlpo_bench.protocols import Transcript
    from mlpo_bench.runs.folder import RunFolder

# Enough for an engine's batches to stay full while conversations wait for their slowest peer; more costs memory.
CONVERSATIONS_IN_FLIGHT = 1_024
# Judging mathematics waits for a worker process; everything else takes microseconds.
SLOW_FORMATS = frozenset({"mathematics"})


class Watcher(Protocol):
    """What a display gets to know of a run."""

    def say(self, text: str) -> None:
        """Take a sentence on what happens now."""

    def begin(self, cells: Sequence[Cell], questions: Mapping[str, int], tally: Tally) -> None:
        """Take the cells, how many questions each suite has, and a tally that counts on by itself."""

    def conversed(self, cell: Cell, record: Record) -> None:
        """Take the record of a conversation that has ended."""


@dataclass(slots=True)
class CellProgress:
    """A cell on its way: its records by place, and the final texts by question."""

    cell: Cell
    writer: TranscriptWriter
    records: dict[int, Record] = field(default_factory=dict)
    finals: dict[str, str] = field(default_factory=dict)


def load_suites(config: RunConfig, watcher: Watcher) -> dict[str, Suite]:
    """Load the suites of a run, and say where their questions come from.

    Raises:
        BadInput: no such subject, or no source for a suite.
    """
    suites = {}
    with quiet_lm_eval():
        for name in config.suites:
            suites[name] = Suite(
                name,
                split=config.split,
                limit=config.limit,
                subjects=_subjects_of(name, config),
                data=Path(config.data) if config.data else None,
            )
            source = suites[name].source
            watcher.say(f"{name}: {len(suites[name].asked)} questions from {source}")
    return suites


async def carry_out(config: RunConfig, folder: RunFolder, store_path: Path, watcher: Watcher) -> Results:
    """Carry out a run and write all its files.

    Whatever was answered before, by this run or another, is taken from the store. An interruption loses nothing
    that was answered.

    Raises:
        BadInput: something the configuration asks for cannot be done.
    """
    matrix = cells(config)
    with folder.taken(), Store(store_path) as store:
        suites = load_suites(config, watcher)
        specs = dict.fromkeys(spec for cell in matrix for spec in cell.setting.team.specs)
        engines = await open_engines(specs, deterministic=config.deterministic, on_event=watcher.say)
        try:
            asked = {name: suite.asked for name, suite in suites.items()}
            check_fit(matrix, asked, engines)
            manifest = circumstances(config, {n: s.source for n, s in suites.items()}, engines.values())
            write_json(folder.manifest_path, manifest)
            dispatch = Dispatch(engines, store)
            watcher.begin(matrix, {name: len(a) for name, a in asked.items()}, dispatch.tally)
            with ExitStack() as stack:
                progress = [
                    CellProgress(c, stack.enter_context(TranscriptWriter(folder.transcript_path(c)))) for c in matrix
                ]
                async with dispatch.at_work():
                    await converse_all(progress, suites, dispatch, watcher)
                results = _score_all(config, progress, suites, folder, watcher)
        finally:
            await close_engines(engines)
    write_json(folder.manifest_path, manifest | {"ended": now(), "completions": _counted(dispatch.tally)})
    return results


async def converse_all(
    progress: Sequence[CellProgress], suites: Mapping[str, Suite], dispatch: Dispatch, watcher: Watcher
) -> None:
    """Hold every conversation. No question waits for another one; a bounded number is in flight.

    Questions run in the outer loop and cells in the inner one, so that equal requests of different cells meet.
    """
    room_left = asyncio.Semaphore(CONVERSATIONS_IN_FLIGHT)
    async with asyncio.TaskGroup() as group:
        for name, suite in suites.items():
            of_suite = [p for p in progress if p.cell.suite == name]
            for place, asked in enumerate(suite.asked):
                for one in of_suite:
                    await room_left.acquire()
                    task = group.create_task(_converse(one, suite, place, asked, dispatch, watcher))
                    task.add_done_callback(lambda _: room_left.release())


async def _converse(
    one: CellProgress, suite: Suite, place: int, asked: Asked, dispatch: Dispatch, watcher: Watcher
) -> None:
    try:
        transcript = await one.cell.setting.converse(asked.question, dispatch, asked.sampling)
        verdict = await _judge(suite, asked, transcript)
    except EngineFault as fault:
        record = Record.failed(one.cell, asked.question, str(fault))
        line = failed_line(asked.question.id, str(fault))
    else:
        record = Record.of(one.cell, transcript, verdict)
        line = to_line(transcript, verdict)
        one.finals[asked.question.id] = transcript.final
    one.records[place] = record
    one.writer.put(place, line)
    watcher.conversed(one.cell, record)


async def _judge(suite: Suite, asked: Asked, transcript: Transcript) -> Verdict:
    if asked.question.answer_format in SLOW_FORMATS:
        return await asyncio.to_thread(suite.judge, asked, transcript.final)
    return suite.judge(asked, transcript.final)


def _score_all(
    config: RunConfig,
    progress: Sequence[CellProgress],
    suites: Mapping[str, Suite],
    folder: RunFolder,
    watcher: Watcher,
) -> Results:
    """Have lm-eval score each cell; write transcripts, records and results."""
    watcher.say("Scoring with lm-eval")
    found, records = [], []
    with quiet_lm_eval():
        for one in progress:
            one.writer.finish()
            scores = suites[one.cell.suite].score(one.finals)
            of_cell = [_scored(one.records[place], scores.verdicts) for place in sorted(one.records)]
            records.append(of_cell)
            found.append(CellResult.of(one.cell, of_cell, scores.results))
    write_records(folder.records_path, records)
    sources = {name: str(suite.source) for name, suite in suites.items()}
    configs = {task: settings for suite in suites.values() for task, settings in suite.configs.items()}
    results = Results(config_sha256=config.digest, sources=sources, lm_eval_configs=configs, cells=tuple(found))
    folder.write_results(results)
    return results


def _scored(record: Record, verdicts: Mapping[str, Verdict]) -> Record:
    """Return the record with lm-eval's verdict, which is the one that counts."""
    verdict = verdicts.get(record.question)
    if verdict is None:
        return record
    return replace(record, answer=verdict.answer, right=verdict.right, unread=verdict.unread)


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


def _counted(tally: Tally) -> dict[str, int]:
    return {
        "made": tally.made,
        "found_in_store": tally.found,
        "shared_in_flight": tally.shared,
        "retried": tally.retried,
        "prompt_tokens": tally.paid.prompt,
        "cached_tokens": tally.paid.cached,
        "completion_tokens": tally.paid.completion,
    }
