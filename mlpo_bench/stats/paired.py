"""Two cells on the same questions: how far apart they are, how sure that is, and what could have been shown.

The interval is the percentile bootstrap of questions or of whole subjects, widened for few units, as simulation decided
(`tests/stats/test_coverage.py` repeats it). Stated at 95 %, it holds the truth in so many of a hundred samples:

- *Independent questions*, n = 50, 200, 1000, with eight or more that only one cell gets right: 95 to 97. BCa is no
  better, and worse where few questions differ.
- *Clustered by subject*: 94 to 96 from ten subjects on; the plain percentile and BCa reach only 90 at ten. With fewer
  than ten effective subjects resampling has too few outcomes (percentile and BCa: 87 at seven and 82 at five; widened:
  75 at three), and the interval is the cluster-robust t interval instead: 94 to 96 from three subjects on. Where a few
  of eight subjects hold most questions, it is 95 to 98.
- *Fewer than six differing questions*: no method reaches 95 (the percentile falls to 65), so two made-up questions are
  added, one won by either cell (as Bonett and Price 2012 do in closed form). It then holds the truth in 96 to 100 of a
  hundred: wider than stated rather than narrower, and never of no width. `Estimate.caution` says so. Around that limit
  (five expected of fifty) it is 97 to 98.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlpo_bench.stats.intervals import Estimate
from mlpo_bench.stats.power import detectable, detectable_mean
from mlpo_bench.stats.significance import mcnemar, sign_flip
from mlpo_bench.stats.units import Units, checked, portions, right_or_wrong


if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

    Kind = tuple[float, int, int]

# Means over seeds that are the same may differ in their last digit.
_ROUNDING = 1e-9
_FEW_DIFFERING = 6
_FEW_SUBJECTS = 10


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the first of two cells compares with the second.

    `difference` is the first's accuracy less the second's. `p` asks whether these questions' answers could have come
    out so if the cells were the same (`test` names how it is computed: McNemar's, or by flipping signs for means over
    seeds); `p_subjects` whether subjects could have, taken whole, as the interval of `difference` takes them (None
    without subjects). `discordant` is the share of questions on which the two differ. `detectable` is the smallest
    difference that so many independent questions find in four samples of five, given how the two differed; None where
    none is large enough. `deviation` is the standard deviation of a question's difference.
    """

    difference: Estimate
    p: float
    test: str
    p_subjects: float | None
    discordant: float
    detectable: float | None
    deviation: float = 0.0


def compare(
    a: Sequence[float] | NDArray[np.float64],
    b: Sequence[float] | NDArray[np.float64],
    subjects: Sequence[Hashable] | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 10_000,
) -> Comparison:
    """Compare two cells on the same questions.

    Args:
        a: The first cell's scores, of shape (questions,): 0 or 1, or means over seeds.
        b: The second's, for the same questions in the same order.
        subjects: One for each question; questions of one subject may be alike.
        level: How often the interval should hold the truth.
        seed: Of the bootstrap.
        resamples: How many samples the bootstrap draws.

    Raises:
        ValueError: The sequences are empty or differ in length, or a score lies outside [0, 1].
    """
    first, second = checked(a), checked(b)
    estimate = difference(first, second, subjects, level=level, seed=seed, resamples=resamples)
    apart = first - second
    whole = right_or_wrong(first) and right_or_wrong(second)
    discordant = float((np.abs(apart) > _ROUNDING).mean())
    deviation = float(apart.std(ddof=1)) if len(apart) > 1 else 0.0
    return Comparison(
        difference=estimate,
        p=mcnemar(first, second) if whole else sign_flip(apart, seed=seed),
        test="McNemar, exact" if whole else "sign flips",
        p_subjects=None if subjects is None else sign_flip(apart, subjects, seed=seed),
        discordant=discordant,
        detectable=detectable(len(apart), discordant) if whole else detectable_mean(len(apart), deviation),
        deviation=deviation,
    )


