"""Means with the number they are taken from, ratios with Fieller's interval, and means over suites."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from mlpo_bench.stats import Point, compare, difference
from mlpo_bench.stats.frontier import mean_area
from mlpo_bench.stats.intervals import wilson
from mlpo_bench.stats.means import Drawn, Mean, Ratio, mean, ratio, surely_more
from mlpo_bench.stats.paired import over_suites
from mlpo_bench.stats.power import questions_needed
from mlpo_bench.stats.units import Units


def drawn(count: int, seeds: int = 1) -> Drawn:
    """Return cases of one subject: so many questions, each with so many seeds."""
    return Drawn([f"q{n}" for n in range(count) for _ in range(seeds)], ["s"] * count * seeds)


def test_a_share_has_wilsons_interval() -> None:
    found = mean(np.array([1.0, 0.0, 1.0, 1.0]), drawn(4))
    assert (found.total, found.n, found.value, found.questions) == (3.0, 4, 0.75, 4)
    # (p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), with z = 1.959964
    assert found.low == pytest.approx(0.300642, abs=1e-6)
    assert found.high == pytest.approx(0.954413, abs=1e-6)


def test_a_scale_stretches_mean_and_interval() -> None:
    plain, scaled = mean(np.array([1.0, 0.0, 1.0, 1.0]), drawn(4)), mean(np.array([2.0, 0, 2, 2]), drawn(4), scale=2)
    assert (scaled.total, scaled.n, scaled.value) == (6.0, 4, 1.5)
    assert plain.low is not None
    assert plain.high is not None
    assert scaled.low == pytest.approx(2 * plain.low)
    assert scaled.high == pytest.approx(2 * plain.high)


def test_only_the_cases_that_are_picked_count() -> None:
    scores, picked = np.array([1.0, 0.0, 0.0, 1.0]), np.array([True, False, False, True])
    found = mean(scores, drawn(4), picked)
    assert (found.value, found.n, found.questions) == (1.0, 2, 2)
    assert found.low == pytest.approx(wilson(2, 2)[0])
    assert mean(scores, drawn(4), np.zeros(4, dtype=bool)) == Mean(0.0, 0)
    assert mean(np.array([]), drawn(0)) == Mean(0.0, 0)


def test_seeds_of_a_question_tell_nothing_of_others() -> None:
    once = mean(np.array([1.0, 0.0, 1.0, 1.0] * 5), drawn(20))
    twice = mean(np.repeat([1.0, 0.0, 1.0, 1.0] * 5, 2), drawn(20, seeds=2))
    assert (twice.value, twice.n, twice.questions) == (0.75, 40, 20)
    assert once.low is not None
    assert once.high is not None
    assert twice.low is not None
    assert twice.high is not None
    assert twice.high - twice.low >= 0.95 * (once.high - once.low)


def test_subjects_are_what_cases_are_alike_within() -> None:
    two = Drawn(["a", "b", "a", "b"], ["x", "x", "y", "y"])
    assert two.repeated
    assert two.units == ["x", "x", "y", "y"]
    assert Drawn(["a", "a"], ["x", "x"]).units == ["a", "a"]
    assert Drawn(["a", "b"], ["x", "x"]).units is None
    assert two.only(np.array([True, False, False, True])) == Drawn(["a", "b"], ["x", "y"])


@pytest.mark.parametrize(
    ("a", "b", "surely"),
    [
        (Mean(9, 10, 0.9, 0.8, 0.95), Mean(5, 10, 0.5, 0.4, 0.6), True),  # 0.4 > sqrt(0.1^2 + 0.1^2) = 0.141
        (Mean(9, 10, 0.9, 0.8, 0.95), Mean(7, 10, 0.75, 0.6, 0.85), True),  # 0.15 > 0.141
        (Mean(9, 10, 0.9, 0.8, 0.95), Mean(7, 10, 0.77, 0.6, 0.87), False),  # 0.13 < 0.141
        (Mean(5, 10, 0.5, 0.4, 0.6), Mean(9, 10, 0.9, 0.8, 0.95), False),
        (Mean(0, 0), Mean(5, 10, 0.5, 0.4, 0.6), False),
        (Mean(5, 10, 0.5, 0.4, 0.6), Mean(0, 0), False),
    ],
)
def test_one_mean_is_surely_more_than_another(a: Mean, b: Mean, surely: bool) -> None:
    assert surely_more(a, b) is surely


def test_an_exact_ratio_has_no_width() -> None:
    found = ratio(np.array([18.0, 20, 22]), np.array([9.0, 10, 11]), drawn(3))
    assert (found.n, found.value) == (3, 2.0)
    assert found.low == pytest.approx(2.0)
    assert found.high == pytest.approx(2.0)


def test_fiellers_bounds_are_the_ratios_that_are_just_not_ruled_out() -> None:
    rng = np.random.default_rng(1)
    upper, lower = rng.normal(3, 1, 30), rng.normal(2, 0.5, 30)
    found = ratio(upper, lower, drawn(30))
    assert found.value == pytest.approx(upper.mean() / lower.mean())
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    for bound in (found.low, found.high):
        apart = upper - bound * lower
        assert abs(apart.mean()) / (apart.std(ddof=1) / 30**0.5) == pytest.approx(t.ppf(0.975, 29), rel=1e-6)


def test_a_ratio_that_cannot_be_told_has_no_value_or_no_bounds() -> None:
    assert ratio(np.array([1.0, 2]), np.array([0.0, 0]), drawn(2)) == Ratio(2)
    assert ratio(np.array([1.0, 2]), np.array([1.0, -1]), drawn(2)) == Ratio(2)
    assert ratio(np.array([]), np.array([]), drawn(0)) == Ratio(0)
    assert ratio(np.array([1.0]), np.array([2.0]), drawn(1)) == Ratio(1, 0.5)
    unsure = ratio(np.array([1.0, 1, 1]), np.array([1.0, -0.5, 0.1]), drawn(3))
    assert unsure.value == pytest.approx(5.0)
    assert (unsure.low, unsure.high) == (None, None)
    with pytest.raises(ValueError, match="2 numbers are divided by 1"):
        ratio(np.array([1.0, 2]), np.array([1.0]), drawn(2))


def test_the_mean_over_suites_counts_each_suite_the_same() -> None:
    few, many = ([1.0] * 4, [0.0] * 4, None), ([1.0, 0.0] * 4, [0.0, 1.0] * 4, None)
    both = over_suites({"few": few, "many": many})
    assert both.difference.value == pytest.approx(0.5)
    assert over_suites({"few": few}).difference.value == pytest.approx(compare(*few).difference.value)
    assert both.discordant == 1.0
    assert both.elsewhere is None
    # Of 2^8 signs of eight equal differences, all as they are and all turned are as extreme.
    assert over_suites({"a": few, "b": few}).p == pytest.approx(2 / 2**8)


def test_the_deviation_over_suites_is_that_of_questions_that_count_as_their_suites_do() -> None:
    some, more = ([1.0, 1, 0, 0], [0.0, 1, 1, 0], None), ([1.0, 1, 1, 0, 0, 1, 0, 1], [0.0, 0, 1, 0, 1, 0, 0, 0], None)
    # Four and eight questions of twelve, each suite a half: they count 12 / (2 * 4) and 12 / (2 * 8) times.
    within = [(np.subtract(a, b) * 12 / (2 * len(a))).var(ddof=1) * len(a) for a, b, _ in (some, more)]
    found = over_suites({"some": some, "more": more})
    assert found.deviation == pytest.approx((sum(within) / 12) ** 0.5)


def test_the_mean_over_suites_speaks_of_other_subjects_where_all_suites_have_some() -> None:
    scores = [1.0, 1.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0]
    grouped, loose = (*scores, ["x", "x", "y", "y"]), (*scores, None)
    told = over_suites({"a": grouped, "b": grouped})
    assert told.elsewhere is not None
    assert told.p_subjects is not None
    assert told.p_subjects >= told.p
    assert over_suites({"a": grouped, "b": loose}).elsewhere is None


def test_what_has_no_answer_is_refused_or_none() -> None:
    assert questions_needed(0, 1) is None
    assert questions_needed(0.1, 0) is None
    assert questions_needed(1e-9, 1) is None
    with pytest.raises(ValueError, match="2 questions are compared with 1"):
        difference([1.0, 0.0], [1.0])
    with pytest.raises(ValueError, match="cannot be seen from one unit"):
        _ = Units.of(np.array([1.0]), None).standard_error
    points = [Point(1, 0.5, 0.4, 0.6), Point(2, 0.6, 0.5, 0.7)]
    for cheapest, dearest in ((0, 1), (2, 2), (3, 1)):
        with pytest.raises(ValueError, match="goes from a positive one to a greater one"):
            mean_area(points, 1, cheapest, dearest)
    for rows in (0, 3):
        with pytest.raises(ValueError, match=f"{rows} of 2 points cannot be chosen"):
            mean_area(points, rows, 1, 2)
