"""The driver's side of an actor: it is started, asked, and started anew after its death."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpo_bench.engines.cluster.host import EngineHost, Opened
from mlpo_bench.errors import EngineError, Unreachable, UsageError


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.chat import Completion, Message, Sampling
    from mlpo_bench.engines.base import ModelFacts
    from mlpo_bench.engines.cluster.session import Session
    from mlpo_bench.engines.spec import ModelSpec

REQUESTS_AT_ONCE = 8_192
"""What an actor lets in; how many of them an engine answers at once is the engine's to say."""
_CLOSES_S = 30.0


@dataclass(frozen=True, slots=True)
class Needs:
    """What an actor takes of a cluster, by the names that Ray has for it."""

    gpus: float
    cpus: float
    resources: Mapping[str, float]

    @property
    def by_name(self) -> dict[str, float]:
        """All of it that is more than nothing."""
        return {name: n for name, n in {"GPU": self.gpus, "CPU": self.cpus, **self.resources}.items() if n}


class Actor:
    """One replica: an actor that answers for some specs, and the one that takes its place when it has died.

    Args:
        session: the cluster.
        name: what it is called in sentences.
        specs: what it answers for.
        needs: what it takes of the cluster.
        deterministic: how its engines are opened.
    """

    def __init__(
        self, session: Session, name: str, specs: Sequence[ModelSpec], needs: Needs, *, deterministic: bool
    ) -> None:
        self.name, self.specs, self._session, self._needs = name, specs, session, needs
        self._deterministic = deterministic
        self._handle: Any = None
        self._starting = asyncio.Lock()
        self._engines: set[ActorEngine] = set()
        self._here = True
        self.opened = Opened((), (), "", 0)
        session.enter()

    async def start(self, instead_of: object = None) -> None:
        """Start it, unless another than `instead_of` has been started.

        Raises:
            UsageError: an engine cannot be opened there.
            EngineError: it died while they were.
        """
        async with self._starting:
            if self._handle is None or self._handle is instead_of:
                await self._start()

    def engine(self, place: int) -> ActorEngine:
        """Return the engine of a place among the specs."""
        engine = ActorEngine(self, self._handle, place, self.opened.facts[place])
        self._engines.add(engine)
        return engine

    async def _start(self) -> None:
        ray, needs = self._session.ray, self._needs
        self._kill()
        self._handle = (
            ray.remote(EngineHost)
            .options(
                num_cpus=needs.cpus,
                num_gpus=needs.gpus,
                resources=dict(needs.resources),
                max_concurrency=REQUESTS_AT_ONCE,
                max_restarts=0,  # it is started anew from here, where it is known what it was asked
            )
            .remote(str(Path.cwd()))
        )
        opened = await self.call("open", self.specs, deterministic=self._deterministic)
        if isinstance(opened, UsageError):
            self._kill()
            raise opened
        self.opened = opened

    async def call(self, method: str, *values: Any, handle: Any = None, **named: Any) -> Any:  # noqa: ANN401
        """Call the actor and return what it returns.

        Raises:
            Unreachable: it is dead, or cannot be reached.
            EngineError: it failed in a way that it was not written to.
        """
        errors = self._session.ray.exceptions
        try:
            return await getattr(handle or self._handle, method).remote(*values, **named)
        except (errors.RayActorError, errors.NodeDiedError) as death:
            raise Unreachable(f"{self.name} died: {_why(death)}.") from None
        except errors.RayTaskError as fault:
            raise EngineError(f"{self.name} failed with {_why(fault.cause or fault)}.", transient=False) from None
        except errors.RayError as fault:
            raise EngineError(f"{self.name} failed: {_why(fault)}.") from None

    def count_tokens(self, place: int, messages: Sequence[Message]) -> int:
        """Return the length of a chat in tokens, and wait for it."""
        counted: int = self._session.ray.get(self._handle.count_tokens.remote(place, messages))
        return counted

    async def release(self, engine: ActorEngine) -> None:
        """Close an engine, and after the last one the actor."""
        self._engines.discard(engine)
        if not self._engines:
            await self.end()

    async def end(self) -> None:
        """Close what is open, and end the actor."""
        if not self._here:
            return
        self._here = False
        if self.opened.pid and self._handle is not None:
            with contextlib.suppress(EngineError, TimeoutError):
                await asyncio.wait_for(self.call("close"), _CLOSES_S)
        self._kill()
        await self._session.leave()

    def _kill(self) -> None:
        if self._handle is not None:
            self._session.ray.kill(self._handle, no_restart=True)
            self._handle = None


class ActorEngine:
    """The engine of one spec in an actor, as long as that lives. Make it with `Actor.engine`."""

    def __init__(self, actor: Actor, handle: object, place: int, facts: ModelFacts) -> None:
        self._actor, self.handle, self._place, self._facts = actor, handle, place, facts

    @property
    def facts(self) -> ModelFacts:
        """What was loaded."""
        return self._facts

    async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
        """Answer one chat.

        Raises:
            ContextOverflow: the prompt and `sampling.max_tokens` exceed the context.
            Unreachable: the actor died.
            EngineError: the engine failed.
        """
        outcome: Completion | EngineError = await self._actor.call(
            "complete", self._place, messages, sampling, seed, handle=self.handle
        )
        if isinstance(outcome, EngineError):
            raise outcome
        return outcome

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the length of a chat in tokens, as the model reads it."""
        return self._actor.count_tokens(self._place, messages)

    async def close(self) -> None:
        """Let it go."""
        await self._actor.release(self)


def _why(fault: BaseException) -> str:
    lines = [line.strip() for line in str(fault).splitlines() if line.strip()]
    return f"{type(fault).__name__}, {lines[0] if lines else 'without a word'}".rstrip(".")
