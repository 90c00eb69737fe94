"""Asks engines on behalf of thousands of conversations: the store first, and one flight for equal requests."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlpo_bench.chat import Usage
from mlpo_bench.errors import EngineFault
from mlpo_bench.store import COMMIT_EVERY_S, derived_seed, request_key


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from mlpo_bench.chat import Completion, Message, Sampling
    from mlpo_bench.engines import Engine
    from mlpo_bench.store import Store
    from mlpo_bench.teams import Member, ModelSpec

TRIES = 3
FIRST_WAIT_S = 0.5


@dataclass(slots=True)
class Tally:
    """What a dispatch has done: completions made, found in the store, and shared while in flight."""

    made: int = 0
    found: int = 0
    shared: int = 0
    retried: int = 0
    paid: Usage = Usage()

    @property
    def asked(self) -> int:
        """All requests, however they were answered."""
        return self.made + self.found + self.shared


class Dispatch:
    """The one door between conversations and engines.

    Args:
        engines: an open engine for each model spec that will be asked.
        store: where completions are kept.
    """

    def __init__(self, engines: Mapping[ModelSpec, Engine], store: Store) -> None:
        self._engines = {spec: (engine, engine.facts.fingerprint) for spec, engine in engines.items()}
        self._store = store
        self._flights: dict[bytes, asyncio.Future[Completion]] = {}
        # A member's spec is built anew on every access; conversations ask for it some hundred thousand times.
        self._by_member: dict[int, tuple[Member, Engine, str]] = {}
        self.tally = Tally()

    async def ask(
        self, member: Member, messages: Sequence[Message], sampling: Sampling, *, sample: int, seed: int
    ) -> Completion:
        """Return the completion of a request: from the store, from an equal one in flight, or newly made.

        `sample` tells apart draws of one and the same request; `seed` is the run's, from which, with the
        request's content, its own seed follows.

        Raises:
            EngineFault: the engine failed, `TRIES` times where trying again could help.
        """
        engine, fingerprint = self._engine_of(member)
        key = request_key(fingerprint, messages, sampling, sample, seed)
        if (known := self._store.get(key)) is not None:
            self.tally.found += 1
            return known
        if (flight := self._flights.get(key)) is not None:
            self.tally.shared += 1
            return await asyncio.shield(flight)
        return await self._fly(key, engine, messages, sampling)

    def _engine_of(self, member: Member) -> tuple[Engine, str]:
        known = self._by_member.get(id(member))
        if known is None:
            engine, fingerprint = self._engines[member.spec]
            known = self._by_member[id(member)] = (member, engine, fingerprint)
        return known[1], known[2]

    async def _fly(self, key: bytes, engine: Engine, messages: Sequence[Message], sampling: Sampling) -> Completion:
        flight: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        self._flights[key] = flight
        try:
            made = await self._complete(engine, messages, sampling, derived_seed(key))
            self._store.put(key, made)
        except asyncio.CancelledError:
            flight.cancel()
            raise
        except BaseException as error:
            flight.set_exception(error)
            flight.exception()  # nobody may be waiting for it
            raise
        finally:
            del self._flights[key]
        flight.set_result(made)
        self.tally.made += 1
        self.tally.paid += made.usage
        return made

    async def _complete(self, engine: Engine, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
        for attempt in range(TRIES):
            try:
                made = await engine.complete(messages, sampling, seed)
            except EngineFault as fault:
                if not fault.transient or attempt == TRIES - 1:
                    raise
                self.tally.retried += 1
                await asyncio.sleep(FIRST_WAIT_S * 2**attempt)
            else:
                # A server may send half of a surrogate pair, which no UTF-8 file can hold.
                return replace(made, text=made.text.encode("utf-8", "replace").decode())
        raise AssertionError  # the last attempt returns or raises

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Commit the store regularly while inside, and once more on the way out, whatever happens."""
        committing = asyncio.create_task(self._commit_regularly())
        try:
            yield
        finally:
            committing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await committing
            self._store.commit()

    async def _commit_regularly(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_EVERY_S)
            self._store.commit()
