"""Ranks that are sure together: for each row, between which places it lies.

A rank that is read off a table is as uncertain as what it is read off. Here every row has an interval of ranks, and all
of them hold together with a confidence of 95 % (Mogstad, Romano, Shaikh and Wilhelm 2024, "Inference for ranks with
applications to mobility across neighbourhoods and academic achievement across countries", Review of Economic Studies):
one more than the number of rows that are surely better, up to the number of rows less those that are surely worse.

*Surely better* is found over all pairs at once, in steps (Romano and Wolf 2005). A pair's statistic is
`|sum of differences| / root of the sum of their squares`. Were no row better than another, any two could be swapped on
any question; so signs are drawn, one a question and the same for all pairs, and the greatest statistic of all pairs
among them says how far apart a pair must lie. Pairs that lie further apart are found and leave, until no more are. As
pairs share their questions, that asks for less than adjusting each pair's own test does.

Intervals are then widened so that no row stands above one of more accuracy. Rows that answered every question alike are
one row with several names.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlpo_bench.stats.significance import ALPHA


if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Singles = NDArray[np.float32]
    Bools = NDArray[np.bool_]

DRAWS = 9_999
_DECIMALS = 9
_ROUNDING = 1e-6
# Statistics of single precision that lie as close are the same.
_SAME = 1e-4
# Draws that are looked at together, so that what is reckoned of them stays in a core's cache.
_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class Ranks:
    """Between which places each row lies, in the order of the rows.

    Attributes:
        low: The best rank that each row may have.
        high: The worst.
        rows: How many different rows there are.
        found: How many pairs of them are surely apart.
        level: At which level a single test would ask for as much as the first step asks of every pair.
    """

    low: tuple[int, ...]
    high: tuple[int, ...]
    rows: int
    found: int
    level: float

    @property
    def pairs(self) -> int:
        """How many pairs of different rows there are."""
        return self.rows * (self.rows - 1) // 2


def rank_intervals(scores: Floats, *, alpha: float = ALPHA, draws: int = DRAWS, seed: int = 0) -> Ranks:
    """Return the ranks of rows by their mean scores.

    Args:
        scores: Of shape (rows, questions); equal weights, or weighted so that a row's mean is what it is ranked by.
        alpha: How often any of the intervals may fail to hold its row's rank.
        draws: How many times signs are drawn.
        seed: Of the draws.

    Raises:
        ValueError: There are no rows or no questions.
    """
    if scores.ndim != 2 or 0 in scores.shape:  # noqa: PLR2004
        raise ValueError(f"Ranks are of rows and questions, not of shape {scores.shape}.")
    from scipy.special import ndtr

    distinct, which = np.unique(scores.round(_DECIMALS), axis=0, return_inverse=True)
    means = distinct.mean(axis=1)
    order = np.argsort(-means, kind="stable")
    apart, critical = surely_apart(distinct[order], alpha=alpha, draws=draws, seed=seed)
    rows = len(order)
    # `better[a, b]`: row b is surely better than row a.
    better = apart & (np.subtract.outer(means[order], means[order]) < 0)
    low = 1 + better.sum(axis=1)
    high = rows - better.sum(axis=0)
    # Rows lie here by falling accuracy. Those that are as accurate have the same interval.
    same = np.cumsum(np.r_[False, np.diff(means[order]) < -_ROUNDING])
    low = np.minimum.accumulate(low[::-1])[::-1]
    high = np.maximum.accumulate(high)
    lows, highs = (np.empty(rows, dtype=np.int64) for _ in range(2))
    for group in np.unique(same):
        members = same == group
        lows[members], highs[members] = low[members].min(), high[members].max()
    place = np.empty(rows, dtype=np.int64)
    place[order] = np.arange(rows)
    of_rows = place[which.ravel()]
    return Ranks(
        low=tuple(lows[of_rows].tolist()),
        high=tuple(highs[of_rows].tolist()),
        rows=rows,
        found=int(apart.sum()) // 2,
        level=float(2 * ndtr(-critical)),
    )


def surely_apart(scores: Floats, *, alpha: float = ALPHA, draws: int = DRAWS, seed: int = 0) -> tuple[Bools, float]:
    """Return which pairs of rows surely differ, of shape (rows, rows), and the first step's critical value.

    Arguments are those of `rank_intervals`; rows are all different.
    """
    squares = (scores**2).sum(axis=1)
    apart = np.maximum(squares[:, None] + squares - 2 * scores @ scores.T, 0.0)
    size = np.sqrt(np.where(apart > _ROUNDING, apart, np.inf))
    totals = scores.sum(axis=1)
    reached = np.abs(np.subtract.outer(totals, totals)) / size
    pairs = len(scores) * (len(scores) - 1) // 2
    # What is apart by Hoeffding's bound over all pairs (1963) needs no draws: no critical value is above it.
    bound = float(np.sqrt(2 * np.log(2 * max(pairs, 1) / alpha)))
    found, first = reached >= bound, None
    signs = np.random.default_rng(seed).integers(0, 2, (draws, scores.shape[1]), dtype=np.int8)
    drawn = np.ascontiguousarray(scores.astype(np.float32) @ (2 * signs - 1).astype(np.float32).T)
    while True:
        left = ~found & np.isfinite(size)
        if not left.any():
            return found, bound if first is None else first
        greatest = np.sort(_greatest(drawn, np.where(left, 1 / size, 0.0).astype(np.float32)))
        critical = greatest[min(int(np.ceil((1 - alpha) * (draws + 1))) - 1, draws - 1)]
        first = float(critical) if first is None else first
        more = left & (reached > critical * (1 + _SAME))
        if not more.any():
            return found, first
        found |= more


def _greatest(drawn: Singles, scale: Singles) -> Singles:
    """Return the greatest statistic of all pairs in each draw, of shape (draws,).

    Args:
        drawn: Each row's total with signs drawn, of shape (rows, draws).
        scale: What a pair's difference is multiplied by, of shape (rows, rows); 0 leaves it out.
    """
    # Rows lie by accuracy, so that those which are not yet apart from one lie next to it.
    ends = [int(np.flatnonzero(each).max(initial=-1)) + 1 for each in scale]

    def of_block(block: Singles) -> Singles:
        greatest = np.zeros(block.shape[1], dtype=np.float32)
        rows = np.empty_like(block)
        for place, last in enumerate(ends):
            part = rows[place + 1 : last]
            if not len(part):
                continue
            np.subtract(block[place + 1 : last], block[place], out=part)
            np.multiply(part, scale[place, place + 1 : last, None], out=part)
            np.abs(part, out=part)
            np.maximum(greatest, part.max(axis=0), out=greatest)
        return greatest

    blocks = [np.ascontiguousarray(drawn[:, start : start + _AT_ONCE]) for start in range(0, drawn.shape[1], _AT_ONCE)]
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        return np.concatenate(list(pool.map(of_block, blocks)))
