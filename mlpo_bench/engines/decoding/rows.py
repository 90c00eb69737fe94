"""A request on its way through a batch."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from mlpo_bench.chat import Sampling


@dataclass(slots=True, eq=False)
class Row:
    """What a request reads, what it has written, and where it draws its next token.

    Its draws come from its own seed, one for each token, whatever batches it goes through and however often it has to
    begin anew: `point`, from 0 to 1, is the one that the next token takes. `fault` is why it cannot go on, where it
    cannot.
    """

    ids: list[int]
    sampling: Sampling
    seed: int
    written: list[int] = field(default_factory=list)
    point: float = 0.0
    fault: str | None = None
    _source: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._source = random.Random(self.seed)  # noqa: S311 - not a secret
        self.point = self._source.random()

    @property
    def seen(self) -> list[int]:
        """All tokens so far: the prompt's, and those that were written."""
        return self.ids + self.written

    @property
    def length(self) -> int:
        """Tokens of prompt and answer, at most."""
        return len(self.ids) + self.sampling.max_tokens

    def write(self, token: int) -> None:
        """Put a token behind the others."""
        self.written.append(token)
        self.point = self._source.random()
