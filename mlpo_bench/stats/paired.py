"""Two cells on the same questions: how far apart they are, how sure that is, and what could have been shown.

Two questions are asked of a difference, and each has an interval and a p of its own. *Other questions of these
subjects*: subjects stay as they are, and questions are drawn anew in each (`stratified`; McNemar's exact p, or flipped
signs). *Other subjects*: whole subjects are drawn anew (`difference`; the signs of whole subjects flipped).

Which intervals, was decided by simulation (`tests/stats/test_coverage.py` repeats it). Stated at 95 %, they hold the
truth in so many of a hundred samples:

- *Questions of these subjects*: Student's t from the variance within subjects.
- *Subjects*: the percentile bootstrap of whole subjects, widened for few: 94 to 96 from ten subjects on; the plain
  percentile and BCa reach only 90 at ten. With fewer than ten effective subjects resampling has too few outcomes
  (percentile and BCa: 87 at seven and 82 at five; widened: 75 at three), and the interval is the cluster-robust t
  interval instead: 94 to 96 from three subjects on. Where a few of eight subjects hold most questions, it is 95 to 98.
- *Fewer than six differing questions* (of these subjects: differences of less than six in all, so that twelve questions
  apart by a half count as six): no method reaches 95 (the percentile falls to 65), so two made-up questions are added,
  one won by either cell (as Bonett and Price 2012 do in closed form). It then holds the truth in 96 to 100 of a
  hundred: wider than stated rather than narrower, and never of no width. `Estimate.caution` says so. Around that limit
  (five expected of fifty) it is 97 to 98.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlpo_bench.stats.intervals import Estimate, macro
from mlpo_bench.stats.power import detectable, detectable_mean
from mlpo_bench.stats.significance import ALPHA, exchange, mcnemar, sign_flip
from mlpo_bench.stats.units import Units, checked, gathered, portions, right_or_wrong


if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from numpy.typing import NDArray

    Kind = tuple[float, int, int]
    Scores = Sequence[float] | NDArray[np.float64]
    Paired = tuple[Scores, Scores, Sequence[Hashable] | None]

# Means over seeds that are the same may differ in their last digit.
_ROUNDING = 1e-9
_MCNEMAR = "McNemar, exact"
_FEW_DIFFERING = 6
_WIDER = "the interval is wider than it need be"
_FEW_SUBJECTS = 10


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the first of two cells compares with the second.

    Attributes:
        difference: The first's accuracy less the second's, with the interval for other questions of these subjects.
        p: Whether the answers to other questions of these subjects could come out so if the cells were the same.
        test: How `p` is computed: McNemar's, or by flipping signs for scores between 0 and 1; for a vote's mean score,
            by exchanging answers as well, of which the larger p counts.
        elsewhere: The same difference with the interval for other subjects; None without subjects.
        p_subjects: Whether other subjects could come out so, never below `p`; None without subjects.
        discordant: The share of questions on which the two differ.
        deviation: The standard deviation of a question's difference.
        design: How many times the variance of independent questions that of these is, as subjects differ; None without
            subjects.
    """

    difference: Estimate
    p: float
    test: str
    elsewhere: Estimate | None
    p_subjects: float | None
    discordant: float
    deviation: float
    design: float | None = None

    def could_show(self, tests: int = 1, *, elsewhere: bool = False) -> float | None:
        """Return the smallest difference that so many questions find in four samples of five, as these two differ.

        None where none is large enough.

        Args:
            tests: Among how many tests it is to be found: at the level of Holm's first step.
            elsewhere: Whether of other subjects; else of other questions of these.
        """
        questions, alpha = self.difference.questions, ALPHA / tests
        if self.test == _MCNEMAR:
            shown = detectable(questions, self.discordant, alpha=alpha)
        else:
            shown = detectable_mean(questions, self.deviation, alpha=alpha)
        if not elsewhere or shown is None or self.elsewhere is None or self.design is None:
            return shown
        subjects = self.elsewhere.subjects or questions
        if 2 / 2**subjects >= alpha:  # no p of flipped subjects is below it
            return None
        deviation = self.deviation * (max(self.design, 1.0) * subjects / questions) ** 0.5  # of a subject's difference
        of_subjects = detectable_mean(subjects, deviation, alpha=alpha)
        return None if of_subjects is None else max(shown, of_subjects)

    @property
    def detectable(self) -> float | None:
        """The smallest difference that one test of these many questions finds in four samples of five."""
        return self.could_show()

    @property
    def sure(self) -> bool:
        """Whether the interval for other questions of these subjects lies on one side of 0."""
        return self.difference.low > 0 or self.difference.high < 0


