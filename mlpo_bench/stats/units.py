"""What is drawn independently of one another: single questions, or whole subjects."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np


if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from numpy.typing import NDArray

_DECIMALS = 9
_SAME = 1e-7
_NOTHING = 1e-9
_AT_ONCE = 5_000_000


@dataclass(frozen=True, slots=True)
class Units:
    """Questions gathered into the units that were drawn independently of one another.

    `sums` holds each unit's total score and `sizes` its number of questions, both of shape (units,).
    """

    sums: NDArray[np.float64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, scores: NDArray[np.float64], subjects: Sequence[Hashable] | None = None) -> Units:
        """Gather the scores of questions by subject; without subjects, every question is a unit of its own.

        Args:
            scores: One for each question, of shape (questions,).
            subjects: One for each question, in the same order.

        Raises:
            ValueError: There are not as many subjects as scores.
        """
        if subjects is None:
            return cls(scores, np.ones(len(scores), dtype=np.int64))
        if len(subjects) != len(scores):
            raise ValueError(f"{len(scores)} questions, but {len(subjects)} subjects.")
        numbers = {subject: number for number, subject in enumerate(dict.fromkeys(subjects))}
        unit = np.array([numbers[subject] for subject in subjects], dtype=np.int64)
        sums = np.bincount(unit, weights=scores).astype(np.float64)
        return cls(sums, np.bincount(unit).astype(np.int64))

    @property
    def mean(self) -> float:
        """The mean score of a question; 0 where rounding is all that is left of a total, as of thirds that cancel."""
        total = float(self.sums.sum())
        return 0.0 if abs(total) < _NOTHING else total / float(self.sizes.sum())

    @property
    def rounded(self) -> NDArray[np.float64]:
        """The sums, of shape (units,), with those that are equal but for rounding made equal.

        Means over three seeds are thirds, of which no two sums need come out the same.
        """
        return self.sums.round(_DECIMALS)

    @property
    def alike(self) -> bool:
        """Whether all units have the same mean, so that how far they differ cannot be seen."""
        means = self.sums / self.sizes
        return bool(np.ptp(means) < _SAME)

    @property
    def effective(self) -> float:
        """How many units of equal size would tell as much: 1 / sum of squared shares.

        Source: Carter, Schnepel and Steigerwald 2017, "Asymptotic behavior of a t-test robust to cluster
        heterogeneity", for a mean whose units are alike in all but size.
        """
        shares = self.sizes / self.sizes.sum()
        return float(1 / (shares**2).sum())

    @property
    def standard_error(self) -> float:
        """The standard error of the mean that allows for likeness within units.

        It is the sandwich estimator with the correction that leaves no bias where units are in truth unrelated
        (Bell and McCaffrey 2002, "CR2"): a unit's residual is divided by the root of one less its share, which is its
        leverage on a mean. With units of equal size that is the usual estimator times units / (units - 1).

        Raises:
            ValueError: There are fewer than two units.
        """
        if len(self.sizes) < 2:  # noqa: PLR2004
            raise ValueError("How far units differ cannot be seen from one unit.")
        n = self.sizes.sum()
        residuals = self.sums - self.sizes * self.mean
        return float(np.sqrt((residuals**2 / (1 - self.sizes / n)).sum()) / n)

    def critical(self, level: float) -> float:
        """Return how many standard errors the interval of a level reaches: a quantile of Student's t.

        Its degrees of freedom are one less than the effective number of units, and never less than one.
        """
        from scipy.special import stdtrit

        return float(stdtrit(max(self.effective - 1, 1), (1 + level) / 2))


def gathered(questions: int, subjects: Sequence[Hashable] | None) -> list[list[int]]:
    """Return the places of the questions of each subject, the smallest subject first.

    How far questions of a subject lie apart, one question cannot tell: those that are alone in theirs are taken
    together, and the last of them joins the smallest subject. Which that is among several as small, follows from their
    names, never from anybody's scores.
    """
    by_subject: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place in range(questions):
        by_subject[None if subjects is None else subjects[place]].append(place)
    ordered = [by_subject[subject] for subject in sorted(by_subject, key=lambda s: (len(by_subject[s]), str(s)))]
    alone = [places[0] for places in ordered if len(places) == 1]
    groups = [places for places in ordered if len(places) > 1]
    if len(alone) == 1 and groups:
        return [[*groups[0], *alone], *groups[1:]]
    return [*groups, alone] if alone else groups


def portions(draws: int, width: int) -> Iterator[int]:
    """Split so many draws, each of so many numbers, into portions that fit in memory; the draws stay the same."""
    most = max(_AT_ONCE // width, 1)
    while draws > 0:
        yield min(draws, most)
        draws -= most


def checked(scores: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scores, one for each question, as an array of shape (questions,).

    Raises:
        ValueError: There are none, or one lies outside [0, 1] or is not a number.
    """
    array = np.asarray(scores, dtype=np.float64)
    if array.ndim != 1 or not len(array):
        raise ValueError(f"Scores are a list of at least one number, not of shape {array.shape}.")
    if not ((array >= 0) & (array <= 1)).all():
        raise ValueError("Scores lie between 0 and 1.")
    return array


def right_or_wrong(scores: NDArray[np.float64]) -> bool:
    """Whether every score is 0 or 1."""
    return bool(((scores == 0) | (scores == 1)).all())


def over_seeds(questions: Sequence[str], scores: Sequence[float]) -> dict[str, float]:
    """Return each question's mean score over its seeds, in the order in which questions first appear.

    Seeds ask the same question again, so they tell more about that question and nothing about others: what is drawn
    anew, and what every interval here counts, are questions.

    Args:
        questions: The id of the question of each score; equal ids are seeds of one question.
        scores: 0 or 1, or anything between; a question that a seed left unanswered is left out.

    Raises:
        ValueError: There are not as many questions as scores.
    """
    mean: dict[str, float] = {}  # first the place of each question, so that large runs hold one table and not two
    places = np.fromiter((mean.setdefault(question, len(mean)) for question in questions), np.int64)
    given = np.fromiter(scores, np.float64)
    if len(places) != len(given):
        raise ValueError(f"{len(places)} questions cannot have {len(given)} scores.")
    means = np.bincount(places, given) / np.bincount(places)
    equal: dict[float, float] = {}  # and each score that there is once
    for question, score in zip(mean, means, strict=True):
        mean[question] = equal.setdefault(score, float(score))
    return mean
