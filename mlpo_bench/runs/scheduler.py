"""Holding conversations: thousands in flight, none waiting for another, each written to its cell as it ends."""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlpo_bench.engines.base import caller_cancelled
from mlpo_bench.errors import EngineError, Stopped
from mlpo_bench.runs import stand_ins
from mlpo_bench.runs.grading import judged


if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
    from typing import Any, Self, TypeVar

    from mlpo_bench.dispatch import Dispatch
    from mlpo_bench.harness.samples import Sample
    from mlpo_bench.harness.suite import SuiteTasks
    from mlpo_bench.log.records import Record
    from mlpo_bench.runs.progress import CellProgress

    Failed = Mapping[tuple[str, str], str]
    """Why conversations ended with a fault of the machinery, by cell and question."""
    Held = TypeVar("Held")

# Enough for an engine's batches to stay full while conversations wait for their slowest peer; more costs memory.
CONVERSATIONS_IN_FLIGHT = 1_024


async def schedule(
    progress: Sequence[CellProgress],
    suites: Mapping[str, SuiteTasks],
    dispatch: Dispatch,
    ended: Callable[[CellProgress, Record], None],
    failed: Failed = MappingProxyType({}),
) -> None:
    """Hold every conversation of some cells, and tell of each when it has ended.

    The longest chains begin first, and the others when an engine would have too little to do: so they fill the gaps
    that the long ones leave, and what is left in the end is short. Those in `failed` are not held: they end with that
    fault.
    """

    async def converse(one: CellProgress, place: int, sample: Sample) -> None:
        if (error := failed.get((one.cell.id, sample.question.id))) is not None:
            ended(one, one.fail(place, sample.question, EngineError(error)))
            return
        try:
            transcript = await _whole(stand_ins.converse(one.cell, suites[one.cell.suite], sample, dispatch))
            conversation = await judged(one.cell, suites[one.cell.suite], sample, transcript)
        except EngineError as fault:
            ended(one, one.fail(place, sample.question, fault))
        except Stopped:
            return  # its place stays empty, and so its cell is not done
        else:
            ended(one, one.put(place, conversation))

    async with InFlight(dispatch.stop) as flights:
        for conversation in _longest_first(progress, suites):
            await dispatch.hungry()
            if dispatch.stopped:
                return
            await flights.start(converse(*conversation))


async def _whole(conversation: Coroutine[Any, Any, Held]) -> Held:
    """Hold a conversation to its end.

    Raises:
        EngineError: something in it was cancelled that it waited for: as cancelled it would end without a word.
    """
    try:
        return await conversation
    except asyncio.CancelledError:
        if caller_cancelled():
            raise
        raise EngineError("the conversation was given up within its protocol.", transient=False) from None


def _longest_first(
    progress: Sequence[CellProgress], suites: Mapping[str, SuiteTasks]
) -> Iterator[tuple[CellProgress, int, Sample]]:
    """Yield all conversations: a cell, a question's place, the question.

    Among equal chains questions run in the outer loop and cells in the inner one, so that equal requests of different
    cells meet.
    """
    by_chain: dict[int, dict[str, list[CellProgress]]] = {}
    for one in progress:
        by_chain.setdefault(one.cell.setting.protocol.chain, {}).setdefault(one.cell.suite, []).append(one)
    for _, of_suites in sorted(by_chain.items(), reverse=True):
        for name, suite in suites.items():
            for place, sample in enumerate(suite.samples):
                for one in of_suites.get(name, ()):
                    yield one, place, sample


class InFlight:
    """A task group that holds back when enough tasks are under way, and raises the first fault as it is.

    After a fault of the machinery or of a disk, or when a person stops the run, nothing more is started; what is under
    way comes to its end first, for it is paid for, and other conversations may be waiting for the same answers.

    Args:
        stop: Called when what was answered cannot be written.
        most: How many tasks at once.
    """

    def __init__(self, stop: Callable[[], None] | None = None, most: int = CONVERSATIONS_IN_FLIGHT) -> None:
        self._stop = stop or (lambda: None)
        self._group = asyncio.TaskGroup()
        self._room_left = asyncio.Semaphore(most)
        self._fault: EngineError | Stopped | OSError | None = None

    async def start(self, conversation: Coroutine[Any, Any, None]) -> None:
        """Start a task as soon as there is room for it."""
        await self._room_left.acquire()

        def ended(_: asyncio.Task[None]) -> None:
            conversation.close()  # it may never have begun
            self._room_left.release()

        self._group.create_task(self._held(conversation)).add_done_callback(ended)

    async def _held(self, conversation: Coroutine[Any, Any, None]) -> None:
        if self._fault is None:
            try:
                await _whole(conversation)
            except (EngineError, Stopped) as fault:
                self._fault = self._fault or fault
            except OSError as fault:
                self._fault = fault
                self._stop()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        try:
            await self._group.__aexit__(*error)  # type: ignore[arg-type]
        except BaseExceptionGroup as faults:
            raise faults.exceptions[0] from None  # the others were cancelled on its account
        if self._fault is not None:
            raise self._fault
