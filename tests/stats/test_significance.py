from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from mlpo_bench.stats import Sampled, compare, exchange, holm, mcnemar, sign_flip


def brute_force(differences: list[float], within: float = 1e-9) -> float:
    """Return the share of all ways to flip signs whose sum lies at least as far from zero."""
    signs = np.array(list(product((1, -1), repeat=len(differences))))
    totals = np.abs(signs @ np.array(differences))
    return float((totals >= abs(sum(differences)) - within).mean())


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 20))
def test_mcnemar_agrees_with_the_binomial_test(only_a: int, only_b: int, both: int) -> None:
    from scipy.stats import binomtest

    a, b = [1] * only_a + [0] * only_b + [1] * both, [0] * only_a + [1] * only_b + [1] * both
    if not a:
        return
    expected = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1
    assert mcnemar(a, b) == pytest.approx(expected)
    assert mcnemar(b, a) == mcnemar(a, b)


def test_mcnemar_is_of_right_and_wrong() -> None:
    with pytest.raises(ValueError, match="right or wrong"):
        mcnemar([1 / 3], [1])
    with pytest.raises(ValueError, match="2 questions are compared with 1"):
        mcnemar([1, 0], [1])


@given(st.lists(st.sampled_from([-1, -2 / 3, -1 / 3, 0, 1 / 3, 2 / 3, 1]), min_size=1, max_size=10))
def test_flipping_signs_agrees_with_all_flips(differences: list[float]) -> None:
    assert sign_flip(differences) == pytest.approx(brute_force(differences))


def test_flipping_signs_agrees_with_scipys_permutations() -> None:
    from scipy.stats import permutation_test

    rng = np.random.default_rng(0)
    a, b = rng.binomial(3, 0.7, 11) / 3, rng.binomial(3, 0.4, 11) / 3
    theirs = permutation_test(
        (a, b), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip(a - b) == pytest.approx(theirs.pvalue)


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=200))
def test_flipping_signs_of_0_and_1_is_mcnemar(differences: list[float]) -> None:
    a, b = [float(d > 0) for d in differences], [float(d < 0) for d in differences]
    assert sign_flip(differences) == pytest.approx(mcnemar(a, b))


def test_flipping_subjects_flips_them_whole() -> None:
    rng = np.random.default_rng(0)
    differences, subjects = rng.integers(-1, 2, 60).astype(float), [i % 8 for i in range(60)]
    sums = [float(differences[i::8].sum()) for i in range(8)]
    assert sign_flip(differences, subjects) == pytest.approx(brute_force(sums))
    assert sign_flip([1.0] * 60, subjects) == pytest.approx(2 / 2**8)


def test_differences_without_a_common_step_agree_with_all_flips() -> None:
    differences = np.random.default_rng(1).normal(0.2, 0.6, 18).clip(-1, 1)
    flips = 1 - 2 * ((np.arange(2**18)[:, None] >> np.arange(18)) & 1)
    exact = float((np.abs(flips @ differences) >= abs(differences.sum()) - 1e-9).mean())
    assert sign_flip(differences) == pytest.approx(exact, rel=0.01)
    assert sign_flip(np.linspace(0.5, 1, 100)) == pytest.approx(2 / 2**100)


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([0.8506, 0.6369, 0.5111, 0.2698, 0.3078], 2 / 2**5),
        ([0.9972, 0.805, 0.9808, 0.3795, 0.6855, 0.9501], 2 / 2**6),
        ([-0.00888, 0.094954], 1.0),
        ([0.1 + 2**0.5 / 10**4 * i for i in range(40)], 2 / 2**40),
    ],
)
def test_what_was_observed_counts_among_the_ways_to_flip(differences: list[float], p: float) -> None:
    assert sign_flip(differences) == pytest.approx(p)


IRRATIONAL = st.lists(st.floats(-1, 1).map(lambda x: x * 2**0.5 / 2), min_size=1)


@given(IRRATIONAL.filter(lambda each: len(each) <= 12))
@example([0.5**0.5, 1e-9 * 0.5**0.5])
def test_irrational_differences_agree_with_all_flips(differences: list[float]) -> None:
    """Differences count to nine digits, and totals less than a ten-millionth of the largest apart as equal."""
    counted = np.round(differences, 9).tolist()
    assert sign_flip(differences) == pytest.approx(brute_force(counted, 1e-7 * max(map(abs, counted))))


