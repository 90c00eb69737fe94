"""What every engine offers."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from mlpo_bench.engines.names import full_name


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.chat import Completion, Message, Sampling
    from mlpo_bench.engines.turns import Turns


UNTOLD_CONTEXT = "the server does not tell its context"
"""The note of a model whose context is not known."""


@dataclass(frozen=True, slots=True)
class AdapterFacts:
    """What changed a model's weights: what the person called it, and `sha256:...` of its content."""

    name: str
    revision: str


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What was loaded, for the record and for the identity of requests.

    `revision` is the hub's commit, or `sha256:...` of a folder's weights, or what a server says of itself.
    `context` is the longest prompt plus answer, in tokens. `parameters` is None where a server does not tell; those of
    an `adapter` are not among them. `told` is what else a server tells of itself, for the record alone.
    """

    name: str
    engine: str
    revision: str
    dtype: str
    context: int
    parameters: int | None = None
    note: str = ""
    adapter: AdapterFacts | None = None
    told: Mapping[str, Any] | None = field(default=None, compare=False)

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> ModelFacts:
        """Return what was kept as plain values."""
        adapter = kept.get("adapter")
        return cls(**{**kept, "adapter": adapter and AdapterFacts(**adapter)})

    def plain(self) -> dict[str, Any]:
        """Return it as plain values, without a word of an adapter, or of what a server tells, where there is none."""
        return {name: value for name, value in asdict(self).items() if name not in {"adapter", "told"} or value}

    @property
    def full_name(self) -> str:
        """The model's name, and its adapter's behind it."""
        return full_name(self.name, self.adapter.name if self.adapter else None)

    @property
    def weights(self) -> str:
        """Which weights answer: the model's revision, and its adapter's behind it."""
        return f"{self.revision}+{self.adapter.revision}" if self.adapter else self.revision

    @property
    def fingerprint(self) -> str:
        """Identity of all that decides a completion besides the request: part of every request's key."""
        return f"{self.name}|{self.weights}|{self.dtype}|{self.engine}"


@dataclass(frozen=True, slots=True)
class Share:
    """An engine's part of a device's memory, the `opened`-th of `engines` to be taken.

    `part` is how large it is, 0 to 1, where the parts are not equal. Engines that do not fit together take `turns`:
    each has the device to itself while the others sleep.
    """

    engines: int = 1
    opened: int = 1
    part: float | None = None
    turns: Turns | None = None

    @property
    def of_cache(self) -> float:
        """Its part of what all caches take, where weights do not count."""
        return 1 / self.engines if self.part is None else self.part


ALONE = Share()


class Engine(Protocol):
    """Serves one model."""

    @property
    def facts(self) -> ModelFacts:
        """What was loaded; known once the engine is open."""
        ...

    async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
        """Answer one chat.

        `seed` (0 to 2**32 - 1) makes a sampled completion repeatable as far as the engine can.

        Raises:
            ContextOverflow: the prompt and `sampling.max_tokens` exceed the context.
            EngineError: the machinery failed.
        """
        ...

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the length of a chat in tokens, as the model would read it (an estimate for a server)."""
        ...

    async def close(self) -> None:
        """Stop what was started; a closed engine is not opened again."""
        ...


@runtime_checkable
class Halting(Protocol):
    """An engine that lets requests wait for their turn, and can be told to begin no more of them."""

    def halt(self, reason: Exception) -> None:
        """Begin nothing more: what waits for its turn raises `reason`."""
        ...


def caller_cancelled() -> bool:
    """Return whether the running task itself was told to end, and not only something that it waits for.

    An event loop that shuts down cancels both at once: the task has to end as cancelled then, whatever else is so.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
