"""Does it matter where in the leader's prompt an attempt stands?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mlpo_bench.analysis.round_table import UNREAD
from mlpo_bench.stats.means import Mean, mean


if TYPE_CHECKING:
    from mlpo_bench.analysis.round_table import Bools, Floats, RoundTable

# Below so many expected answers at a place, the chi-square distribution is too far from the true one.
_ENOUGH = 5


@dataclass(frozen=True, slots=True)
class PositionBias:
    """Which places' answers a leader gives, over the questions on which its peers' answers differ.

    An answer that stands at m places counts 1 / m at each. What is `expected` at a place follows from where answers
    stood that could be read: if the place did not matter, the answer given would stand at any of these alike. Unless
    the order is drawn for every question, a place is always the same peer's, and a preference may be for the peer.

    Attributes:
        shuffled: Whether the order was drawn for each question.
        followed: For each place, how often the leader gives the answer that stands there and could be read.
        given: For each place, how many of the answers given stood there.
        expected: How many would if the place did not matter.
        n: How many answers given stood at any place.
        chi_square: How far `given` is from `expected` (see `places`); None where too little is expected of a place.
        degrees: Its degrees of freedom.
        p: How often chance alone would lead so far; None with `chi_square`.
    """

    shuffled: bool
    followed: tuple[Mean, ...]
    given: tuple[float, ...]
    expected: tuple[float, ...]
    n: int
    chi_square: float | None = None
    degrees: int | None = None
    p: float | None = None


def places(led: RoundTable, *, shuffled: bool) -> PositionBias:
    """Return which places' answers the leader gives.

    The statistic is the squared distance of what was given from what was expected, measured by its covariance if all
    arrangements of each question's readable answers were alike. Where every answer stands at one place and all could
    be read, it is Pearson's chi-square.
    """
    answers = np.take_along_axis(led.answers, led.order, axis=1)
    differ = led.distinct > 1
    open_to = (answers != UNREAD) & differ[:, None]
    taken = open_to & (answers == led.verdict[:, None])
    followed = tuple(mean(taken[:, place], led.drawn, open_to[:, place]) for place in range(led.peers))
    chosen = taken.any(axis=1)
    taken, open_to = taken[chosen], open_to[chosen]
    given = (taken / taken.sum(axis=1, keepdims=True)).sum(axis=0)
    expected = (open_to / open_to.sum(axis=1, keepdims=True)).sum(axis=0)
    bias = PositionBias(shuffled, followed, tuple(given.tolist()), tuple(expected.tolist()), int(chosen.sum()))
    return _tested(bias, taken, open_to) if expected.min() >= _ENOUGH else bias


def _tested(bias: PositionBias, taken: Bools, open_to: Bools) -> PositionBias:
    from scipy.stats import chi2

    apart = np.array(bias.given) - np.array(bias.expected)
    covariance = _covariance(taken, open_to)
    degrees = int(np.linalg.matrix_rank(covariance))
    if not degrees:
        return bias
    statistic = float(apart @ np.linalg.pinv(covariance, hermitian=True) @ apart)
    return replace(bias, chi_square=statistic, degrees=degrees, p=float(chi2.sf(statistic, degrees)))


def _covariance(taken: Bools, open_to: Bools) -> Floats:
    """Return the covariance of what is given at each place, of shape (K, K), were m of f places drawn by lot."""
    m, f = taken.sum(axis=1), open_to.sum(axis=1)
    each = (f - m) / (m * f**2 * np.maximum(f - 1, 1))
    at = open_to.astype(np.float64)
    return np.asarray(np.diag((each * f) @ at) - (at * each[:, None]).T @ at, dtype=np.float64)