def difference(
    a: Sequence[float] | NDArray[np.float64],
    b: Sequence[float] | NDArray[np.float64],
    subjects: Sequence[Hashable] | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 10_000,
) -> Estimate:
    """Return the mean of `a` less that of `b` with its interval; arguments and errors are those of `compare`.

    The order of questions does not matter, and comparing the other way round gives the same figures with their signs
    changed.
    """
    first, second = checked(a), checked(b)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} questions are compared with {len(second)}.")
    apart = first - second
    units = Units.of(apart, subjects)
    groups = None if subjects is None else len(units.sizes)
    value = units.mean
    cautions = []
    if groups is not None and units.alike:
        units = Units.of(apart)
        alike = "one subject" if groups == 1 else "all subjects alike"
        cautions.append(f"{alike}: taken as independent questions")
    differing = int((np.abs(apart) > _ROUNDING).sum())
    if differing < _FEW_DIFFERING or units.alike:
        units = _with_two_made_up(units)
        which = f"{differing} questions only" if differing < _FEW_DIFFERING else "every question alike"
        cautions.append(f"the cells differ on {which}: the interval is wider than it need be")
    if units.effective < _FEW_SUBJECTS:
        low, high = _student(units, level)
        method = "cluster-robust t"
    else:
        low, high = _bootstrap(units, level, seed, resamples)
        method = "bootstrap of questions" if groups is None else "bootstrap of subjects"
    # Made-up pairs draw towards zero, and nobody differs by more than everything.
    low, high = max(min(low, value), -1.0), min(max(high, value), 1.0)
    return Estimate(value, low, high, len(apart), groups, method, "; ".join(cautions) or None)


def _with_two_made_up(units: Units) -> Units:
    return Units(np.append(units.sums, (1.0, -1.0)), np.append(units.sizes, (1, 1)))


def _student(units: Units, level: float) -> tuple[float, float]:
    reach = units.critical(level) * units.standard_error
    return units.mean - reach, units.mean + reach


def _bootstrap(units: Units, level: float, seed: int, resamples: int) -> tuple[float, float]:
    """Return the percentile interval of the mean, at the percentiles that few units call for.

    A sample's standard deviation falls short of the truth, and few units have wider tails than the normal curve: both
    are made good by moving the percentiles outwards (Hesterberg 2015, "What teachers should know about the
    bootstrap", the expanded percentile interval), here at the effective number of units.
    """
    from scipy.special import ndtr

    effective = units.effective
    outer = float(ndtr(-units.critical(level) * (effective / (effective - 1)) ** 0.5))
    kinds, mirrored = _kinds(units)
    # Units that are alike are drawn together: how often each kind comes up is multinomial. Answers of 0 and 1 have
    # three kinds, so that samples of thousands of questions cost no more than samples of ten.
    sums, sizes, counts = np.array(max(kinds, mirrored)).T
    rng, means = np.random.default_rng(seed), []
    for portion in portions(resamples, len(kinds)):
        drawn = rng.multinomial(int(counts.sum()), counts / counts.sum(), size=portion)
        means.append((drawn @ sums) / (drawn @ sizes))
    low, high = np.quantile(np.concatenate(means), [outer, 1 - outer]).tolist()
    # The same samples are drawn both ways round, so that the two intervals are each other's mirror.
    if kinds == mirrored:
        return (low - high) / 2, (high - low) / 2
    return (low, high) if kinds > mirrored else (-high, -low)


def _kinds(units: Units) -> tuple[list[Kind], list[Kind]]:
    """Return the distinct (sum, size, how many units) in order, and the same with the signs of sums changed."""
    counts = Counter(zip(units.rounded.tolist(), units.sizes.tolist(), strict=True))
    kinds = [(total, size, count) for (total, size), count in counts.items()]
    return sorted(kinds), sorted((-total, size, count) for total, size, count in kinds)
