"""How often the intervals hold the truth, by simulation: the figures that the modules' docstrings give.

Each regime is simulated with a fixed seed. Where an interval cannot do what it states, the figure it reaches stands
here all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from mlpo_bench.stats import accuracy, difference, macro


if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from mlpo_bench.stats import Estimate

    Sizes = NDArray[np.int64]

SAMPLES = 1_000
PAIRED_SAMPLES = 600
RESAMPLES = 500


def even(subjects: int, each: int) -> Sizes:
    return np.full(subjects, each)


BBH = even(27, 37)
MATH = np.array([124, 82, 38, 97, 52, 62, 45])  # MATH-500's subjects
SKEWED = np.array([400, 300, 100, 50, 50, 50, 30, 20])


def labels(sizes: Sizes) -> list[int]:
    return [subject for subject, size in enumerate(sizes) for _ in range(size)]


def coverage(truth: float, sample: Callable[[], Estimate], samples: int) -> float:
    """Return how many of a hundred intervals hold the truth."""
    held = 0
    for _ in range(samples):
        found = sample()
        held += found.low <= truth <= found.high
    return 100 * held / samples


@pytest.mark.parametrize("n", [50, 200, 1000])
@pytest.mark.parametrize("p", [0.1, 0.35, 0.6, 0.9])
def test_of_independent_questions(n: int, p: float) -> None:
    rng = np.random.default_rng(n)
    assert 93 <= coverage(p, lambda: accuracy((rng.random(n) < p).astype(float)), SAMPLES) <= 97.5


@pytest.mark.parametrize("n", [50, 200, 1000])
@pytest.mark.parametrize("p", [0.3, 0.6, 0.9])
def test_of_means_over_three_seeds(n: int, p: float) -> None:
    # Questions differ: some are nearly always right, some nearly never.
    rng = np.random.default_rng(n)
    truths = rng.beta(2 * p, 2 * (1 - p), (SAMPLES, n))
    scores = iter(rng.binomial(3, truths) / 3)
    assert 93 <= coverage(p, lambda: accuracy(next(scores)), SAMPLES) <= 97


def clustered(p: float, likeness: float, sizes: Sizes, seed: int) -> float:
    """Return the coverage where questions of a subject are alike by an intraclass correlation."""
    rng, subjects = np.random.default_rng(seed), labels(sizes)
    spread = (1 - likeness) / likeness if likeness else np.inf

    def sample() -> Estimate:
        by_subject = rng.beta(p * spread, (1 - p) * spread, len(sizes)) if likeness else np.full(len(sizes), p)
        return accuracy(rng.random(sizes.sum()) < np.repeat(by_subject, sizes), subjects)

    return coverage(p, sample, SAMPLES)


@pytest.mark.parametrize("likeness", [0, 0.05, 0.2])
@pytest.mark.parametrize(
    ("sizes", "p"),
    [(even(10, 5), 0.6), (even(20, 10), 0.6), (even(20, 10), 0.9), (BBH, 0.3), (MATH, 0.6), (SKEWED, 0.6)],
    ids=["50", "200", "200 at 0.9", "BBH", "MATH", "skewed"],
)
def test_of_questions_in_subjects(sizes: Sizes, p: float, likeness: float) -> None:
    assert 93 <= clustered(p, likeness, sizes, seed=0) <= 97.5


@pytest.mark.parametrize(
    ("sizes", "p", "likeness", "reached"),
    [
        (MATH, 0.9, 0.2, (90.5, 94.5)),
        (MATH, 0.97, 0.2, (79, 84)),
        (BBH, 0.97, 0.2, (87, 92)),
        (even(3, 17), 0.6, 0.2, (93, 98)),
        (even(3, 17), 0.9, 0.2, (85, 90)),
    ],
)
def test_what_it_cannot_do(sizes: Sizes, p: float, likeness: float, reached: tuple[float, float]) -> None:
    low, high = reached
    assert low <= clustered(p, likeness, sizes, seed=0) <= high


def test_independent_intervals_of_questions_in_subjects_are_far_too_sure() -> None:
    rng = np.random.default_rng(0)

    def sample() -> Estimate:
        return accuracy(rng.random(BBH.sum()) < np.repeat(rng.beta(2.4, 1.6, len(BBH)), BBH))

    assert 47 <= coverage(0.6, sample, 500) <= 57


def test_of_the_mean_over_suites() -> None:
    rng = np.random.default_rng(0)
    suites = {"bbh": (BBH, 0.7, 0.2), "mmlu": (even(57, 4), 0.6, 0.08), "math": (MATH, 0.3, 0.05)}

    def sample() -> Estimate:
        found = {}
        for suite, (sizes, p, likeness) in suites.items():
            spread = (1 - likeness) / likeness
            by_subject = rng.beta(p * spread, (1 - p) * spread, len(sizes))
            found[suite] = accuracy(rng.random(sizes.sum()) < np.repeat(by_subject, sizes), labels(sizes))
        return macro(found)

    assert 93 <= coverage(1.6 / 3, sample, SAMPLES) <= 97


def paired(sizes: Sizes, discordant: float, apart: float, spread: float, *, independent: bool = False) -> float:
    """Return the coverage of a difference whose subjects differ by a standard deviation."""
    rng, subjects, n = np.random.default_rng(0), labels(sizes), int(sizes.sum())

    def sample() -> Estimate:
        by_subject = np.clip(apart + spread * rng.standard_normal(len(sizes)), -discordant, discordant)
        differs = rng.random(n) < discordant
        first = rng.random(n) < np.repeat((1 + by_subject / discordant) / 2, sizes)
        same = rng.random(n) < 0.5
        a, b = np.where(differs, first, same), np.where(differs, ~first, same)
        return difference(a, b, None if independent else subjects, resamples=RESAMPLES)

    return coverage(apart, sample, PAIRED_SAMPLES)


@pytest.mark.parametrize("n", [50, 200, 1000])
@pytest.mark.parametrize(("discordant", "apart"), [(0.17, 0.0), (0.25, 0.1), (0.4, 0.2)])
def test_of_a_difference_on_independent_questions(n: int, discordant: float, apart: float) -> None:
    assert 93 <= paired(even(n, 1), discordant, apart, 0, independent=True) <= 97.5


@pytest.mark.parametrize("spread", [0, 0.07])
@pytest.mark.parametrize(
    "sizes", [even(10, 5), even(20, 10), BBH, MATH, SKEWED], ids=["50", "200", "BBH", "MATH", "skewed"]
)
def test_of_a_difference_on_questions_in_subjects(sizes: Sizes, spread: float) -> None:
    assert 93 <= paired(sizes, 0.25, 0.06, spread) <= 98


def test_of_a_difference_in_means_over_three_seeds() -> None:
    rng = np.random.default_rng(0)
    better, worse = rng.beta(1.3, 0.7, (PAIRED_SAMPLES, 200)), rng.beta(1.1, 0.9, (PAIRED_SAMPLES, 200))
    pairs = zip(rng.binomial(3, better) / 3, rng.binomial(3, worse) / 3, strict=True)
    assert 93 <= coverage(0.1, lambda: difference(*next(pairs), resamples=RESAMPLES), PAIRED_SAMPLES) <= 97


@pytest.mark.parametrize("subjects", [3, 5])
def test_of_a_difference_with_very_few_subjects(subjects: int) -> None:
    assert 93 <= paired(even(subjects, 40), 0.25, 0.06, 0.07) <= 97


@pytest.mark.parametrize(("n", "discordant", "apart"), [(50, 0.02, 0.0), (50, 0.03, 0.015), (200, 0.01, 0.005)])
def test_of_a_difference_where_few_questions_differ_is_wide_rather_than_narrow(
    n: int, discordant: float, apart: float
) -> None:
    assert paired(even(n, 1), discordant, apart, 0, independent=True) >= 97
