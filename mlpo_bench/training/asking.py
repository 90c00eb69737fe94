"""Asking models on behalf of a data stage: the same engines, store and dispatch as a run's."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from mlpo_bench.dispatch import Dispatch
from mlpo_bench.engines import close_engines, open_engines
from mlpo_bench.errors import Stopped, StoppedAtOnce, UsageError
from mlpo_bench.log.ledger import Spent
from mlpo_bench.runs import throughput
from mlpo_bench.runs.interrupts import stopped_by_interrupts
from mlpo_bench.runs.scheduler import InFlight
from mlpo_bench.store import Store


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import TypeVar

    from mlpo_bench.chat import Sampling
    from mlpo_bench.dispatch import Request
    from mlpo_bench.engines import Engine
    from mlpo_bench.teams import Member, ModelSpec
    from mlpo_bench.training.observer import TrainingObserver
    from mlpo_bench.training.sections import Drawing

    Item = TypeVar("Item")
    Made = TypeVar("Made")

# Token counts follow lengths in characters closely enough that the longest request is among these many.
CANDIDATES = 16
TELL_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Table:
    """Open engines and the way to them."""

    engines: Mapping[ModelSpec, Engine]
    dispatch: Dispatch
    observer: TrainingObserver

    async def each(
        self,
        what: str,
        items: Sequence[Item],
        ask: Callable[[Item], Coroutine[Any, Any, Made]],
        calls: int | None = None,
    ) -> list[Made]:
        """Return what comes of asking about each item, in their order, however they come in.

        Progress is counted in completions where it is known how many `calls` there will be, else in items.

        Raises:
            EngineError: an engine failed for good; all that was answered is in the store.
            Stopped: a person wants an end.
        """
        made: dict[int, Made] = {}
        self.observer.begin(what, len(items) if calls is None else calls)

        async def one(place: int, item: Item) -> None:
            made[place] = await ask(item)
            if calls is None:
                self.observer.advance()

        async with self._counting(calls), InFlight() as flights:
            for place, item in enumerate(items):
                if self.dispatch.stopped:
                    break
                await flights.start(one(place, item))
        await self.dispatch.landed()
        if self.dispatch.stopped:
            raise Stopped
        return [made[place] for place in range(len(items))]

    @contextlib.asynccontextmanager
    async def _counting(self, calls: int | None) -> AsyncIterator[None]:
        """Tell the observer of completions as they come in, while inside."""
        told = self.dispatch.tally.asked

        def tell() -> None:
            nonlocal told
            if new := self.dispatch.tally.asked - told:
                self.observer.advance(new)
                told += new

        async def tell_regularly() -> None:
            while True:
                await asyncio.sleep(TELL_EVERY_S)
                tell()

        if calls is None:
            yield
            return
        telling = asyncio.create_task(tell_regularly())
        try:
            yield
        finally:
            telling.cancel()
            tell()

    def note_pace(self, made: Iterable[tuple[Request, str, int]], texts: Iterable[str]) -> None:
        """Remember how fast models wrote, and how long answers were, for later plans.

        `made` has what was asked, of which suite, and the tokens that were written; `texts` are some of the prompts.
        """
        answers: dict[tuple[ModelSpec, str, int], Spent] = {}
        for request, suite, tokens in made:
            key = request.member.spec, suite, request.sampling.max_tokens
            answers[key] = answers.get(key, Spent()) + Spent(calls=1, completion_tokens=tokens)
        throughput.note(self.dispatch, list(islice(texts, throughput.COUNTED_QUESTIONS)), answers)

    def check_context(self, requests: Iterable[Request], remedy: str) -> None:
        """Compare the longest of some requests with its model's context, before anything is asked.

        Raises:
            UsageError: it does not fit; nothing is ever cut. `remedy` says what to change.
        """
        by_member: dict[Member, list[Request]] = {}
        for request in requests:
            by_member.setdefault(request.member, []).append(request)
        for member, of_member in by_member.items():
            engine = self.engines[member.spec]
            longest = sorted(of_member, key=lambda r: sum(len(m.content) for m in r.messages))[-CANDIDATES:]
            for request in longest:
                prompt, answer = engine.count_tokens(request.messages), request.sampling.max_tokens
                if prompt + answer > engine.facts.context:
                    raise UsageError(
                        f"{engine.facts.name} holds {engine.facts.context} tokens, but a prompt has {prompt} and its "
                        f"answer may take {answer}. {remedy}"
                    )


@contextlib.asynccontextmanager
async def table(
    specs: Iterable[ModelSpec], store_path: Path, observer: TrainingObserver, *, deterministic: bool = False
) -> AsyncIterator[Table]:
    """Open engines and the store; Ctrl-C inside stops the asking, and a second one everything.

    Raises:
        UsageError: a model cannot be served, or the store not be opened.
    """
    async with contextlib.AsyncExitStack() as closing:
        store = closing.enter_context(Store(store_path))
        store.check()
        engines = await open_engines(specs, deterministic=deterministic, on_event=observer.say)
        closing.push_async_callback(close_engines, engines)
        dispatch = Dispatch(engines, store)
        try:
            with stopped_by_interrupts(dispatch, observer.say):
                async with dispatch.at_work():
                    yield Table(engines, dispatch, observer)
        except StoppedAtOnce:
            closing.pop_all()  # the process is about to end, and its engines with it
            raise


def drawn(member: Member, task: Sampling, drawing: Drawing) -> Sampling:
    """Return how a member's completions are drawn: as the stage says, else as the member, else as the task does."""
    names = ("temperature", "top_p", "max_tokens")
    said = {name: value for name in names if (value := getattr(drawing, name)) is not None}
    return replace(member.sampling.over(task), **said)
