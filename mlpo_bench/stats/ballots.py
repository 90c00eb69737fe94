"""What a vote of any number of ballots scores on average, from all ballots that were drawn: no draw is left to luck.

A vote of n that is drawn once tells of one subset of the N ballots at hand. The mean over all subsets of n is the same
vote without that luck: an unbiased estimate (a U statistic; Hoeffding 1948) of what n fresh ballots score, which
varies less than any one of them. It is reckoned from how often each answer was given, and nothing is enumerated.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, floor
from typing import TYPE_CHECKING

import numpy as np


if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def vote_score(right: Sequence[int], wrong: Sequence[int], unread: int, ballots: float) -> float:
    """Return the mean score of a vote of so many ballots, drawn without replacement from those at hand.

    A vote scores the share of right answers among those that lead: 1 where only right ones do, 1 / m where one of m
    is right, and 0 where none is. So a vote that is given to the answer that came first does on average, for every
    order of the ballots is as likely. Ballots that cannot be read count for no answer. A fraction of a ballot is a lot
    drawn between the whole numbers around it.

    Args:
        right: How often each answer that is right was given; there are several where judges take more than one.
        wrong: How often each other answer was given.
        unread: How many ballots have no answer that can be read.
        ballots: How many vote, from 1 to all at hand.

    Raises:
        ValueError: a count is negative, or fewer ballots are at hand, or none votes.
    """
    at_hand = sum(right) + sum(wrong) + unread
    if min([*right, *wrong, unread]) < 0 or not 1 <= ballots <= at_hand:
        raise ValueError(f"{ballots} ballots cannot be drawn of {at_hand}.")
    counts = tuple(sorted(count for count in right if count)), tuple(sorted(count for count in wrong if count))
    fewer, more = floor(ballots), ceil(ballots)
    part = ballots - fewer
    low = _of_subsets(*counts, unread, fewer)
    return low if not part else (1 - part) * low + part * _of_subsets(*counts, unread, more)


@lru_cache(maxsize=1 << 16)
def _of_subsets(right: tuple[int, ...], wrong: tuple[int, ...], unread: int, n: int) -> float:
    """Return the mean over all subsets of n ballots.

    Ballots drawn without replacement are ballots that each vote with a chance of n / N, given that n of them do. So
    for every number of votes k that the right answer may lead with, the chance is a product of polynomials (the power
    counts ballots), one for each other answer, cut off above k. Where it has k votes, too, it carries a factor y, and
    the integral of y**ties from 0 to 1 is 1 / (1 + ties): Gauss and Legendre's rule has it exactly.
    """
    total = sum(right) + sum(wrong) + unread
    share, score = n / total, 0.0
    for place, count in enumerate(right):
        others = right[:place] + right[place + 1 :] + wrong
        for k in range(1, min(count, n) + 1):
            rivals = [other for other in others if other >= k]
            free = _voting(total - count - sum(rivals), share)[: n - k + 1]
            rest = _at_most(rivals, k, n - k, share)[:, ::-1][:, : len(free)] @ free
            _, weights = _nodes(len(rivals))
            score += float(_voting(count, share)[k] * (weights @ rest))
    return min(score / float(_voting(total, share)[n]), 1.0)


def _at_most(rivals: Sequence[int], k: int, most: int, share: float) -> Floats:
    """Return the chances of each number of ballots for rivals, none above k, of shape (nodes, most + 1)."""
    ties, _ = _nodes(len(rivals))
    chances = np.zeros((len(ties), most + 1))
    chances[:, 0] = 1.0
    for rival in rivals:
        each = _voting(rival, share)
        grown = np.zeros_like(chances)
        for votes in range(min(k, most) + 1):
            chance = each[votes] * ties[:, None] if votes == k else each[votes]
            grown[:, votes:] += chance * chances[:, : most + 1 - votes]
        chances = grown
    return chances


@lru_cache(maxsize=1 << 14)
def _voting(count: int, share: float) -> Floats:
    """Return the binomial chances of how many of so many ballots vote, of shape (count + 1,)."""
    from scipy.special import gammaln, xlog1py, xlogy

    votes = np.arange(count + 1)
    ways = gammaln(count + 1) - gammaln(votes + 1) - gammaln(count - votes + 1)
    return np.asarray(np.exp(ways + xlogy(votes, share) + xlog1py(count - votes, -share)), dtype=np.float64)


@lru_cache(maxsize=256)
def _nodes(degree: int) -> tuple[Floats, Floats]:
    """Return nodes and weights on [0, 1] that integrate polynomials of a degree exactly."""
    nodes, weights = np.polynomial.legendre.leggauss(degree // 2 + 1)
    return (nodes + 1) / 2, weights / 2
