"""One engine over several that serve the same model: servers, or processes on a cluster.

A replica that cannot be reached is left out until it answers again, and what it was asked is asked of another. Which
replica answers is part of no identity: they all have the facts of one model.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlpo_bench.engines.base import UNTOLD_CONTEXT, Halting
from mlpo_bench.engines.routing import Router
from mlpo_bench.errors import EngineError, Stopped, Unreachable, UsageError


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from mlpo_bench.chat import Completion, Message, Sampling
    from mlpo_bench.engines.base import Engine, ModelFacts

TRIES = 6
"""How often a request that fails in passing is asked in all, of whichever replica."""
FAILURES_UNTIL_OUT = 3
"""After so many failures in a row a replica is left out, though something answers there."""
FIRST_REST_S, LONGEST_REST_S = 0.5, 8.0
"""How long a request rests before it is asked again, where no other replica is sound."""
LONGEST_AWAY_S = 30.0
"""How long a replica that is left out is not tried again, at most."""
PATIENCE_S = 30.0


class _LeftOut(Exception):
    """The replica that a request waits at is left out: it is to be asked of another."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is asked of replicas at most.

    `capacity` is how many requests each takes at once, `answer` for how many seconds a request is tried in all (None
    for any number), `patience` how many seconds it waits for a replica where none answers.
    """

    capacity: int
    answer: float | None = None
    patience: float = PATIENCE_S


@dataclass(slots=True, eq=False)
class _Replica:
    """One of the engines, None before it was ever reached.

    `failures` counts those in a row; `outages` how often in a row it was left out without having answered since;
    `sound` says whether it has answered since it was opened.
    """

    place: int
    engine: Engine | None
    up: bool = True
    failures: int = 0
    outages: int = 0
    sound: bool = False
    under_way: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)


_Refusals = dict[int, tuple[_Replica, EngineError]]
"""The replicas, by place, that will not answer a request however often they are asked, and what each said."""


class ReplicatedEngine:
    """Asks several engines that serve the same model as if they were one.

    Args:
        engines: those that are open, by place; None for one that could not be reached yet. One at least is open.
        names: what each is called in sentences.
        reopen: opens the one of a place anew, or raises `EngineError` or `UsageError`.
        limits: what is asked of them at most.
        say: takes sentences on what a person should know.
    """

    def __init__(
        self,
        engines: Sequence[Engine | None],
        names: Sequence[str],
        reopen: Callable[[int], Awaitable[Engine]],
        limits: Limits,
        say: Callable[[str], None],
    ) -> None:
        self._names, self._reopen, self._limits, self._say = names, reopen, limits, say
        self._first = next(engine for engine in engines if engine is not None)
        self._router = Router(len(engines), limits.capacity)
        self._replicas = [_Replica(place, engine) for place, engine in enumerate(engines)]
        self._made = [0] * len(engines)
        self._changed, self._halting = asyncio.Event(), asyncio.Event()
        self._halted: Exception | None = None
        self._last: EngineError | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._retired: set[Engine] = set()
        for replica in self._replicas:
            if replica.engine is None:
                replica.up, replica.outages = False, 1
                self._start(self._bring_back(replica))

    @property
    def facts(self) -> ModelFacts:
        """What answers, as one replica tells it; `told` says how many completions each has made."""
        facts = self._first.facts
        made = dict(zip(self._names, self._made, strict=True))
        return replace(facts, told={**(facts.told or {}), "replicas": made})

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the length of a chat in tokens."""
        return self._first.count_tokens(messages)

    async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
        """Answer one chat.

        Raises:
            ContextOverflow: the prompt and `sampling.max_tokens` exceed the context.
            EngineError: no replica answered.
        """
        spent, tries, avoided = 0.0, 0, -1
        refusals: _Refusals = {}
        while True:
            replica = await self._chosen(messages, avoided, refusals)
            began = time.monotonic()
            try:
                completion = await self._ask(replica, messages, sampling, seed)
            except _LeftOut:
                continue
            except EngineError as fault:
                tries += 1
                spent += time.monotonic() - began if fault.spent is None else fault.spent
                if fault.own or (not fault.transient and tries >= TRIES):
                    raise
                if not fault.transient:
                    refusals[replica.place] = replica, fault
                    continue
                self._note(replica, fault)
                if tries >= TRIES or (self._limits.answer and spent >= self._limits.answer):
                    fault.tried = True
                    raise
                if not self._another(replica, refusals):
                    await self._rest(min(LONGEST_REST_S, FIRST_REST_S * 2 ** (tries - 1)))
                avoided = replica.place
            else:
                replica.failures, replica.outages, replica.sound = 0, 0, True
                self._made[replica.place] += 1
                for refusing, words in refusals.values():
                    self._note(refusing, words)  # it was answered, so it was no fault of the request
                return completion

    async def _ask(self, replica: _Replica, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
        assert replica.engine is not None
        replica.under_way += 1
        try:
            with self._router.under_way(replica.place):
                return await replica.engine.complete(messages, sampling, seed)
        finally:
            replica.under_way -= 1
            if not replica.under_way:
                replica.idle.set()

    async def _chosen(self, messages: Sequence[Message], avoided: int, refusals: _Refusals) -> _Replica:
        """Return the replica that is to be asked, another than `avoided` where there is one; wait where none is up.

        Raises:
            EngineError: none came up in time, or all that are up have refused.
        """
        deadline = time.monotonic() + self._limits.patience
        while True:
            self._check()
            up = [replica.place for replica in self._replicas if replica.up and replica.place not in refusals]
            if up:
                others = [place for place in up if place != avoided]
                return self._replicas[self._router.choose(messages, others or up)]
            if refusals and self._is_final(refusals):
                raise _told(refusals)
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), max(0.0, deadline - time.monotonic()))
            if time.monotonic() >= deadline:
                if refusals:
                    raise _told(refusals)
                raise EngineError(f"none of {self._facts_name} answers: {self._last}", tried=True)

    def _is_final(self, refusals: _Refusals) -> bool:
        """Whether refusals are the last word: of all, or of one that does answer others while the rest is down."""
        return all(one.up for one in self._replicas) or any(one.sound for one, _ in refusals.values())

    @property
    def _facts_name(self) -> str:
        return f"the {len(self._names)} replicas of {self._first.facts.name}"

    def _another(self, replica: _Replica, refusals: _Refusals) -> bool:
        """Whether another replica is up, has not refused, and did not fail when it was last asked."""
        others = (one for one in self._replicas if one.place != replica.place and one.place not in refusals)
        return any(one.up and not one.failures for one in others)

    def _note(self, replica: _Replica, fault: EngineError) -> None:
        """Take note of a failure; leave the replica out where it cannot be reached, or fails again and again."""
        replica.failures += 1
        if not replica.up or not (isinstance(fault, Unreachable) or replica.failures >= FAILURES_UNTIL_OUT):
            return
        self._last = fault
        replica.up = False
        replica.outages += 1
        _halt(replica.engine, _LeftOut())
        self._say(f"{self._names[replica.place]} is left out until it answers: {fault}")
        self._start(self._bring_back(replica))

    async def _bring_back(self, replica: _Replica) -> None:
        """Open a replica anew as soon as it can be reached, and put it in the place of the one that was left out."""
        mistaken = ""
        for attempt in itertools.count(replica.outages - 1):
            if attempt:
                await asyncio.sleep(min(LONGEST_AWAY_S, FIRST_REST_S * 2 ** min(attempt - 1, 16)))
            try:
                engine = await self._reopen(replica.place)
            except (EngineError, UsageError):
                continue
            if not (another := difference(engine.facts, self._first.facts)):
                break
            await engine.close()
            if another != mistaken:
                self._say(f"{self._names[replica.place]} stays left out, for it serves something else now: {another}.")
            mistaken = another
        self._router.forget(replica.place)
        self._replicas[replica.place] = _Replica(replica.place, engine, outages=replica.outages)
        self._changed.set()
        self._say(f"{self._names[replica.place]} answers.")
        await self._retire(replica)

    async def _retire(self, replica: _Replica) -> None:
        """Close the engine that was left out, once what it still answers has come to its end."""
        if replica.engine is None:
            return
        self._retired.add(replica.engine)
        while replica.under_way:
            replica.idle.clear()
            await replica.idle.wait()
        if replica.engine is not self._first:
            await replica.engine.close()
            self._retired.discard(replica.engine)

    def halt(self, reason: Exception) -> None:
        """Begin nothing more: what waits for its turn gets `reason` instead."""
        self._halted = self._halted or reason
        for replica in self._replicas:
            _halt(replica.engine, reason)
        self._changed.set()
        self._halting.set()

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._halting.wait(), seconds)

    def _check(self) -> None:
        if self._halted is not None:
            raise Stopped if isinstance(self._halted, Stopped) else self._halted.with_traceback(None)

    def _start(self, work: Any) -> None:  # noqa: ANN401 - a coroutine
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Close all replicas."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        engines = {replica.engine for replica in self._replicas if replica.engine} | self._retired | {self._first}
        await asyncio.gather(*(engine.close() for engine in engines))


