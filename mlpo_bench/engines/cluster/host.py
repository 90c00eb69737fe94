"""What an actor does: it opens the engines of a model, and of its adapters, on the machine that it runs on."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpo_bench.engines.opening import close_engines, open_engines
from mlpo_bench.errors import EngineError, UsageError


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.chat import Completion, Message, Sampling
    from mlpo_bench.engines.base import Engine, ModelFacts
    from mlpo_bench.engines.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class Opened:
    """What was opened: the facts of each spec, the sentences that were said, and the process it lies in."""

    facts: tuple[ModelFacts, ...]
    said: tuple[str, ...]
    node: str
    pid: int


class EngineHost:
    """Answers for some specs of one model. Faults are returned, not raised, so that they arrive as they are.

    Args:
        folder: what relative paths in a team file start from; left as it is where there is no such folder.
    """

    def __init__(self, folder: str) -> None:
        with contextlib.suppress(OSError):
            os.chdir(folder)
        self._specs: list[ModelSpec] = []
        self._engines: dict[ModelSpec, Engine] = {}

    async def open(self, specs: Sequence[ModelSpec], *, deterministic: bool) -> Opened | UsageError:
        """Open the engines."""
        said: list[str] = []
        try:
            engines = await open_engines(specs, deterministic=deterministic, on_event=said.append)
        except UsageError as mistake:
            return mistake
        self._specs, self._engines = list(specs), engines
        return Opened(tuple(engines[spec].facts for spec in specs), tuple(said), os.uname().nodename, os.getpid())

    async def complete(
        self, place: int, messages: Sequence[Message], sampling: Sampling, seed: int
    ) -> Completion | EngineError:
        """Answer one chat by the model of a place among the specs."""
        try:
            return await self._engines[self._specs[place]].complete(messages, sampling, seed)
        except EngineError as fault:
            return fault.with_traceback(None)

    async def count_tokens(self, place: int, messages: Sequence[Message]) -> int:
        """Return the length of a chat in tokens."""
        return self._engines[self._specs[place]].count_tokens(messages)

    async def close(self) -> None:
        """Close the engines."""
        await close_engines(self._engines)
