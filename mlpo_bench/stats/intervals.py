"""How sure an accuracy is: intervals for one cell, for each suite, and for the mean over suites.

Which interval, was decided by simulation (`tests/stats/test_coverage.py` repeats it). Stated at 95 %, they hold the
truth in so many of a hundred samples:

- *Questions independent, 0 or 1*: Wilson's. 93 to 97 at n = 50, 200 and 1000, for accuracies from 0.1 to 0.9.
- *Questions alike within a subject, or means over seeds*: the interval on the logit from the cluster-robust standard
  error, with Student's t at the effective number of subjects. 93 to 97 from seven subjects on for accuracies from 0.3
  to 0.6, from twenty on to 0.9. Where subjects differ much (intraclass correlation 0.2), the same on the scale of the
  accuracy itself reaches only 84 to 86 at seven subjects and 0.9; and with one degree of freedom less than there are
  subjects it is 84 to 87 where a few of eight subjects hold most questions. A cluster bootstrap is worse with few
  subjects (see `paired.py`); Wilson's interval at the effective sample size comes to the same in the middle, and is
  worse near 0 and 1. Wilson's interval for independent questions, on 27 subjects that differ so: 51.
- *The mean over suites*: 97 over three suites of 7, 27 and 57 subjects.
- *What no interval can do*: find a hard subject that the sample lacks. Where subjects differ much, it is 92 at seven
  subjects and an accuracy of 0.9, 82 at 0.97, 89 at 27 subjects and 0.97. `Estimate.caution` says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from mlpo_bench.stats.units import Units, checked, right_or_wrong


if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

# Were every subject all right or all wrong: where fewer than this many would be of the rarer kind, a sample may well
# hold none of them.
_FEW_UNLIKE = 1


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its interval.

    `questions` is how many it was taken from; `subjects` how many they were drawn in, or None where questions were
    taken to be independent. `method` names the interval. `caution`, where there is one, tells what the interval cannot
    promise.
    """

    value: float
    low: float
    high: float
    questions: int
    subjects: int | None
    method: str
    caution: str | None = None


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


def accuracy(
    scores: Sequence[float] | NDArray[np.float64], subjects: Sequence[Hashable] | None = None, level: float = 0.95
) -> Estimate:
    """Return the mean of scores with its interval.

    With subjects, the interval speaks of questions from subjects like these, as if they were a sample of all that
    might have been asked about. Without, it speaks of questions drawn one by one.

    Args:
        scores: One for each question, of shape (questions,): 0 or 1, or a mean over seeds (see `over_seeds`).
        subjects: One for each question; questions of one subject may be alike.
        level: How often the interval should hold the truth.

    Raises:
        ValueError: There are no scores, one lies outside [0, 1], or there are not as many subjects as scores.
    """
    array = checked(scores)
    units, n = Units.of(array, subjects), len(array)
    groups = None if subjects is None else len(units.sizes)
    if len(units.sizes) == 1 or (subjects is None and right_or_wrong(array)):
        caution = "one subject: taken as independent questions" if groups == 1 else None
        return _as_wilson(units.mean, n, groups, level, caution)
    if units.alike:
        # The logit has no standard error, and an interval of no width would claim to know everything.
        caution = "all alike: how far they differ cannot be seen, so they are taken as independent questions"
        return _as_wilson(units.mean, n, groups, level, caution)
    low, high = _on_the_logit(units, level)
    return Estimate(units.mean, low, high, n, groups, "logit, cluster-robust", _caution(units, groups))


def by_suite(
    suites: Sequence[str],
    scores: Sequence[float] | NDArray[np.float64],
    subjects: Sequence[Hashable] | None = None,
    level: float = 0.95,
) -> dict[str, Estimate]:
    """Return the accuracy of each suite, in the order in which suites first appear.

    Args:
        suites: The suite of each question.
        scores: As for `accuracy`.
        subjects: As for `accuracy`; subjects of the same name in two suites are two.
        level: How often each interval should hold the truth.

    Raises:
        ValueError: The sequences differ in length, or hold what `accuracy` refuses.
    """
    if len(suites) != len(scores) or (subjects is not None and len(subjects) != len(scores)):
        raise ValueError("Suites, scores and subjects each need one entry for a question.")
    places: dict[str, list[int]] = {}
    for place, suite in enumerate(suites):
        places.setdefault(suite, []).append(place)
    return {
        suite: accuracy([scores[i] for i in here], None if subjects is None else [subjects[i] for i in here], level)
        for suite, here in places.items()
    }


def macro(suites: Mapping[str, Estimate]) -> Estimate:
    """Return the mean over suites, each counted the same, with the interval that follows from theirs.

    The suites are those that were chosen, not a sample of suites. Each bound lies as far from the mean as the suites'
    own bounds, taken as independent, put it: the root of the sum of their squared distances, divided by the number of
    suites (Zou and Donner 2008, "MOVER"). That keeps what the suites' intervals know of few subjects and of
    accuracies near 0 or 1. It serves means of paired differences as well.

    Raises:
        ValueError: There are no suites.
    """
    if not suites:
        raise ValueError("There is no mean over no suites.")
    all_of_them = list(suites.values())
    value = sum(e.value for e in all_of_them) / len(all_of_them)
    below = sum((e.value - e.low) ** 2 for e in all_of_them) ** 0.5 / len(all_of_them)
    above = sum((e.high - e.value) ** 2 for e in all_of_them) ** 0.5 / len(all_of_them)
    groups = [e.subjects for e in all_of_them if e.subjects is not None]
    cautions = [f"{suite}: {e.caution}" for suite, e in suites.items() if e.caution]
    return Estimate(
        value,
        value - below,
        value + above,
        sum(e.questions for e in all_of_them),
        sum(groups) if groups else None,
        "mean over suites",
        "; ".join(cautions) or None,
    )


def _as_wilson(p: float, n: int, groups: int | None, level: float, caution: str | None) -> Estimate:
    """Return Wilson's interval; a mean over seeds need not be a whole number of right answers, and is put between."""
    right = min(int(p * n + 1e-6), n)
    part = max(p * n - right, 0.0)
    here, next_ = wilson(right, n, level), wilson(min(right + 1, n), n, level)
    low, high = ((1 - part) * a + part * b for a, b in zip(here, next_, strict=True))
    return Estimate(p, low, high, n, groups, "Wilson", caution)


def _on_the_logit(units: Units, level: float) -> tuple[float, float]:
    """Return an interval that cannot leave [0, 1]: the standard error carried to log odds and the bounds back."""
    from scipy.special import expit, logit

    p = units.mean
    reach = units.critical(level) * units.standard_error / (p * (1 - p))
    return float(expit(logit(p) - reach)), float(expit(logit(p) + reach))


def _caution(units: Units, groups: int | None) -> str | None:
    if groups is None or units.effective * min(units.mean, 1 - units.mean) >= _FEW_UNLIKE:
        return None
    return f"{groups} subjects and an accuracy near 0 or 1: a 95 % interval may hold the truth in as few as 82 of 100"
