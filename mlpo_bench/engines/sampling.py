"""Drawing tokens row by row, so that requests with different samplings and seeds share a batch.

Each row draws by inverting its own cumulative distribution at a number of its own. What a row draws therefore does not
depend on its company, except as far as that moves the last bits of its logits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.chat import Sampling


def drawn(
    logits: torch.Tensor, samplings: Sequence[Sampling], points: Sequence[float], min_p: float = 0.0
) -> torch.Tensor:
    """Return the token that each row draws, or its most likely one where it is greedy, of shape (rows,).

    Args:
        logits: of shape (rows, vocabulary).
        samplings: one for each row.
        points: a number from 0 to 1 for each row, at which its distribution is inverted.
        min_p: tokens less likely than this part of a row's most likely one are not drawn; 0 is off.
    """
    tokens = logits.argmax(dim=-1)
    rows = [i for i, sampling in enumerate(samplings) if not sampling.greedy]
    if rows:
        chosen = torch.tensor(rows, device=logits.device)
        weights = _weights(logits[chosen], [samplings[i] for i in rows], min_p)
        tokens[chosen] = _inverted(weights, [points[i] for i in rows])
    return tokens


def _weights(logits: torch.Tensor, samplings: Sequence[Sampling], min_p: float) -> torch.Tensor:
    """Return how likely tokens are, of shape (rows, vocabulary); rows need not sum to 1."""
    temperatures = _column([s.temperature for s in samplings], logits)
    weights = (logits / temperatures).softmax(dim=-1, dtype=torch.float64)
    if min_p:
        weights = weights.masked_fill(weights < min_p * weights.amax(dim=-1, keepdim=True), 0.0)
    trimmed = [i for i, s in enumerate(samplings) if s.top_k or s.top_p < 1]
    if trimmed:
        rows = torch.tensor(trimmed, device=weights.device)
        weights = weights.index_copy(0, rows, _trimmed(weights[rows], [samplings[i] for i in trimmed]))
    return weights


def _inverted(weights: torch.Tensor, points: Sequence[float]) -> torch.Tensor:
    reached = weights.cumsum(dim=-1)
    tokens = torch.searchsorted(reached, _column(points, reached) * reached[:, -1:], right=True)
    return tokens[:, 0].clamp(max=weights.shape[1] - 1)


def _trimmed(weights: torch.Tensor, samplings: Sequence[Sampling]) -> torch.Tensor:
    """Return weights of shape (rows, vocabulary) with nothing left outside each row's top-k and nucleus.

    Sorting a vocabulary takes longer than all else that drawing does, so rows that need none are not here.
    """
    ordered, tokens = weights.sort(dim=-1, descending=True, stable=True)
    ranks = torch.arange(weights.shape[1], device=weights.device)
    top_k = _column([s.top_k or weights.shape[1] for s in samplings], ordered)
    ordered = ordered.masked_fill(ranks >= top_k, 0.0)
    # Nucleus sampling works on what top-k leaves: its share of the mass counts from there.
    before = ordered.cumsum(dim=-1) - ordered
    top_p = _column([s.top_p for s in samplings], ordered)
    ordered = ordered.masked_fill(before >= top_p * ordered.sum(dim=-1, keepdim=True), 0.0)
    return torch.zeros_like(weights).scatter_(1, tokens, ordered)


def _column(values: Sequence[float], like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None]