@dataclass(frozen=True, slots=True)
class Sampled:
    """What stands behind the scores of a row and of votes: `draws` answers of the row to each question, and `votes`.

    `votes` counts those that can be made of the ballots at hand without using any twice.
    """

    draws: int
    votes: float


def compare(
    a: Sequence[float] | NDArray[np.float64],
    b: Sequence[float] | NDArray[np.float64],
    subjects: Sequence[Hashable] | None = None,
    *,
    drawn: Sampled | None = None,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = 10_000,
) -> Comparison:
    """Compare two cells on the same questions.

    Args:
        a: The first cell's scores, of shape (questions,): 0 or 1, or means over seeds.
        b: The second's, for the same questions in the same order; or mean scores of votes.
        subjects: One for each question; questions of one subject may be alike.
        drawn: What is behind the scores, where the second's are mean scores of votes.
        level: How often the intervals should hold the truth.
        seed: Of the bootstrap of subjects.
        resamples: How many samples it draws.

    Raises:
        ValueError: The sequences are empty or differ in length, or a score lies outside [0, 1].
    """
    first, second = checked(a), checked(b)
    estimate = stratified(first, second, subjects, level=level)
    apart = first - second
    whole = right_or_wrong(first) and right_or_wrong(second)
    p, test = (mcnemar(first, second), _MCNEMAR) if whole else (sign_flip(apart), "sign flips")
    if drawn is not None:
        p, test = max(p, exchange(first, second, drawn.draws, drawn.votes)), "sign flips and exchange"
    discordant = float((np.abs(apart) > _ROUNDING).mean())
    return Comparison(
        difference=estimate,
        p=p,
        test=test,
        elsewhere=None
        if subjects is None
        else difference(first, second, subjects, level=level, seed=seed, resamples=resamples),
        p_subjects=None if subjects is None else max(p, sign_flip(apart, subjects)),
        discordant=discordant,
        deviation=_deviation(apart),
        design=None if subjects is None else _design(apart, subjects),
    )


def over_suites(suites: Mapping[str, Paired]) -> Comparison:
    """Compare the means over suites, each counted the same, of two cells on the same questions.

    Intervals follow from those of the suites (`macro`), and p from flipping the signs of all questions, or of all
    subjects, with the weights that make their mean the mean over suites.

    Args:
        suites: For each suite the first cell's scores, the second's, and the questions' subjects, or None.

    Raises:
        ValueError: There are no suites, or `compare` refuses one.
    """
    compared = {suite: compare(*each) for suite, each in suites.items()}
    total = sum(len(a) for a, _, _ in suites.values())
    parts, subjects = [], []
    for suite, (a, b, of_questions) in suites.items():
        parts.append((checked(a) - checked(b)) * total / (len(suites) * len(a)))
        subjects += [(suite, subject) for subject in of_questions or range(len(a))]
    apart = np.concatenate(parts)
    p = sign_flip(apart)
    elsewhere = {suite: one.elsewhere for suite, one in compared.items() if one.elsewhere is not None}
    grouped = len(elsewhere) == len(compared)
    within = sum(len(each) * float(each.var(ddof=1)) for each in parts if len(each) > 1)
    return Comparison(
        difference=macro({suite: one.difference for suite, one in compared.items()}),
        p=p,
        test="sign flips",
        elsewhere=macro(elsewhere) if grouped else None,
        p_subjects=max(p, sign_flip(apart, subjects)) if grouped else None,
        discordant=float((np.abs(apart) > _ROUNDING).mean()),
        deviation=(within / total) ** 0.5,
        design=_design(apart, subjects) if grouped else None,
    )


def _deviation(apart: NDArray[np.float64]) -> float:
    """Return the standard deviation of a question's difference, of few that differ with two made-up ones."""
    if np.abs(apart).sum() < _FEW_DIFFERING:
        apart = np.append(apart, (1.0, -1.0)) if apart.any() else apart
    return float(apart.std(ddof=1)) if len(apart) > 1 else 0.0


