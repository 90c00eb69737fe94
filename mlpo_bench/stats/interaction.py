"""Does a gain differ between two groups of suites? One test of the interaction, stratified and paired by question.

A gain is the mean difference of two rows on the same questions, so that what makes a question hard for both falls out.
Each suite counts the same within its group, and each subject keeps its share within its suite; how far questions of one
subject lie apart is all that varies. The null hypothesis is that the two groups' gains are the same, whatever they are:
signs cannot be flipped for it, since a gain that is the same everywhere need not be none. It is tested by Welch's t
(1947) with Satterthwaite's degrees of freedom (1946).

It speaks of other questions of these suites. Whether other suites would tell the same, a handful of them cannot say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlpo_bench.stats.intervals import Estimate
from mlpo_bench.stats.paired import Strata, strata_of
from mlpo_bench.stats.units import Units, checked


if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from numpy.typing import NDArray

    Scores = Sequence[float] | NDArray[np.float64]
    Paired = tuple[Scores, Scores, Sequence[Hashable] | None]

_FEW_DIFFERING = 6


@dataclass(frozen=True, slots=True)
class Interaction:
    """How a gain differs between two groups of suites.

    Attributes:
        first: The mean gain over the suites of the first group.
        second: The same of the second.
        difference: The first less the second.
        p: Whether other questions of these suites could make the two differ so if their gains were the same.
    """

    first: Estimate
    second: Estimate
    difference: Estimate
    p: float


@dataclass(frozen=True, slots=True)
class _Total:
    """A sum of independent means: its value, the variance of each part, and the parts' degrees of freedom."""

    value: float
    parts: NDArray[np.float64]
    freedom: NDArray[np.int64]
    questions: int
    subjects: int | None
    few: tuple[str, ...]

    def estimate(self, level: float, method: str, most: float = 1.0) -> Estimate:
        """Return the value with its interval, which goes no further than the value could."""
        from scipy.special import stdtrit

        reach = float(stdtrit(self.degrees, (1 + level) / 2)) * self.deviation
        caution = f"the rows differ on few questions of {', '.join(self.few)}: the interval is wide" if self.few else ""
        low, high = max(self.value - reach, -most), min(self.value + reach, most)
        return Estimate(self.value, low, high, self.questions, self.subjects, method, caution or None)

    @property
    def deviation(self) -> float:
        """The standard error."""
        return float(self.parts.sum() ** 0.5)

    @property
    def degrees(self) -> float:
        """Satterthwaite's degrees of freedom."""
        total = float((self.parts**2 / self.freedom).sum())
        return max(float(self.parts.sum() ** 2) / total, 1.0) if total else 1.0


def interaction(first: Mapping[str, Paired], second: Mapping[str, Paired], *, level: float = 0.95) -> Interaction:
    """Compare the gains of two groups of suites.

    Args:
        first: For each suite of the first group the scores of the row, those of its rival on the same questions, and
            the questions' subjects, or None.
        second: The same of the second group.
        level: The intervals'.

    Raises:
        ValueError: A group has no suite, or a suite has not as many scores of the one row as of the other, or none.
    """
    one, other = _mean(first), _mean(second)
    apart = _Total(
        value=one.value - other.value,
        parts=np.concatenate([one.parts, other.parts]),
        freedom=np.concatenate([one.freedom, other.freedom]),
        questions=one.questions + other.questions,
        subjects=None if one.subjects is None or other.subjects is None else one.subjects + other.subjects,
        few=(*one.few, *other.few),
    )
    over_suites = "mean over suites, t, within subjects"
    return Interaction(
        first=one.estimate(level, over_suites),
        second=other.estimate(level, over_suites),
        difference=apart.estimate(level, "Welch's t, within subjects", most=2.0),
        p=_p(apart),
    )


def _p(total: _Total) -> float:
    from scipy.special import stdtr

    return float(min(2 * stdtr(total.degrees, -abs(total.value) / total.deviation), 1.0))


def _mean(suites: Mapping[str, Paired]) -> _Total:
    """Return the mean gain over suites, each counted the same."""
    if not suites:
        raise ValueError("A group of suites needs one.")
    parts, freedom, values, few = [], [], [], []
    questions, subjects = 0, 0
    for suite, (row, rival, of_questions) in suites.items():
        a, b = checked(row), checked(rival)
        if len(a) != len(b):
            raise ValueError(f"{suite}: {len(a)} questions are compared with {len(b)}.")
        apart, n = a - b, len(a)
        values.append(Units.of(apart).mean)
        strata = strata_of(apart, of_questions)
        if np.abs(apart).sum() < _FEW_DIFFERING or not any(strata.spread):
            few.append(suite)
            # Two made-up questions, one won by either row, and all taken together, as the difference of two rows has.
            spread = float((apart**2).sum()) + 2 - float(apart.sum()) ** 2 / (n + 2)
            strata, n = Strata(np.array([n + 2]), np.array([spread])), n + 2
        parts.append(strata.sizes * strata.spread / (strata.sizes - 1) / (n * len(suites)) ** 2)
        freedom.append(strata.sizes - 1)
        questions += len(a)
        subjects += len(set(of_questions or ()))
    mean = float(np.mean(values))
    return _Total(mean, np.concatenate(parts), np.concatenate(freedom), questions, subjects or None, tuple(few))
