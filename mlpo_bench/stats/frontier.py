"""Accuracy against cost: who is beaten by whom, what the best can do for a price, and what a vote does for the same.

Costs are of one kind throughout (tokens, calls, seconds, price of a question) and positive: they are compared on a log
axis, on which doubling always counts the same.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from mlpo_bench.stats.units import gathered


if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

_DECIMALS = 9


@dataclass(frozen=True, slots=True)
class Point:
    """What a cell reached at what cost; `low` and `high` bound the interval of its accuracy.

    Raises:
        ValueError: The cost is not positive, or the accuracy is not within its interval and that within [0, 1].
    """

    cost: float
    accuracy: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 < self.cost < float("inf"):
            raise ValueError(f"A cost of {self.cost} has no place on a log axis.")
        if not 0 <= self.low <= self.accuracy <= self.high <= 1:
            raise ValueError(f"An accuracy of {self.accuracy} does not lie in its interval {self.low} to {self.high}.")

    def dominates(self, other: Point) -> bool:
        """Whether this costs no more, reaches no less, and is better in one of the two."""
        no_worse = self.cost <= other.cost and self.accuracy >= other.accuracy
        return no_worse and (self.cost < other.cost or self.accuracy > other.accuracy)

    def surely_dominates(self, other: Point) -> bool:
        """Whether this costs no more and all of its interval lies above all of the other's.

        Intervals that do not meet ask for more than a test at their level does, and for much more where both are of
        the same questions: a paired comparison (`compare`) may be sure where this is not.
        """
        return self.cost <= other.cost and self.low > other.high


def dominated(points: Sequence[Point]) -> list[bool]:
    """Return for each point whether another dominates it."""
    return [any(other.dominates(point) for other in points) for point in points]


def surely_dominated(points: Sequence[Point]) -> list[bool]:
    """Return for each point whether another surely dominates it."""
    return [any(other.surely_dominates(point) for other in points) for point in points]


def frontier(points: Sequence[Point]) -> list[Point]:
    """Return the points that no other dominates, by rising cost; accuracy rises with it."""
    kept = [point for point, beaten in zip(points, dominated(points), strict=True) if not beaten]
    return sorted(kept, key=lambda point: (point.cost, point.accuracy))


def area(points: Sequence[Point], cheapest: float, dearest: float) -> float:
    """Return the mean, over a range of costs on a log axis, of the best accuracy to be had at that cost.

    The best at a cost is that of the most accurate point that costs no more; where none costs so little, it is 0.
    Nothing is interpolated: between two cells there is no third. The result lies in [0, 1], and is 1 for a point that
    is always right at the lowest cost.

    Raises:
        ValueError: `0 < cheapest < dearest` does not hold.
    """
    if not 0 < cheapest < dearest:
        raise ValueError(
            f"A range of costs goes from a positive one to a greater one, not from {cheapest} to {dearest}."
        )
    steps = [point for point in frontier(points) if point.cost < dearest]
    starts = np.log([max(point.cost, cheapest) for point in steps] + [dearest])
    heights = np.array([point.accuracy for point in steps])
    return min(float((heights * np.diff(starts)).sum() / np.log(dearest / cheapest)), 1.0)


def mean_area(points: Sequence[Point], rows: int, cheapest: float, dearest: float) -> float:
    """Return the mean `area` over all choices of so many of the points.

    More rows lie on a higher frontier by their number alone, so that areas compare only at equal numbers. Among N
    points, the k-th best of those that a cost affords is the best of C(N - k, rows - 1) of the C(N, rows) choices.

    Raises:
        ValueError: there are not as many points, or `0 < cheapest < dearest` does not hold.
    """
    if not 0 < cheapest < dearest:
        raise ValueError(
            f"A range of costs goes from a positive one to a greater one, not from {cheapest} to {dearest}."
        )
    if not 1 <= rows <= len(points):
        raise ValueError(f"{rows} of {len(points)} points cannot be chosen.")
    starts = sorted({max(point.cost, cheapest) for point in points if point.cost < dearest})
    total = 0.0
    for start, end in pairwise([*starts, dearest]):
        affordable = sorted((point.accuracy for point in points if point.cost <= start), reverse=True)
        chosen = [comb(len(points) - place, rows - 1) for place in range(1, len(affordable) + 1)]
        best = sum(accuracy * count for accuracy, count in zip(affordable, chosen, strict=True))
        total += best / comb(len(points), rows) * float(np.log(end / start))
    return min(total / float(np.log(dearest / cheapest)), 1.0)


def chance_on_frontier(
    scores: NDArray[np.float64],
    costs: Sequence[float],
    subjects: Sequence[Hashable] | None = None,
    *,
    draws: int = 2_000,
    seed: int = 0,
) -> list[float]:
    """Return how often each row lies on the frontier when questions of its subjects are drawn anew.

    A row that is on it by a question or two seldom stays there; what beats everybody for its cost always does. Costs
    stay as they are. Of a subject's n questions, n - 1 are drawn and weighed n / (n - 1) (Rao and Wu 1988): n of them
    vary (n - 1) / n times as much as fresh ones do, two only half as much. Questions that are alone in their subject
    are drawn together. claimeval reports the same, by its own bootstrap.

    Args:
        scores: Of shape (rows, questions).
        costs: One for each row.
        subjects: One for each question: each keeps its share.
        draws: How many samples are drawn.
        seed: Of the draws.
    """
    rows, questions = scores.shape
    rng, sums = np.random.default_rng(seed), np.zeros((draws, rows))
    for members in gathered(questions, subjects):
        n = len(members)
        fresh = max(n - 1, 1)
        drawn = rng.multinomial(fresh, np.full(n, 1 / n), size=draws)
        sums += drawn @ scores[:, members].T * (n / fresh)
    order = np.argsort(costs, kind="stable")
    sums, price = sums[:, order].round(_DECIMALS), np.asarray(costs, dtype=np.float64)[order]
    on = np.ones_like(sums, dtype=bool)
    for place in range(rows):
        cheaper, same = price < price[place], price == price[place]
        if cheaper.any():
            on[:, place] &= sums[:, place] > sums[:, cheaper].max(axis=1)
        on[:, place] &= sums[:, place] >= sums[:, same].max(axis=1)
    chances = np.empty(rows)
    chances[order] = on.mean(axis=0)
    return [float(chance) for chance in chances]


def vote_at(cost: float, votes: Sequence[Point]) -> Point | None:
    """Return what a vote reaches at a cost, from votes of other costs; None outside their range.

    Accuracy and the bounds of its interval are interpolated between the two nearest costs, linearly in the log of the
    cost, as votes gain about as much from each doubling. Votes of the same cost are averaged first. Nothing is ever
    extrapolated. Bounds so found are wide rather than narrow, as neighbours are of the same questions.

    Raises:
        ValueError: The cost is not positive.
    """
    if cost <= 0:
        raise ValueError(f"A cost of {cost} has no place on a log axis.")
    by_cost: defaultdict[float, list[Point]] = defaultdict(list)
    for vote in votes:
        by_cost[vote.cost].append(vote)
    costs = sorted(by_cost)
    if not costs or not costs[0] <= cost <= costs[-1]:
        return None
    table = np.array([np.mean([(p.accuracy, p.low, p.high) for p in by_cost[c]], axis=0) for c in costs])
    accuracy, low, high = (float(np.interp(np.log(cost), np.log(costs), column)) for column in table.T)
    return Point(cost, accuracy, min(low, accuracy), max(high, accuracy))
