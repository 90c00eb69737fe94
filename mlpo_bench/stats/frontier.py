"""Accuracy against cost: who is beaten by whom, what the best can do for a price, and what a vote does for the same.

Costs are of one kind throughout (tokens, calls, seconds, price of a question) and positive: they are compared on a log
axis, on which doubling always counts the same.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np


if TYPE_CHECKING:
    from collections.abc import Sequence


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
