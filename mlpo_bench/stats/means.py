"""Means that never go without the number they are taken from, and ratios of two of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mlpo_bench.stats.intervals import accuracy
from mlpo_bench.stats.units import Units


if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64] | NDArray[np.bool_]
    Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over `n` cases with its 95 % interval; of zeros and ones it is a share, and `total` counts the ones.

    Where there are no cases, `value`, `low` and `high` are None. `caution`, where there is one, tells what the interval
    cannot promise. `questions` counts the different ones among the cases: seeds of one tell nothing of others.
    """

    total: float
    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    caution: str | None = None
    questions: int = 0


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two means over `n` cases with its 95 % interval.

    `value` is None where the lower mean is 0; `low` and `high` are None where it is not surely different from 0, for
    then any ratio may be the true one.
    """

    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """What cases were drawn as: the question and the subject of each. Equal questions are seeds of one."""

    questions: Sequence[str]
    subjects: Sequence[str]

    @property
    def repeated(self) -> bool:
        """Whether any question was asked with several seeds."""
        return len(set(self.questions)) < len(self.questions)

    @property
    def units(self) -> Sequence[str] | None:
        """What cases may be alike within: their subject; where there is one only, a question and its seeds."""
        if len(set(self.subjects)) > 1:
            return self.subjects
        return self.questions if self.repeated else None

    def only(self, kept: Bools) -> Drawn:
        """Return some of the cases."""
        pairs = [pair for pair, keep in zip(zip(self.questions, self.subjects, strict=True), kept, strict=True) if keep]
        return Drawn([question for question, _ in pairs], [subject for _, subject in pairs])


def mean(scores: Array, drawn: Drawn, where: Bools | None = None, scale: float = 1) -> Mean:
    """Return the mean of scores that lie in [0, `scale`], of those cases only that `where` picks.

    The interval is that of `accuracy`. Where this takes cases to be independent, seeds of a question are not: it is
    then as wide as for so many questions.

    Args:
        scores: One for each case, of shape (cases,).
        drawn: What the cases were drawn as.
        where: Which cases count, of shape (cases,).
        scale: The greatest score that there can be.

    Raises:
        ValueError: A score that counts lies outside [0, `scale`], or there are not as many cases as scores.
    """
    kept = np.ones(len(scores), dtype=bool) if where is None else np.asarray(where, dtype=bool)
    values = np.asarray(scores, dtype=np.float64)[kept]
    if not len(values):
        return Mean(0.0, 0)
    cases = drawn.only(kept)
    estimate = accuracy(values / scale, cases.units)
    if estimate.method == "Wilson" and cases.repeated:
        estimate = replace(accuracy(np.full(len(set(cases.questions)), estimate.value)), caution=estimate.caution)
    return Mean(
        total=float(values.sum()),
        n=len(values),
        value=float(values.sum()) / len(values),
        low=estimate.low * scale,
        high=estimate.high * scale,
        caution=estimate.caution,
        questions=len(set(cases.questions)),
    )


def surely_more(a: Mean, b: Mean) -> bool:
    """Whether a mean is surely above another one of other cases.

    The bounds of their difference lie as far from it as the means' own bounds, taken as independent, put them (Newcombe
    1998, method 10; Zou and Donner 2008).
    """
    if a.value is None or b.value is None:
        return False
    assert a.low is not None
    assert b.high is not None
    return bool(a.value - b.value > ((a.value - a.low) ** 2 + (b.high - b.value) ** 2) ** 0.5)


def ratio(upper: Array, lower: Array, drawn: Drawn, level: float = 0.95) -> Ratio:
    """Return the mean of `upper` divided by that of `lower`, which may be of either sign, with Fieller's interval.

    The interval holds every ratio r for which the mean of `upper - r * lower` is not surely different from 0 (Fieller
    1954), by the standard error that allows for likeness within units and Student's t (see `Units`).

    Args:
        upper: One number for each case, of shape (cases,).
        lower: One for each case, in the same order.
        drawn: What the cases were drawn as.
        level: How often the interval should hold the truth.

    Raises:
        ValueError: The sequences differ in length.
    """
    a, b = np.asarray(upper, dtype=np.float64), np.asarray(lower, dtype=np.float64)
    if len(a) != len(b):
        raise ValueError(f"{len(a)} numbers are divided by {len(b)}.")
    if not len(a) or not b.any() or abs(b.mean()) < np.finfo(np.float64).eps:
        return Ratio(len(a))
    low, high = _fieller(a, b, drawn.units, level)
    return Ratio(len(a), float(a.mean() / b.mean()), low, high)


def _fieller(
    a: NDArray[np.float64], b: NDArray[np.float64], units: Sequence[Hashable] | None, level: float
) -> tuple[float, float] | tuple[None, None]:
    """Return the roots of the quadratic whose inside are the ratios that cannot be ruled out."""
    of_b = Units.of(b, units)
    if len(of_b.sizes) < 2:  # noqa: PLR2004 - from one unit, how far units differ cannot be seen
        return None, None
    reach = of_b.critical(level) ** 2
    var_a, var_b, var_sum = (Units.of(x, units).standard_error ** 2 for x in (a, b, a + b))
    covariance = (var_sum - var_a - var_b) / 2
    mean_a, mean_b = float(a.mean()), float(b.mean())
    square = mean_b**2 - reach * var_b
    if square <= 0:
        return None, None
    middle = mean_a * mean_b - reach * covariance
    root = max(middle**2 - square * (mean_a**2 - reach * var_a), 0.0) ** 0.5
    return (middle - root) / square, (middle + root) / square
