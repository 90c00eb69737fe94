"""Asks engines on behalf of thousands of conversations: the store first, and one flight for equal requests."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mlpo_bench.chat import Completion, Usage
from mlpo_bench.engines import processor
from mlpo_bench.engines.base import Halting, caller_cancelled
from mlpo_bench.engines.late import LateEngine
from mlpo_bench.errors import EngineError, Stopped, UsageError
from mlpo_bench.store import COMMIT_EVERY_S, Maker, derived_seed, request_key, sound


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from mlpo_bench.chat import Message, Sampling
    from mlpo_bench.engines import Engine
    from mlpo_bench.store import Store
    from mlpo_bench.teams import Member, ModelSpec

log = logging.getLogger(__name__)

TRIES = 3
FIRST_WAIT_S = 0.5
# So many requests in a row that failed for good, each after its tries: the engine is taken to be down for the run.
FAULTS_UNTIL_DOWN = 8
AT_ONCE = 1_024
AT_ONCE_ON_CPU = {"hf": 64}
"""How many requests an engine answers side by side where no person said so; `AT_ONCE` of another kind or on a GPU."""
AHEAD = 2
"""How many requests an engine is given for each that it answers at once: what goes on is then never short of work, and
what has begun need not wait behind what could begin later."""


@dataclass(slots=True)
class Tally:
    """What a dispatch has done: completions made, found in the store, and shared while in flight.

    `earlier` counts those of the found ones that were made before it began, `oldest` and `newest` when, in seconds
    since 1970, as far as the store tells.
    """

    made: int = 0
    found: int = 0
    shared: int = 0
    retried: int = 0
    paid: Usage = Usage()
    earlier: int = 0
    oldest: float | None = None
    newest: float | None = None
    began: float = field(default_factory=time.time)

    def find(self, known: Completion) -> None:
        """Count a completion that the store held."""
        self.found += 1
        at = known.asked_at
        if at is None or at < self.began - 1:  # the store keeps whole seconds
            self.earlier += 1
        if at is not None and at < self.began - 1:
            self.oldest = at if self.oldest is None else min(self.oldest, at)
            self.newest = at if self.newest is None else max(self.newest, at)

    @property
    def asked(self) -> int:
        """All requests, however they were answered."""
        return self.made + self.found + self.shared


@dataclass(frozen=True, slots=True)
class Request:
    """What a member is asked; `sample` tells apart draws of one and the same request."""

    member: Member
    messages: Sequence[Message]
    sampling: Sampling
    sample: int


@dataclass(frozen=True, slots=True)
class Reply:
    """A completion as one conversation got it.

    `request` is the request's identity (see `request_key`), which equal requests share; `waited` is how many seconds
    of wall time this conversation waited, next to nothing where the completion was known; `began` when it began to
    wait, in seconds since 1970 (UTC).
    """

    completion: Completion
    request: bytes
    waited: float
    began: float = field(default_factory=time.time)


@dataclass(slots=True)
class EngineClient:
    """Asks one engine, and counts how it has been doing.

    `at_once` is how many requests it answers side by side; `as_asked` says whether it draws at the temperature that a
    request names (see `ModelSpec.draws_as_asked`). `made` and `written` count its completions and their tokens;
    `busy` is for how many seconds of wall time it had something to do, until the last completion of each such time: an
    engine that hangs until it is given up has worked on nothing.
    """

    engine: Engine
    fingerprint: str
    at_once: int = AT_ONCE
    as_asked: bool = True
    made: int = 0
    written: int = 0
    busy: float = 0.0
    _under_way: int = 0
    _since: float = 0.0
    _faults: int = 0
    _down: EngineError | None = None

    @property
    def full(self) -> bool:
        """Whether it has all the work ahead that it should have."""
        return self._under_way >= AHEAD * self.at_once

    @property
    def maker(self) -> Maker:
        """Who makes what this engine answers."""
        facts = self.engine.facts
        return Maker(facts.full_name, facts.engine, facts.weights)

    async def ready(self) -> None:
        """Wait until the engine is started, which is no time of an answer.

        Raises:
            UsageError: it cannot be started.
        """
        if isinstance(self.engine, LateEngine):
            await self.engine.start()

    async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
        """Ask the engine, unless it is down.

        Raises:
            EngineError: it failed, or is down.
        """
        if self._down is not None:
            raise self._down.with_traceback(None)  # each raise adds to it, request after request
        self._under_way += 1
        if self._under_way == 1:
            self._since = time.perf_counter()
        try:
            made = await self._answer(messages, sampling, seed)
        finally:
            self._under_way -= 1
        now = time.perf_counter()
        self.busy, self._since = self.busy + now - self._since, now
        self._faults = 0
        self.made += 1
        self.written += made.usage.completion
        return made

    async def _answer(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
        """Ask the engine; what it was not written to fail with is a fault of the machinery like any other."""
        try:
            made = await self.engine.complete(messages, sampling, seed)
        except (EngineError, UsageError, Stopped):
            raise
        except asyncio.CancelledError:
            if caller_cancelled():
                raise
            raise EngineError(f"{self.engine.facts.name} gave a request up.", transient=False) from None
        except Exception as fault:
            reason = f"{type(fault).__name__}: {fault}".removesuffix(": ")
            raise EngineError(f"{self.engine.facts.name} failed with {reason}", transient=False) from fault
        if not isinstance(made, Completion):
            raise EngineError(
                f"{self.engine.facts.name} answered with no Completion, but {made!r:.60}", transient=False
            )
        if not sound(made):
            raise EngineError(f"{self.engine.facts.name} answered with figures that cannot be.", transient=False)
        # An engine may return half of a surrogate pair, which no UTF-8 file can hold.
        reasoning = made.reasoning and _whole(made.reasoning)
        return replace(made, text=_whole(made.text), reasoning=reasoning, asked_at=time.time())

    def failed(self, fault: EngineError) -> None:
        """Count a request that failed for good; after many in a row nobody waits for this engine any longer."""
        self._faults += fault.transient or fault.barred
        if self._down is None and self._faults >= FAULTS_UNTIL_DOWN:
            log.info("%s is taken to be down after %d faults", self.engine.facts.name, self._faults)
            self._down = EngineError(f"{self.engine.facts.name} is taken to be down: {fault}", transient=False)
            self.halt(self._down)

    def halt(self, reason: Exception) -> None:
        """Let what waits in the engine for its turn end with `reason`."""
        if isinstance(self.engine, Halting):
            self.engine.halt(reason)


class Dispatch:
    """The one door between conversations and engines.

    Args:
        engines: an open engine for each model spec that will be asked.
        store: where completions are kept.
    """

    def __init__(self, engines: Mapping[ModelSpec, Engine], store: Store) -> None:
        clients = {
            id(engine): EngineClient(engine, engine.facts.fingerprint, _at_once(spec, engine), spec.draws_as_asked)
            for spec, engine in engines.items()
        }
        self.clients = {spec: clients[id(engine)] for spec, engine in engines.items()}
        self._store = store
        self._flights: dict[bytes, asyncio.Task[Completion]] = {}
        # A member's spec is built anew on every access; conversations ask for it some hundred thousand times.
        self._by_member: dict[int, tuple[Member, EngineClient]] = {}
        self.stopped = False
        self.tally = Tally()
        self._landed = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """How many requests engines are working on."""
        return len(self._flights)

    async def hungry(self) -> None:
        """Wait until an engine has less ahead than it could take: then a further conversation may begin."""
        for _ in range(
            3
        ):  # let those that were begun ask: a task for the conversation, for each request, for its flight
            await asyncio.sleep(0)
        while not self.stopped and self.clients and all(client.full for client in self.clients.values()):
            self._landed.clear()
            await self._landed.wait()

    def identity(self, member: Member) -> str:
        """Return what tells the model apart that answers for a member: members may differ, and this not."""
        return self._client_of(member).fingerprint

    def maker(self, member: Member) -> Maker:
        """Return who makes what a member answers."""
        return self._client_of(member).maker

    def stop(self) -> None:
        """Send nothing more to any engine; what is in flight still arrives and is kept."""
        self.stopped = True
        self._landed.set()
        for client in self.clients.values():
            client.halt(Stopped())

    async def landed(self) -> None:
        """Wait for what is in flight: a conversation that ends with a fault leaves its other questions behind."""
        while self._flights:
            await asyncio.wait(list(self._flights.values()))

    async def ask(
        self, member: Member, messages: Sequence[Message], sampling: Sampling, *, sample: int, seed: int
    ) -> Reply:
        """Return the completion of a request: from the store, from an equal one in flight, or newly made.

        `sample` tells apart draws of one and the same request; `seed` is the run's, from which, with the request's
        content, its own seed follows.

        Raises:
            EngineError: the engine failed, `TRIES` times where trying again could help, or is down.
            Stopped: nothing more is asked, and this would have to be.
        """
        (reply,) = await self.ask_each([Request(member, messages, sampling, sample)], seed=seed)
        return reply

    async def ask_each(self, requests: Sequence[Request], *, seed: int) -> list[Reply]:
        """Return the completions of requests that are made side by side, in their order. See `ask`.

        Only what is not known yet costs a task: a run that is taken up again asks for millions that are.
        """
        clients = [self._client_of(r.member) for r in requests]
        keys = [
            request_key(client.fingerprint, r.messages, r.sampling, r.sample, seed, client.as_asked)
            for client, r in zip(clients, requests, strict=True)
        ]
        replies = [self._known(key) for key in keys]
        for client in {id(c): c for c, reply in zip(clients, replies, strict=True) if reply is None}.values():
            await client.ready()
        missing = [
            self._made(key, client, r)
            for reply, key, client, r in zip(replies, keys, clients, requests, strict=True)
            if reply is None
        ]
        made = iter([await missing[0]] if len(missing) == 1 else await asyncio.gather(*missing))
        return [reply or next(made) for reply in replies]

    def _known(self, key: bytes) -> Reply | None:
        known = self._store.get(key)
        if known is None:
            return None
        self.tally.find(known)
        return Reply(known, key, 0.0)

    async def _made(self, key: bytes, client: EngineClient, request: Request) -> Reply:
        began, started = time.time(), time.perf_counter()
        if (flight := self._flights.get(key)) is not None:
            made = await asyncio.shield(flight)
            self.tally.shared += 1
        elif (known := self._known(key)) is not None:  # it landed before this task began
            return known
        else:
            made = await asyncio.shield(self._flown(key, client, request))
        return Reply(made, key, time.perf_counter() - started, began)

    def _client_of(self, member: Member) -> EngineClient:
        """Return what asks a member's engine; members go by their objects, for a hash of all their options is slow."""
        known = self._by_member.get(id(member))
        if known is None:
            known = self._by_member[id(member)] = member, self.clients[member.spec]
        return known[1]

    def _flown(self, key: bytes, client: EngineClient, request: Request) -> asyncio.Task[Completion]:
        """Send a request. Who asked for it may give up: others may wait for it, and what was asked is paid for."""
        if self.stopped:
            raise Stopped
        flight = self._flights[key] = asyncio.create_task(self._fly(key, client, request))
        flight.add_done_callback(functools.partial(self._has_landed, key))
        return flight

    async def _fly(self, key: bytes, client: EngineClient, request: Request) -> Completion:
        made = await self._complete(client, request, derived_seed(key))
        self._store.put(key, made, client.maker)
        del self._flights[key]  # whoever asks from now on finds it in the store
        self.tally.made += 1
        self.tally.paid += made.usage
        return made

    def _has_landed(self, key: bytes, flight: asyncio.Task[Completion]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # nobody may be waiting for it
        self._landed.set()

    async def _complete(self, client: EngineClient, request: Request, seed: int) -> Completion:
        for attempt in range(TRIES):
            if self.stopped:  # since it was launched, or tried
                raise Stopped
            try:
                made = await client.complete(request.messages, request.sampling, seed)
            except EngineError as fault:
                if not fault.transient or fault.tried or attempt == TRIES - 1:
                    client.failed(fault)
                    raise
                self.tally.retried += 1
                log.info("%s is asked again, attempt %d: %s", client.engine.facts.name, attempt + 2, fault)
                await asyncio.sleep(FIRST_WAIT_S * 2**attempt)
            else:
                return made
        raise AssertionError  # the last attempt returns or raises

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Commit the store regularly while inside, and once more on the way out, whatever happens.

        What is under way then, although nobody waits for it any more, is called off: see `landed`.
        """
        self._store.when_failing = self.stop  # what cannot be kept is not paid for
        if self._store.trouble is not None:  # met before anybody was to be told of it
            self.stop()
        committing = asyncio.create_task(self._commit_regularly())
        try:
            yield
        finally:
            under_way = [committing, *self._flights.values()]
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
            self._store.commit()
            self._store.when_failing = None

    async def _commit_regularly(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_EVERY_S)
            self._store.commit()


def _at_once(spec: ModelSpec, engine: Engine) -> int:
    if spec.addresses:
        return spec.concurrency * len(spec.addresses)
    if spec.engine_options.max_num_seqs is not None:
        return spec.engine_options.max_num_seqs
    return AT_ONCE if processor.accelerated() else AT_ONCE_ON_CPU.get(engine.facts.engine, AT_ONCE)


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