def _halt(engine: object, reason: Exception) -> None:
    if isinstance(engine, Halting):
        engine.halt(reason)


def _told(refusals: _Refusals) -> EngineError:
    """Return what is told of several refusals: the words of one that answers others, where there is one."""
    sound = [fault for one, fault in refusals.values() if one.sound]
    return sound[-1] if sound else next(reversed(refusals.values()))[1]


def difference(one: ModelFacts, another: ModelFacts) -> str:
    """Return as a clause what tells one model from another that should be the same; nothing where nothing does."""
    if one.fingerprint != another.fingerprint:
        return f"it is {one.fingerprint}, not {another.fingerprint}"
    if one.context != another.context:
        contexts = (None if facts.note == UNTOLD_CONTEXT else facts.context for facts in (one, another))
        return _contexts_apart(*contexts)
    owners = [(facts.told or {}).get("owned_by") or "something without a name" for facts in (one, another)]
    return "" if owners[0] == owners[1] else f"it is served by {owners[0]}, not by {owners[1]}"


def _contexts_apart(one: int | None, another: int | None) -> str:
    if one is None:
        return f"it does not tell its context, and the other holds {another:,} tokens"
    if another is None:
        return f"it holds {one:,} tokens, and the other does not tell its context"
    return f"it holds {one:,} tokens, not {another:,}"
