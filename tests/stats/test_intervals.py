from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpo_bench.stats import Estimate, accuracy, by_suite, macro, over_seeds, wilson


if TYPE_CHECKING:
    from collections.abc import Sequence

SCORES = st.lists(st.sampled_from([0.0, 1 / 3, 0.5, 2 / 3, 1.0]), min_size=1, max_size=60)


@given(st.integers(1, 5_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_agrees_with_its_closed_form(counts: tuple[int, int]) -> None:
    right, n = counts
    z, p = 1.959963984540054, right / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = wilson(right, n)
    assert low == pytest.approx(max(0.0, centre - half), abs=1e-9)
    assert high == pytest.approx(min(1.0, centre + half), abs=1e-9)
    assert low <= p <= high


@pytest.mark.parametrize(("right", "n"), [(0, 0), (3, 2), (-1, 5)])
def test_impossible_counts_are_refused(right: int, n: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        wilson(right, n)


def test_independent_questions_have_wilsons_interval() -> None:
    found = accuracy([1, 0, 1, 1, 0])
    assert (found.low, found.high) == wilson(3, 5)
    assert (found.value, found.questions, found.subjects, found.method) == (0.6, 5, None, "Wilson")


def test_subjects_of_one_size_agree_with_a_logistic_model_of_statsmodels() -> None:
    import statsmodels.api as sm
    from scipy.stats import t

    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(12), 20)
    right = (rng.random(240) < rng.beta(3, 2, 12)[subjects]).astype(float)
    model = sm.GLM(right, np.ones(240), family=sm.families.Binomial())
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": subjects})
    reach = t.ppf(0.975, 11) * fit.bse[0]
    found = accuracy(right, subjects.tolist())
    assert found.low == pytest.approx(1 / (1 + math.exp(-(fit.params[0] - reach))), rel=1e-6)
    assert found.high == pytest.approx(1 / (1 + math.exp(-(fit.params[0] + reach))), rel=1e-6)


def test_subjects_of_all_sizes_agree_with_the_matrices_of_bell_and_mccaffrey() -> None:
    from scipy.linalg import fractional_matrix_power
    from scipy.stats import t

    rng = np.random.default_rng(1)
    sizes = [4, 9, 2, 12, 5]
    subjects = np.repeat(np.arange(5), sizes)
    right = (rng.random(32) < rng.beta(3, 2, 5)[subjects]).astype(float)
    x = np.ones((32, 1))
    bread = np.linalg.inv(x.T @ x)
    residuals, meat = right - right.mean(), np.zeros((1, 1))
    for subject in range(5):
        here = subjects == subject
        leverage = x[here] @ bread @ x[here].T
        adjusted = fractional_matrix_power(np.eye(here.sum()) - leverage, -0.5) @ residuals[here]
        meat += np.outer(x[here].T @ adjusted, adjusted @ x[here])
    p, error = right.mean(), float((bread @ meat @ bread)[0, 0]) ** 0.5
    effective = 32**2 / sum(size**2 for size in sizes)
    reach = t.ppf(0.975, effective - 1) * error / (p * (1 - p))
    found = accuracy(right, subjects.tolist())
    assert found.low == pytest.approx(1 / (1 + (1 - p) / p * math.exp(reach)))
    assert found.high == pytest.approx(1 / (1 + (1 - p) / p * math.exp(-reach)))


def test_subjects_of_one_question_each_are_close_to_independent_questions() -> None:
    right = [1.0, 0.0, 1.0, 1.0, 1.0] * 40
    alone, together = accuracy(right), accuracy(right, list(range(200)))
    assert together.low == pytest.approx(alone.low, abs=0.004)
    assert together.high == pytest.approx(alone.high, abs=0.004)


def test_subjects_that_differ_widen_the_interval() -> None:
    right = [1.0] * 50 + [0.0] * 20 + [1.0, 0.0] * 65
    subjects = [i // 20 for i in range(200)]
    assert accuracy(right, subjects).low < accuracy(right).low < accuracy(right).high < accuracy(right, subjects).high


@pytest.mark.parametrize("subjects", [None, [i // 5 for i in range(20)]])
@pytest.mark.parametrize("score", [0.0, 1.0])
def test_questions_that_are_all_alike_still_have_an_interval(score: float, subjects: list[int] | None) -> None:
    found = accuracy([score] * 20, subjects)
    assert (found.low, found.high) == wilson(20 * int(score), 20)
    assert (found.caution is None) == (subjects is None)


def test_one_subject_says_nothing_of_subjects_and_is_told_so() -> None:
    found = accuracy([1, 0, 1, 1], ["only"] * 4)
    assert (found.low, found.high) == wilson(3, 4)
    assert found.caution is not None
    assert "one subject" in found.caution


def test_few_subjects_near_certainty_are_told_of() -> None:
    right = [1.0] * 69 + [0.0]
    caution = accuracy(right, [i // 10 for i in range(70)]).caution
    assert caution is not None
    assert "7 subjects" in caution
    assert accuracy([1.0, 0.0, 0.0] * 23, [i // 10 for i in range(69)]).caution is None


@given(SCORES, st.randoms(use_true_random=False), st.booleans())
def test_accuracy_holds_its_value_and_knows_no_order(scores: list[float], random: object, grouped: bool) -> None:
    subjects = [i // 7 for i in range(len(scores))] if grouped else None
    found = accuracy(scores, subjects)
    assert 0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1
    order = list(range(len(scores)))
    random.shuffle(order)  # type: ignore[attr-defined]
    again = accuracy([scores[i] for i in order], None if subjects is None else [subjects[i] for i in order])
    assert (again.low, again.high) == pytest.approx((found.low, found.high), abs=1e-9)


@given(SCORES, st.booleans())
def test_wrong_is_the_mirror_of_right(scores: list[float], grouped: bool) -> None:
    subjects = [i // 7 for i in range(len(scores))] if grouped else None
    right, wrong = accuracy(scores, subjects), accuracy([1 - score for score in scores], subjects)
    assert (wrong.low, wrong.high) == pytest.approx((1 - right.high, 1 - right.low), abs=1e-6)


@given(SCORES)
@settings(max_examples=30)
def test_more_is_asked_of_a_higher_level(scores: list[float]) -> None:
    usual, sure = accuracy(scores), accuracy(scores, level=0.99)
    assert sure.low <= usual.low
    assert usual.high <= sure.high


@pytest.mark.parametrize("scores", [[], [1.2], [-0.1, 1], [float("nan"), 1], [[1, 0], [0, 1]]])
def test_what_are_no_scores_is_refused(scores: Sequence[float]) -> None:
    with pytest.raises(ValueError, match="Scores"):
        accuracy(scores)


def test_every_question_has_a_subject() -> None:
    with pytest.raises(ValueError, match="3 questions, but 2 subjects"):
        accuracy([1, 0, 1], ["a", "b"])


def test_seeds_of_a_question_are_averaged_first() -> None:
    assert over_seeds(["q1", "q2", "q1", "q1"], [1, 1, 0, 0]) == {"q1": pytest.approx(1 / 3), "q2": 1}
    with pytest.raises(ValueError, match="1 questions cannot have 2 scores"):
        over_seeds(["q1"], [1, 0])


def test_asking_again_is_not_asking_more() -> None:
    once = accuracy([1, 0, 1, 1] * 10, [i // 4 for i in range(40)])
    questions = [f"q{i}" for i in range(40)] * 3
    means = over_seeds(questions, [1, 0, 1, 1] * 30)
    assert accuracy(list(means.values()), [i // 4 for i in range(40)]) == once


def test_the_mean_over_suites_is_the_mean_of_their_accuracies_with_what_they_know() -> None:
    suites = by_suite(["a"] * 4 + ["b"] * 8, [1, 0, 1, 1] + [0, 1] * 4)
    assert suites == {"a": accuracy([1, 0, 1, 1]), "b": accuracy([0, 1] * 4)}
    found = macro(suites)
    assert found.value == pytest.approx((0.75 + 0.5) / 2)
    below = math.hypot(0.75 - suites["a"].low, 0.5 - suites["b"].low) / 2
    above = math.hypot(suites["a"].high - 0.75, suites["b"].high - 0.5) / 2
    assert (found.low, found.high) == pytest.approx((found.value - below, found.value + above))
    assert (found.questions, found.subjects) == (12, None)


def test_the_mean_over_one_suite_is_that_suite() -> None:
    one = accuracy([1, 0, 1, 1], ["only"] * 4)
    found = macro({"math": one})
    assert (found.value, found.low, found.high) == pytest.approx((one.value, one.low, one.high))
    assert found.caution == f"math: {one.caution}"


def test_the_mean_over_symmetric_suites_has_the_usual_standard_error() -> None:
    errors = [0.02, 0.05, 0.03]
    suites = {str(e): Estimate(0.5, 0.5 - 1.96 * e, 0.5 + 1.96 * e, 100, None, "") for e in errors}
    reach = 1.96 * math.sqrt(sum(e * e for e in errors)) / 3
    assert (macro(suites).low, macro(suites).high) == pytest.approx((0.5 - reach, 0.5 + reach))


def test_subjects_of_one_name_in_two_suites_are_two() -> None:
    right, names = [1, 0, 0, 1, 1, 1, 0, 1], ["x", "x", "y", "y"] * 2
    found = by_suite(["a"] * 4 + ["b"] * 4, right, names)
    assert found["a"] == accuracy(right[:4], names[:4])
    assert macro(found).subjects == 4


def test_no_suites_have_no_mean() -> None:
    with pytest.raises(ValueError, match="no suites"):
        macro({})
    with pytest.raises(ValueError, match="one entry"):
        by_suite(["a"], [1, 0])


def test_nothing_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        accuracy([0, 0, 1], ["a", "a", "b"])
        accuracy([0.5, 0.5], ["a", "b"])
