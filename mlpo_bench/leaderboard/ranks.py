"""Ranks that a paired test supports.

A row's rank is one more than the number of rows that are surely better, so that rows between which nothing is sure
share a rank. "Surely better" is found so:

- *Every pair of rows is tested*, by McNemar's exact test, or by flipping signs where scores are means over seeds or
  suites, and Holm's adjustment is made over all pairs of the table. Testing every row against the best one alone
  would need fewer tests, but the best one is known only from the same answers: the winner of many is partly the
  luckiest, and such tests find too much. Over all pairs, the chance that any row is put behind another without cause
  is at most one in twenty, whichever row came first. The price is that a table of many rows shows less: the notes say
  how much.
- *What is better than the better is better*: where A is surely better than B and B than C, so is A than C, which needs
  no further test, for all that was found holds at once. Without it, a row could share a rank with one that it surely
  beats.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from mlpo_bench.stats import ALPHA, detectable, detectable_mean, holm, sign_flip


if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Scores = NDArray[np.float64]

_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Ranking:
    """The rank of each row, and what its tests could have found.

    `pairs` counts the tests, `discordant` is the share of questions on which the median pair differs. `single` is the
    difference that such a pair needs to be found in four samples of five by one test, `among_all` by the first of all
    of the table's tests; None where none is large enough, or nothing was compared.
    """

    ranks: tuple[int, ...]
    pairs: int
    discordant: float | None
    single: float | None
    among_all: float | None


def ranked(rows: Sequence[Sequence[Scores]]) -> Ranking:
    """Return the ranks of rows by the mean over suites of their accuracies.

    Args:
        rows: For each row, its scores in each suite, of shape (questions,), in the same order in all rows.
    """
    together = [weighted(row) for row in rows]
    places = list(combinations(range(len(rows)), 2))
    apart = {f"{a} {b}": together[a] - together[b] for a, b in places}
    adjusted = holm({pair: _bounded(each, len(places)) for pair, each in apart.items()})
    beats = np.zeros((len(rows), len(rows)), dtype=bool)
    for a, b in places:
        if adjusted[f"{a} {b}"] < ALPHA:
            first_wins = apart[f"{a} {b}"].sum() > 0
            beats[(a, b) if first_wins else (b, a)] = True
    ranks = tuple(int(count) + 1 for count in _closed(beats).sum(axis=0))
    return Ranking(ranks, len(places), *_could_show(list(apart.values())))


def p_of(apart: Scores) -> float:
    """Return the two-sided p of paired differences, of shape (questions,): McNemar's exact one where they are 0 and 1.

    It depends only on how often each size of difference occurs with either sign, so equal ones are reckoned once.
    """
    sizes, counts = np.unique(apart[np.abs(apart) > _SAME].round(9), return_counts=True)
    return _p_of_counts(tuple(sizes.tolist()), tuple(counts.tolist()))


@cache
def _p_of_counts(sizes: tuple[float, ...], counts: tuple[int, ...]) -> float:
    return sign_flip(np.repeat(sizes, counts)) if sizes else 1.0


def _bounded(apart: Scores, pairs: int) -> float:
    """Return a p value that decides as `p_of` does among so many pairs, by bounds where they suffice.

    Of flipped signs, a sum reaches z standard deviations with a chance of at most 2 exp(-z**2 / 2) (Hoeffding 1963);
    where that is a finding whatever the other pairs are, it is enough. And it reaches one with a chance of at least
    7/32 (Dvorak and Klein 2022, "Probability mass of Rademacher sums beyond one standard deviation"), which no
    adjustment makes a finding of.
    """
    variance = float((apart**2).sum())
    square = float(apart.sum()) ** 2 / variance if variance else 0.0
    if square <= 1:
        return 1.0
    most = 2 * math.exp(-square / 2)
    return most if most < ALPHA / pairs else p_of(apart)


def weighted(row: Sequence[Scores]) -> Scores:
    """Return all scores of a row such that their mean is the mean over its suites, each counted the same."""
    total = sum(len(scores) for scores in row)
    return np.concatenate([scores * (total / (len(row) * len(scores))) for scores in row])


def _closed(beats: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the relation with all that follows from it (Warshall 1962), of shape (rows, rows)."""
    closed = beats.copy()
    for middle in range(len(closed)):
        closed |= np.outer(closed[:, middle], closed[middle])
    return closed


def _could_show(apart: Sequence[Scores]) -> tuple[float | None, float | None, float | None]:
    """Return the median pair's share of differing questions, and what one test, and the first of all, could show."""
    if not apart:
        return None, None, None
    n, discordant = len(apart[0]), median(float((np.abs(each) > _SAME).mean()) for each in apart)
    # Of one suite and seed, differences are -1, 0 and 1: McNemar's.
    if all(np.isin(each, (-1, 0, 1)).all() for each in apart):
        single, among_all = (detectable(n, discordant, alpha=alpha) for alpha in (ALPHA, ALPHA / len(apart)))
    else:
        deviation = median(float(each.std(ddof=1)) if n > 1 else 0.0 for each in apart)
        single, among_all = (detectable_mean(n, deviation, alpha=alpha) for alpha in (ALPHA, ALPHA / len(apart)))
    return discordant, single, among_all
