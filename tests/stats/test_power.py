from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpo_bench.stats import (
    ALPHA,
    detectable,
    detectable_mean,
    fewest_questions,
    mcnemar,
    mcnemar_power,
    questions_by_p,
    questions_to_detect,
    sign_flip,
)


def brute_force(n: int, discordant: float, difference: float) -> float:
    """Return the chance of p <= 0.05 over all counts of pairs that one or the other wins."""
    from scipy.stats import binomtest, multinomial

    for_a, for_b = (discordant + difference) / 2, (discordant - difference) / 2
    chances = multinomial(n, [for_a, for_b, 1 - for_a - for_b])
    return float(
        sum(
            chances.pmf([a, b, n - a - b])
            for a in range(n + 1)
            for b in range(n + 1 - a)
            if a + b and binomtest(a, a + b).pvalue <= 0.05
        )
    )


@pytest.mark.parametrize(
    ("n", "discordant", "difference"), [(12, 0.5, 0.4), (25, 0.3, 0.3), (25, 0.6, 0.1), (20, 1, 0.5), (18, 0.4, 0)]
)
def test_power_agrees_with_all_outcomes(n: int, discordant: float, difference: float) -> None:
    assert mcnemar_power(n, discordant, difference) == pytest.approx(brute_force(n, discordant, difference), abs=1e-9)
    assert mcnemar_power(n, discordant, -difference) == pytest.approx(mcnemar_power(n, discordant, difference))


@pytest.mark.parametrize(("n", "discordant"), [(200, 0.2), (1000, 0.25), (5000, 0.1), (14_042, 0.3)])
def test_what_is_detectable_agrees_with_the_approximation_of_connor(n: int, discordant: float) -> None:
    found = detectable(n, discordant)
    assert found is not None
    assert mcnemar_power(n, discordant, found) == pytest.approx(0.8, abs=1e-6)
    # Connor 1987: n = (1.960 sqrt(discordant) + 0.842 sqrt(discordant - d^2))^2 / d^2; the exact test asks for more.
    asked = (1.959964 * discordant**0.5 + 0.841621 * (discordant - found**2) ** 0.5) ** 2 / found**2
    assert 0.88 * n < asked < n


def test_what_is_detectable_is_found_in_four_samples_of_five() -> None:
    found = detectable(100, 0.3)
    assert found is not None
    rng = np.random.default_rng(0)
    outcomes = rng.choice([1, -1, 0], size=(1_000, 100), p=[(0.3 + found) / 2, (0.3 - found) / 2, 0.7])
    assert np.mean([sign_flip(outcome) <= 0.05 for outcome in outcomes]) == pytest.approx(0.8, abs=0.03)


@given(st.integers(20, 500), st.floats(0.05, 1))
@settings(max_examples=25, deadline=None)
def test_more_questions_show_less(n: int, discordant: float) -> None:
    few, many = detectable(n, discordant), detectable(4 * n, discordant)
    if few is not None:
        assert many is not None
        assert many < few <= discordant


def test_some_samples_can_show_nothing() -> None:
    assert detectable(5, 1) is None
    assert mcnemar([1] * 5, [0] * 5) > 0.05
    assert detectable(1000, 0) is None
    assert detectable(50, 0.05) is None
    assert detectable_mean(1, 0.5) is None
    assert detectable_mean(100, 0) is None
    assert detectable_mean(2, 0.7) is None


@pytest.mark.parametrize("arguments", [(0, 0.5, 0.1), (10, 0.2, 0.3), (10, 1.2, 0.3)])
def test_impossible_designs_are_refused(arguments: tuple[int, float, float]) -> None:
    with pytest.raises(ValueError, match="differ"):
        mcnemar_power(*arguments)


def test_a_mean_is_found_in_four_samples_of_five() -> None:
    from scipy.stats import ttest_1samp

    found = detectable_mean(60, 0.3)
    assert found is not None
    samples = np.random.default_rng(0).normal(found, 0.3, (4_000, 60))
    assert (ttest_1samp(samples, 0, axis=1).pvalue <= 0.05).mean() == pytest.approx(0.8, abs=0.02)
    assert found == pytest.approx((1.959964 + 0.841621) * 0.3 / 60**0.5, rel=0.03)


def test_questions_to_detect_a_difference_find_it_in_four_samples_of_five() -> None:
    n = questions_to_detect(0.05, 0.2)
    rng = np.random.default_rng(0)
    # Rows that differ on a fifth of questions, the first right on an eighth of all, the second on three in forty.
    apart = rng.choice([1.0, -1.0, 0.0], p=[0.125, 0.075, 0.8], size=(400, n))
    found = np.mean([sign_flip(sample) < ALPHA for sample in apart])
    assert 0.72 < found < 0.87
    assert questions_to_detect(0.05, 0.2, tests=27) > n
    assert 0 < questions_to_detect(0.4, 1) < questions_to_detect(0.3, 1)
    # Six that differ one way have a p of 0.031; at the level of twenty tests it takes ten.
    assert [questions_to_detect(1, 1, tests) for tests in (1, 20)] == [6, 10]
    assert 2 / 2**10 < ALPHA / 20 < 2 / 2**9
    with pytest.raises(ValueError, match="needs that share"):
        questions_to_detect(0.3, 0.2)


@pytest.mark.parametrize("tests", [1, 2, 7, 30])
def test_the_fewest_questions_are_those_of_which_one_fewer_cannot_be_told(tests: int) -> None:
    found = fewest_questions(tests)
    all_right = [mcnemar(np.ones(n), np.zeros(n)) for n in (found - 1, found)]
    assert all_right[1] <= ALPHA / tests < all_right[0]
    assert fewest_questions() == fewest_questions(1) == 6


def test_questions_are_reckoned_from_a_p_by_the_z_that_it_stands_for() -> None:
    # z is 1.960 at 0.05 and 1.2816 at 0.2; a power of 0.8 takes 0.8416 more.
    assert questions_by_p(100, 0.2) == pytest.approx(100 * ((1.95996 + 0.84162) / 1.28155) ** 2, abs=1)
    assert questions_by_p(100, 0.2) == questions_by_p(100, 0.2, tests=1) != questions_by_p(100, 0.2, tests=2)
    assert questions_by_p(100, 1.0) is None
    assert questions_by_p(1_000_000, 0.9) is None
