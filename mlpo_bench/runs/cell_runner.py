"""Runs the cells of a run: conversations, votes that match others' tokens, and lm-eval's scoring."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlpo_bench.chat import Usage
from mlpo_bench.errors import EngineError, Stopped
from mlpo_bench.log.records import read_records
from mlpo_bench.log.unused import add_unused, forget_used
from mlpo_bench.runs.budget import CellSpent, matched
from mlpo_bench.runs.progress import CellProgress
from mlpo_bench.runs.scheduler import schedule
from mlpo_bench.runs.scoring import score


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from mlpo_bench.dispatch import Dispatch
    from mlpo_bench.engines import Engine
    from mlpo_bench.harness.suite import SuiteTasks
    from mlpo_bench.log.directory import RunDirectory
    from mlpo_bench.log.records import Record
    from mlpo_bench.log.results import CellResult
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.runs.observer import RunObserver
    from mlpo_bench.runs.scheduler import Failed
    from mlpo_bench.teams import ModelSpec


SCORED_WITHIN_S = 3.0
"""How long a run that stops at once waits for the cell that is being scored; it is scored again otherwise."""


@dataclass(slots=True)
class CellRunner:
    """Runs cells through engines and lm-eval, and writes their files.

    Two waves go through the engines: first the cells that are known beforehand, then the votes whose number of ballots
    follows from what other cells turned out to spend. Scoring has a thread of its own: it keeps neither engines nor
    conversations waiting. Conversations in `failed` are not held.
    """

    folder: RunDirectory
    suites: Mapping[str, SuiteTasks]
    engines: Mapping[ModelSpec, Engine]
    dispatch: Dispatch
    observer: RunObserver
    failed: Failed = field(default_factory=dict)
    _files: ExitStack = field(default_factory=ExitStack)
    _scorer: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "scoring"))
    _scoring: list[asyncio.Future[None]] = field(default_factory=list)
    _results: list[Future[CellResult]] = field(default_factory=list)
    _fault: OSError | None = None

    async def run(self, todo: Sequence[Cell]) -> None:
        """Run all cells.

        Raises:
            Stopped: a person wants the run to stop, and all that was asked has been answered.
            OSError: a file cannot be written; all that was asked has been answered.
        """
        await self._hold([cell for cell in todo if cell.matched is None])
        await self._hold(await self._matched([cell for cell in todo if cell.matched is not None]))
        await self.dispatch.landed()
        if self.dispatch.stopped:
            raise Stopped
        if self.folder.unused_path.exists():  # not where it is stopped: all transcripts of a run are read for it
            await asyncio.to_thread(forget_used, self.folder)

    async def _hold(self, some: Sequence[Cell]) -> None:
        progress = [
            self._files.enter_context(CellProgress(cell, len(self.suites[cell.suite].samples), self.folder))
            for cell in some
        ]
        await schedule(progress, self.suites, self.dispatch, self._ended, self.failed)
        await asyncio.gather(*self._scoring)
        self._scoring.clear()
        self._results.clear()
        if self._fault is not None:
            raise self._fault

    def _ended(self, one: CellProgress, record: Record) -> None:
        self.observer.conversed(one.cell, record)
        if one.complete:
            self._scoring.append(asyncio.ensure_future(self._score(one)))

    async def _score(self, one: CellProgress) -> None:
        suite = self.suites[one.cell.suite]
        result = self._scorer.submit(score, one, suite, self.engines, self.folder)
        self._results.append(result)
        try:
            self.observer.scored(await asyncio.wrap_future(result))
        except OSError as fault:  # what is answered could not be written
            self._fault = self._fault or fault
            self.dispatch.stop()
        except EngineError as fault:  # of a judge, who could not be asked once more
            self.observer.say(f"{suite.name}, {one.cell.name}: not scored. {fault}")
        else:
            one.forget()

    async def _matched(self, votes: Sequence[Cell]) -> list[Cell]:
        """Return votes with their numbers of ballots; a vote on a cell that is not done cannot be counted."""
        matched = await asyncio.gather(*(self._match(vote) for vote in votes))
        return [vote for vote in matched if vote is not None]

    async def _match(self, vote: Cell) -> Cell | None:
        assert vote.matched_id is not None
        try:
            spent = self._spent(vote.matched_id)
            if vote.setting.protocol.spends:
                return vote.with_samples(spent.of_a_question(vote))
            counted, beyond = await matched(vote, spent.usage.total, self.suites[vote.suite], self.dispatch)
        except Stopped:
            return None
        except EngineError as fault:
            self.observer.say(f"{vote.suite}, {vote.name}: not run. {fault}")
            return None
        add_unused(self.folder, beyond)
        return counted

    def _spent(self, cell_id: str) -> CellSpent:
        """Return the tokens that a cell took; one that lacks answers will have taken others when it has them."""
        if not self.folder.done(cell_id):
            if self.dispatch.stopped:
                raise Stopped
            raise EngineError(f"{cell_id}, whose tokens it is to match, could not be finished.", transient=False)
        records = read_records(self.folder.records_path(cell_id))
        usages = (Usage(r.prompt_tokens, r.cached_tokens, r.completion_tokens) for r in records)
        return CellSpent(sum(usages, start=Usage()), len(records))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        at_once = kind is asyncio.CancelledError
        self._scorer.shutdown(wait=not at_once, cancel_futures=True)
        wait([result for result in self._results if not result.cancelled()], timeout=SCORED_WITHIN_S)
        self._files.close()
