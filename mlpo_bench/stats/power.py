"""What a comparison could have shown: the smallest difference that so many questions find four times in five."""

from __future__ import annotations

from math import ceil, floor, log2

import numpy as np

from mlpo_bench.stats.significance import ALPHA


# Numbers of pairs rarer than this add nothing to a power.
_UNHEARD_OF = 1e-12
_MOST_QUESTIONS = 10_000_000


def mcnemar_power(questions: int, discordant: float, difference: float, alpha: float = ALPHA) -> float:
    """Return the chance that McNemar's exact test finds a difference, over all samples of so many questions.

    Args:
        questions: How many, each independent of the others.
        discordant: The share of them that only one of the two cells gets right.
        difference: Of the two accuracies, at most `discordant`.
        alpha: Below which p counts as a finding.

    Raises:
        ValueError: There are no questions, or `|difference| <= discordant <= 1` does not hold.
    """
    from scipy.stats import binom

    if questions < 1 or not abs(difference) <= discordant <= 1:
        raise ValueError(f"No {questions} questions differ by {difference} where {discordant} of them differ at all.")
    if discordant == 0:
        return 0.0
    # For every number of discordant pairs that may well occur: how likely it is, and up to which count on one side p
    # is at most alpha (-1 where it never is).
    fewest, largest = binom.ppf((_UNHEARD_OF, 1 - _UNHEARD_OF), questions, discordant)
    pairs = np.arange(fewest, largest + 1)
    likely = binom.pmf(pairs, questions, discordant)
    most = binom.ppf(alpha / 2, pairs, 0.5)
    most = np.where(binom.cdf(most, pairs, 0.5) <= alpha / 2, most, most - 1)
    towards = (1 + difference / discordant) / 2
    chances = binom.cdf(most, pairs, towards) + binom.sf(pairs - most - 1, pairs, towards)
    return float((likely * chances).sum())


def detectable(questions: int, discordant: float, power: float = 0.8, alpha: float = ALPHA) -> float | None:
    """Return the smallest difference in accuracy that McNemar's exact test finds with a power.

    None where even all discordant pairs on one side would be too few.

    Args:
        questions: How many, each independent of the others; clustered ones show less.
        discordant: The share of them that only one of the two cells gets right, observed or assumed.
        power: The chance of finding it.
        alpha: Below which p counts as a finding.

    Raises:
        ValueError: There are no questions, or `discordant` is not a share.
    """
    from scipy.optimize import brentq

    if mcnemar_power(questions, discordant, discordant, alpha) < power:
        return None
    return float(brentq(lambda d: mcnemar_power(questions, discordant, d, alpha) - power, 0, discordant))


def detectable_mean(questions: int, deviation: float, power: float = 0.8, alpha: float = ALPHA) -> float | None:
    """Return the smallest mean difference that a paired t test finds with a power: for means over seeds.

    None where there are fewer than two questions, they do not differ at all, or no difference is large enough.

    Args:
        questions: How many, each independent of the others.
        deviation: The standard deviation of a question's difference.
        power: The chance of finding it.
        alpha: Below which p counts as a finding.
    """
    from statsmodels.stats.power import TTestPower

    if questions < 2 or deviation == 0:  # noqa: PLR2004
        return None
    difference = float(deviation * TTestPower().solve_power(nobs=questions, alpha=alpha, power=power))
    return difference if difference <= 1 else None


def questions_to_detect(difference: float, discordant: float, tests: int = 1) -> int:
    """Return how many questions find a difference of two rows that are right or wrong, in four samples of five.

    Args:
        difference: Of their accuracies, above 0.
        discordant: The share of questions on which they differ, at least as large.
        tests: Among how many tests it is to be found: at the level of Holm's first step.

    Raises:
        ValueError: the difference is not above 0, or is larger than the share of questions that differ.
    """
    if not 0 < difference <= discordant <= 1:
        raise ValueError(f"A difference of {difference} needs that share of questions to differ, and not {discordant}.")
    deviation = (discordant - difference**2) ** 0.5
    return max(questions_needed(difference, deviation, tests) or 0, fewest_questions(tests))


def questions_needed(mean: float, deviation: float, tests: int = 1, power: float = 0.8) -> int | None:
    """Return how many questions would find a mean difference that is what it is here; None where ten million would not.

    The usual formula for a paired mean, by the normal curve: ((z of the level + z of the power) deviation / mean)**2.

    Args:
        mean: The mean difference of a question.
        deviation: The standard deviation of a question's difference.
        tests: Among how many tests it is to be found: at the level of Holm's first step.
        power: The chance of finding it.
    """
    if mean == 0 or deviation == 0:
        return None
    return _whole((_reach(tests, power) * deviation / mean) ** 2)


def questions_by_p(asked: int, p: float, tests: int = 1, power: float = 0.8) -> int | None:
    """Return how many questions would find what these showed with too large a p; None where ten million would not.

    The z that stands for p grows with the root of questions: ((z of the level + z of the power) / z of p)**2 as many.

    Args:
        asked: How many were asked.
        p: What a test of these came to, two-sided.
        tests: Among how many tests it is to be found: at the level of Holm's first step.
        power: The chance of finding it.
    """
    from scipy.special import ndtri

    reached = -float(ndtri(p / 2))
    return _whole(asked * (_reach(tests, power) / reached) ** 2) if reached > 0 else None


def fewest_questions(tests: int = 1) -> int:
    """Return how many questions it takes, all to one side, for an exact test below the level of Holm's first step."""
    return floor(log2(2 * tests / ALPHA)) + 1


def _reach(tests: int, power: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(1 - ALPHA / (2 * tests)) + ndtri(power))


def _whole(questions: float) -> int | None:
    return ceil(questions) if questions <= _MOST_QUESTIONS else None