@given(IRRATIONAL)
def test_no_p_is_below_that_of_the_observed_and_its_mirror(differences: list[float]) -> None:
    p = sign_flip(differences)
    assert 2 / 2 ** len(differences) * (1 - 1e-9) <= p <= 1
    assert sign_flip([-d for d in differences]) == pytest.approx(p)
    assert sign_flip(sorted(differences)) == pytest.approx(p)


def test_many_differences_without_a_common_step_keep_their_p() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        apart = rng.uniform(-1, 1.05, 3_000)
        p = 2 * ndtr(-abs(apart.sum()) / (apart**2).sum() ** 0.5)
        assert sign_flip(apart) == pytest.approx(p, rel=0.02)


def test_means_over_seeds_and_suites_have_a_common_step() -> None:
    rng = np.random.default_rng(0)
    thirds = np.r_[rng.integers(-3, 4, 8) / 3 / 8, rng.integers(-3, 4, 10) / 3 / 10]
    assert sign_flip(thirds) == pytest.approx(brute_force(thirds[thirds != 0].tolist()))


@pytest.mark.timeout(60)  # the exact test would take for ever
@pytest.mark.parametrize("n", [1_000, 14_000])
def test_thousands_of_questions_are_tested_as_well(n: int) -> None:
    rng = np.random.default_rng(0)
    apart = rng.uniform(-1, 1, n)
    p = sign_flip(apart)
    assert p == pytest.approx(2 * ndtr(-abs(apart.sum()) / (apart**2).sum() ** 0.5), rel=0.02)


def exchanged(row: list[int], votes: list[list[int]]) -> float:
    """The same by going through all ways to exchange the row's answers with votes."""
    pools = [[answer, *others] for answer, others in zip(row, votes, strict=True)]
    expected = sum(sum(pool) / len(pool) for pool in pools)
    totals = np.array([sum(one) for one in product(*pools)])
    return float((np.abs(totals - expected) >= abs(sum(row) - expected) - 1e-9).mean())


@given(
    st.lists(st.tuples(st.integers(0, 1), st.lists(st.integers(0, 1), min_size=3, max_size=3)), min_size=1, max_size=6)
)
def test_exchanging_answers_agrees_with_all_exchanges(pairs: list[tuple[int, list[int]]]) -> None:
    row, votes = [answer for answer, _ in pairs], [others for _, others in pairs]
    found = exchange(row, np.mean(votes, axis=1), 1, 3)
    assert found == pytest.approx(exchanged(row, votes))


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=100))
def test_exchanging_one_answer_with_one_vote_is_mcnemar(pairs: list[tuple[int, int]]) -> None:
    a, b = zip(*pairs, strict=True)
    assert exchange(a, b, 1, 1) == pytest.approx(mcnemar(a, b))


def test_a_row_that_is_never_right_is_not_surely_worse_than_a_vote_that_seldom_is() -> None:
    vote = np.repeat([1 / 6, 0], [12, 88])
    assert sign_flip(-vote) < 0.001  # all differences are to one side, whoever is better
    assert exchange(np.zeros(100), vote, 1, 15) > 0.1
    assert compare(np.zeros(100), vote, drawn=Sampled(1, 15)).p > 0.1


def test_what_cannot_be_exchanged_is_refused() -> None:
    with pytest.raises(ValueError, match="2 questions are compared with 1"):
        exchange([1, 0], [1], 1, 1)
    with pytest.raises(ValueError, match="either side"):
        exchange([1, 0], [1, 1], 1, 0.5)


@given(st.lists(st.sampled_from([-1, -0.5, 0, 0.5, 1]), min_size=1, max_size=80))
def test_a_p_value_knows_no_order_and_no_direction(differences: list[float]) -> None:
    p = sign_flip(differences)
    assert 0 < p <= 1
    assert sign_flip([-d for d in differences]) == pytest.approx(p)
    assert sign_flip(sorted(differences)) == pytest.approx(p)


@settings(max_examples=15, deadline=None)  # each call collects garbage, which takes statsmodels a while
@given(st.dictionaries(st.sampled_from(list("abcdefghijkl")), st.floats(0, 1)))
def test_holm_agrees_with_its_definition(p_values: dict[str, float]) -> None:
    found = holm(p_values)
    assert list(found) == list(p_values)
    highest, m = 0.0, len(p_values)
    for rank, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        highest = max(highest, min(1.0, (m - rank) * p))
        assert found[name] == pytest.approx(highest)


def test_holm_refuses_what_is_no_p_value() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm({"a": 1.5})