def _design(apart: NDArray[np.float64], subjects: Sequence[Hashable]) -> float | None:
    units = Units.of(apart, subjects)
    if len(units.sizes) < 2 or len(apart) < 2 or not np.ptp(apart):  # noqa: PLR2004
        return None
    return units.standard_error**2 / (float(apart.var(ddof=1)) / len(apart))


def stratified(
    a: Sequence[float] | NDArray[np.float64],
    b: Sequence[float] | NDArray[np.float64],
    subjects: Sequence[Hashable] | None = None,
    *,
    level: float = 0.95,
) -> Estimate:
    """Return the mean of `a` less that of `b` with its interval for other questions of these subjects.

    Each subject keeps its share, and how far its questions lie apart is all that varies (Cochran 1977, "Sampling
    techniques", 5.3). Subjects of one question are taken together. Student's t has Satterthwaite's degrees of freedom
    (1946). Arguments and errors are those of `compare`.
    """
    from scipy.special import stdtrit

    first, second = checked(a), checked(b)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} questions are compared with {len(second)}.")
    if subjects is not None and len(subjects) != len(first):
        raise ValueError(f"{len(first)} questions, but {len(subjects)} subjects.")
    apart, n = first - second, len(first)
    value, total = Units.of(apart).mean, float(apart.sum())
    differing = int((np.abs(apart) > _ROUNDING).sum())
    strata, caution = strata_of(apart, subjects), None
    in_all = float(np.abs(apart).sum())
    if in_all < _FEW_DIFFERING or not any(strata.spread):
        caution = f"the cells differ on {_few(differing, in_all, alike=not np.ptp(apart))}: {_WIDER}"
        # Two made-up questions, one won by either cell, and all taken together.
        n += 2
        strata = Strata(np.array([n]), np.array([float((apart**2).sum()) + 2 - total**2 / n]))
    freedom = strata.sizes - 1
    parts = strata.sizes * strata.spread / freedom  # the variance of each stratum's sum
    satterthwaite = float(parts.sum() ** 2 / (parts**2 / freedom).sum())
    reach = float(stdtrit(max(satterthwaite, 1.0), (1 + level) / 2)) * float(parts.sum()) ** 0.5 / n
    # Made-up questions draw towards zero, and nobody differs by more than everything.
    low, high = max(min(total / n - reach, value), -1.0), min(max(total / n + reach, value), 1.0)
    groups = None if subjects is None else len(set(subjects))
    return Estimate(value, low, high, len(apart), groups, "t, within subjects", caution)


def _few(differing: int, in_all: float, *, alike: bool) -> str:
    """Return in words why two questions are made up: differences that come to few, or that do not vary."""
    if in_all >= _FEW_DIFFERING:
        return "every question alike" if alike else "every question of a subject alike"
    parts = "" if abs(in_all - differing) < _ROUNDING else f", by {in_all:.2g} in all"
    return f"{differing} {'question' if differing == 1 else 'questions'} only{parts}"


@dataclass(frozen=True, slots=True)
class Strata:
    """What is drawn within: questions of each, two at least, and the sum of their squared distances from its mean."""

    sizes: NDArray[np.int64]
    spread: NDArray[np.float64]


def strata_of(apart: NDArray[np.float64], subjects: Sequence[Hashable] | None) -> Strata:
    """Return the subjects; questions that are alone in theirs make one, or the last of them joins the smallest."""
    if len(apart) == 1:
        return Strata(np.array([2]), np.array([0.0]))
    arrays = [np.sort(apart[places]) for places in gathered(len(apart), subjects)]
    return Strata(
        np.array([len(each) for each in arrays]), np.array([((each - each.mean()) ** 2).sum() for each in arrays])
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
    """Return the mean of `a` less that of `b` with its interval for other subjects (without any: questions).

    Arguments and errors are those of `compare`.

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
        which = _few(differing, float(differing), alike=True)
        cautions.append(f"the cells differ on {which}: {_WIDER}")
    apart_in = int((np.abs(units.sums) > _ROUNDING).sum())
    if groups is not None and differing >= _FEW_DIFFERING > apart_in:
        cautions.append(f"the cells differ in {apart_in} subjects only: whether others would, they cannot tell")
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
