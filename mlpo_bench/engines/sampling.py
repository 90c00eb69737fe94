"""Drawing tokens row by row, so that requests with different samplings and seeds share a batch.

Each row draws by inverting its own cumulative distribution at a uniform number from its own generator. What a row
draws therefore does not depend on its company, except as far as that moves the last bits of its logits.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import torch
from transformers import LogitsProcessor, StoppingCriteria


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.chat import Sampling

# A token may hold only a part of a character, so a stop string can span this many tokens per character.
_TOKENS_PER_CHARACTER = 4


class RowPenalty(LogitsProcessor):
    """Makes tokens less likely that a row has read or written.

    Args:
        penalty: what divides their positive logits and multiplies their negative ones.
        read: whether each place of the prompts holds something to be read, of shape (rows, width): padding is not.
    """

    def __init__(self, penalty: float, read: torch.Tensor) -> None:
        self._penalty, self._read = penalty, read.bool()

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return scores of shape (rows, vocabulary) with those of seen tokens made smaller."""
        rows, width = scores.shape
        written = torch.ones_like(input_ids[:, self._read.shape[1] :], dtype=torch.bool)
        # Padding is noted in a column of its own, behind the vocabulary.
        places = input_ids.masked_fill(~torch.cat([self._read, written], dim=1), width)
        seen = torch.zeros(rows, width + 1, dtype=torch.bool, device=scores.device)
        seen = seen.scatter_(1, places, value=True)[:, :width]
        smaller = torch.where(scores > 0, scores / self._penalty, scores * self._penalty)
        return torch.where(seen, smaller, scores)


class RowSampler(LogitsProcessor):
    """Leaves each row one possible token: the one it drew, or its most likely one where it is greedy.

    Args:
        samplings: one for each row.
        seeds: one for each row.
        min_p: tokens less likely than this part of a row's most likely one are not drawn; 0 is off.
    """

    def __init__(self, samplings: Sequence[Sampling], seeds: Sequence[int], min_p: float = 0.0) -> None:
        self._min_p = min_p
        self._drawn = [i for i, s in enumerate(samplings) if not s.greedy]
        self._samplings = [samplings[i] for i in self._drawn]
        self._sources = [random.Random(seeds[i]) for i in self._drawn]  # noqa: S311 - not a secret

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return scores of shape (rows, vocabulary) in which generation can only pick the drawn tokens."""
        del input_ids
        if not self._drawn:
            return scores
        drawn = torch.tensor(self._drawn, device=scores.device)
        tokens = self._draw(scores[drawn].float())
        forced = torch.full_like(scores[drawn], -torch.inf).scatter_(1, tokens, 0.0)
        return scores.index_copy(0, drawn, forced)

    def _draw(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the tokens, of shape (rows, 1), that rows of logits draw."""
        temperatures = self._column([s.temperature for s in self._samplings], logits)
        weights = (logits / temperatures).softmax(dim=-1, dtype=torch.float64)
        if self._min_p:
            weights = weights.masked_fill(weights < self._min_p * weights.amax(dim=-1, keepdim=True), 0.0)
        trimmed = [i for i, s in enumerate(self._samplings) if s.top_k or s.top_p < 1]
        if trimmed:
            rows = torch.tensor(trimmed, device=weights.device)
            weights = weights.index_copy(0, rows, self._trimmed(weights[rows], [self._samplings[i] for i in trimmed]))
        reached = weights.cumsum(dim=-1)
        point = self._column([source.random() for source in self._sources], reached) * reached[:, -1:]
        return torch.searchsorted(reached, point, right=True).clamp(max=weights.shape[1] - 1)

    def _trimmed(self, weights: torch.Tensor, samplings: Sequence[Sampling]) -> torch.Tensor:
        """Return weights of shape (rows, vocabulary) with nothing left outside each row's top-k and nucleus.

        Sorting a vocabulary takes longer than all else that drawing does, so rows that need none are not here.
        """
        ordered, tokens = weights.sort(dim=-1, descending=True, stable=True)
        ranks = torch.arange(weights.shape[1], device=weights.device)
        top_k = self._column([s.top_k or weights.shape[1] for s in samplings], ordered)
        ordered = ordered.masked_fill(ranks >= top_k, 0.0)
        # Nucleus sampling works on what top-k leaves: its share of the mass counts from there.
        before = ordered.cumsum(dim=-1) - ordered
        top_p = self._column([s.top_p for s in samplings], ordered)
        ordered = ordered.masked_fill(before >= top_p * ordered.sum(dim=-1, keepdim=True), 0.0)
        return torch.zeros_like(weights).scatter_(1, tokens, ordered)

    @staticmethod
    def _column(values: Sequence[float], like: torch.Tensor) -> torch.Tensor:
        return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None]


class RowsEnd(StoppingCriteria):
    """Ends each row at its own `max_tokens` or after one of its stop strings.

    Args:
        tokenizer: a transformers tokenizer.
        prompt_length: tokens before the answer, padding included, the same for all rows.
        samplings: one for each row.

    Attributes:
        lengths: tokens after which each row ended, or its `max_tokens` while it has met no stop string.
    """

    def __init__(self, tokenizer: object, prompt_length: int, samplings: Sequence[Sampling]) -> None:
        self._tokenizer = tokenizer
        self._start = prompt_length
        self._samplings = samplings
        self.lengths = [s.max_tokens for s in samplings]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: object) -> torch.Tensor:
        """Return for each row whether it has ended."""
        del scores
        written = input_ids.shape[1] - self._start
        for i, sampling in enumerate(self._samplings):
            if written < self.lengths[i] and self._holds_stop(input_ids[i], written, sampling.stop):
                self.lengths[i] = written
        return torch.tensor([written >= length for length in self.lengths], device=input_ids.device)

    def _holds_stop(self, row: torch.Tensor, written: int, stops: tuple[str, ...]) -> bool:
        if not stops:
            return False
        # Generation calls this after every token, so that only the tail can hold a new stop string.
        reach = min(written, max(map(len, stops)) * _TOKENS_PER_CHARACTER + 4)
        tail = self._tokenizer.decode(row[len(row) - reach :], skip_special_tokens=True)  # type: ignore[attr-defined]
        return any(stop in tail for stop in stops)
