"""The ranks of a leaderboard's rows, and what their tests could have found (`stats.ranks` tells how they are made)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from mlpo_bench.stats import ALPHA, detectable, detectable_mean, rank_intervals


if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Scores = NDArray[np.float64]
    Rank = tuple[int, int]

_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Ranking:
    """Between which ranks each row lies, and what the tests could have found.

    Attributes:
        ranks: For each row the best and the worst rank that it may have; all hold together at 95 %.
        rows: How many rows differ in any answer; others are one row with several names.
        pairs: How many pairs of these were tested.
        found: How many are surely apart.
        discordant: The share of questions on which the median pair differs; None where nothing was compared.
        single: The difference that such a pair needs to be found in four samples of five by one test.
        among_all: The same by the first step over all pairs; None where no difference is large enough.
    """

    ranks: tuple[Rank, ...]
    rows: int
    pairs: int
    found: int
    discordant: float | None
    single: float | None
    among_all: float | None


def ranked(rows: Sequence[Sequence[Scores]]) -> Ranking:
    """Return the ranks of rows by the mean over suites of their accuracies.

    Args:
        rows: For each row, its scores in each suite, of shape (questions,), in the same order in all rows.
    """
    if not rows:
        return Ranking((), 0, 0, 0, None, None, None)
    together = np.array([weighted(row) for row in rows])
    ranks = rank_intervals(together)
    could = _could_show(np.unique(together.round(9), axis=0), min(ranks.level, ALPHA))
    return Ranking(tuple(zip(ranks.low, ranks.high, strict=True)), ranks.rows, ranks.pairs, ranks.found, *could)


def weighted(row: Sequence[Scores]) -> Scores:
    """Return all scores of a row such that their mean is the mean over its suites, each counted the same."""
    total = sum(len(scores) for scores in row)
    return np.concatenate([scores * (total / (len(row) * len(scores))) for scores in row])


def _could_show(rows: Scores, level: float) -> tuple[float | None, float | None, float | None]:
    """Return the median pair's share of differing questions, and what one test, and the first step, could show.

    Args:
        rows: Different ones, of shape (rows, questions).
        level: At which a single test asks for as much as the first step.
    """
    apart = [rows[a] - rows[b] for a, b in combinations(range(len(rows)), 2)]
    if not apart:
        return None, None, None
    n, discordant = rows.shape[1], median(float((np.abs(each) > _SAME).mean()) for each in apart)
    # Of one suite and seed, differences are -1, 0 and 1: McNemar's.
    if np.isin(rows, (0, 1)).all():
        single, among_all = (detectable(n, discordant, alpha=alpha) for alpha in (ALPHA, level))
    else:
        deviation = median(float(each.std(ddof=1)) if n > 1 else 0.0 for each in apart)
        single, among_all = (detectable_mean(n, deviation, alpha=alpha) for alpha in (ALPHA, level))
    return discordant, single, among_all
