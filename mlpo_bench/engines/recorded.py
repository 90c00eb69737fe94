"""An engine that never writes: whatever it is asked should have been found in a store, under its identity.

A recorded model carries the identity of the model that once answered, so that requests to it are those of the
recording. `revision` holds what follows the name in that identity (see `ModelFacts.fingerprint`)::

    model: smollm2-135m
    engine: recorded
    revision: sha256:b179c9523d0e6a0f|bfloat16|hf

It needs neither weights nor torch. A request that comes through to it is a fault that says what was asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.engines.base import ModelFacts
from mlpo_bench.errors import EngineError


if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from mlpo_bench.chat import Completion
    from mlpo_bench.engines.spec import ModelSpec

DEFAULT_CONTEXT = 1_000_000
_SAYS = "the recording does not hold what is asked: "


@dataclass(frozen=True, slots=True)
class Missing:
    """A request that a recording lacks."""

    messages: tuple[Message, ...]
    sampling: Sampling


class RecordedEngine:
    """Stands for the model that a recording was made with.

    Args:
        facts: What answered when the recording was made.
        refusal: What its faults say; where it is left out, all that was asked (see `missing`).
    """

    def __init__(self, facts: ModelFacts, refusal: str | None = None) -> None:
        self._facts, self._refusal = facts, refusal

    @classmethod
    def of(cls, spec: ModelSpec) -> Self:
        """Return the engine of a recorded model."""
        revision, dtype, engine = (spec.revision or "").split("|")
        return cls(ModelFacts(spec.model, engine, revision, dtype, spec.context or DEFAULT_CONTEXT))

    @property
    def facts(self) -> ModelFacts:
        """What answered when the recording was made."""
        return self._facts

    async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
        """Refuse: the store was asked before.

        Raises:
            EngineError: always.
        """
        del seed
        if self._refusal is not None:
            raise EngineError(self._refusal, transient=False)
        asked = [[[m.role, m.content] for m in messages], {f: getattr(sampling, f) for f in Sampling.__slots__}]
        raise EngineError(_SAYS + orjson.dumps(asked).decode(), transient=False)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the number of words in a chat: the tokenizer is not here."""
        return sum(len(m.content.split()) for m in messages)

    async def close(self) -> None:
        """Nothing was started."""


def missing(error: str | None) -> Missing | None:
    """Return the request that a recorded engine refused, from the text of its fault; None for any other fault."""
    if error is None or not error.startswith(_SAYS):
        return None
    messages, sampling = orjson.loads(error.removeprefix(_SAYS))
    sampling["stop"] = tuple(sampling["stop"])
    return Missing(tuple(Message(*each) for each in messages), Sampling(**sampling))
