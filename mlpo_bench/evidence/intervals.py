"""Intervals for proportions."""

from __future__ import annotations

from functools import cache


@cache
def wilson(right: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval of `right` out of `n` (Wilson 1927), each bound in [0, 1].

    Raises:
        ValueError: `n` is not positive, or `right` is not between 0 and `n`.
    """
    # scipy takes a third of a second to import, which a running display can afford and `--help` cannot.
    from scipy.stats import binomtest

    interval = binomtest(right, n).proportion_ci(confidence_level=level, method="wilson")
    return float(interval.low), float(interval.high)
