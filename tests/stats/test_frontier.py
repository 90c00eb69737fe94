from __future__ import annotations

import math
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from mlpo_bench.stats import Point, area, chance_on_frontier, dominated, frontier, mean_area, surely_dominated, vote_at


def point(cost: float, accuracy: float, reach: float = 0.05) -> Point:
    return Point(cost, accuracy, max(accuracy - reach, 0), min(accuracy + reach, 1))


SOLO, VOTE, LEADER, DEBATE = point(100, 0.5), point(800, 0.6), point(900, 0.7), point(1800, 0.62)
POINTS = st.lists(st.builds(point, st.integers(1, 20), st.integers(0, 10).map(lambda n: n / 10)), max_size=12)


def test_who_is_dominated() -> None:
    assert dominated([SOLO, VOTE, LEADER, DEBATE]) == [False, False, False, True]
    assert surely_dominated([SOLO, VOTE, LEADER, DEBATE]) == [False] * 4
    assert surely_dominated([point(1, 0.9), point(2, 0.7)]) == [False, True]
    assert surely_dominated([point(2, 0.9), point(1, 0.7)]) == [False, False]


def test_equal_points_do_not_dominate_each_other() -> None:
    assert dominated([SOLO, SOLO]) == [False, False]
    assert frontier([SOLO, SOLO]) == [SOLO, SOLO]
    assert dominated([SOLO, point(100, 0.4), point(120, 0.5)]) == [False, True, True]


@given(POINTS)
def test_a_frontier_rises_and_beats_the_rest(points: list[Point]) -> None:
    kept = frontier(points)
    for first, second in pairwise(kept):
        assert (first.cost, first.accuracy) == (second.cost, second.accuracy) or (
            first.cost < second.cost and first.accuracy < second.accuracy
        )
    for p in points:
        assert p in kept or any(k.dominates(p) for k in kept)
    sure = surely_dominated(points)
    assert all(plain for plain, surely in zip(dominated(points), sure, strict=True) if surely)
    assert frontier(points[::-1]) == kept


@given(POINTS, st.floats(0.5, 5), st.floats(6, 30))
@settings(max_examples=50)
def test_the_area_agrees_with_a_sum_over_many_costs(points: list[Point], cheapest: float, dearest: float) -> None:
    costs = np.exp(np.linspace(math.log(cheapest), math.log(dearest), 20_001))
    middles = np.sqrt(costs[1:] * costs[:-1])
    heights = np.zeros(len(middles))
    for p in points:
        heights = np.maximum(heights, np.where(middles >= p.cost, p.accuracy, 0))
    found = area(points, cheapest, dearest)
    assert found == pytest.approx(heights.mean(), abs=2e-3)
    assert 0 <= found <= 1


def test_the_area_of_known_points() -> None:
    assert area([point(1, 1)], 1, 100) == pytest.approx(1)
    assert area([point(10, 0.8)], 1, 100) == pytest.approx(0.4)
    assert area([point(0.1, 0.2), point(10, 0.8)], 1, 100) == pytest.approx(0.5)
    assert area([point(100, 1)], 1, 100) == 0
    assert area([], 1, 100) == 0


@given(POINTS, st.builds(point, st.integers(1, 20), st.integers(0, 10).map(lambda n: n / 10)))
def test_another_point_never_lessens_the_area(points: list[Point], another: Point) -> None:
    assert area([*points, another], 1, 25) >= area(points, 1, 25) - 1e-12


def test_a_vote_between_two_votes() -> None:
    votes = [point(100, 0.5), point(400, 0.6), point(1600, 0.64)]
    assert vote_at(400, votes) == point(400, 0.6)
    between = vote_at(200, votes)
    assert between is not None
    assert (between.accuracy, between.low, between.high) == pytest.approx((0.55, 0.5, 0.6))
    assert vote_at(200, votes[::-1]) == between
    assert vote_at(100, votes) == votes[0]
    ends = vote_at(1600, votes)
    assert ends is not None
    assert ends.accuracy == pytest.approx(0.64)


def test_a_vote_is_never_extrapolated() -> None:
    votes = [point(100, 0.5), point(400, 0.6)]
    assert vote_at(99.9, votes) is None
    assert vote_at(400.1, votes) is None
    assert vote_at(100, []) is None
    assert vote_at(100, votes[:1]) == votes[0]


def test_votes_of_one_cost_are_averaged() -> None:
    found = vote_at(100, [point(100, 0.5), point(100, 0.6)])
    assert found is not None
    assert found.accuracy == pytest.approx(0.55)


@given(POINTS.filter(bool), st.floats(1, 20))
def test_a_vote_lies_between_votes(votes: list[Point], cost: float) -> None:
    found = vote_at(cost, votes)
    if found is not None:
        assert min(v.accuracy for v in votes) - 1e-12 <= found.accuracy <= max(v.accuracy for v in votes) + 1e-12


def test_impossible_points_are_refused() -> None:
    with pytest.raises(ValueError, match="log axis"):
        Point(0, 0.5, 0.4, 0.6)
    with pytest.raises(ValueError, match="log axis"):
        vote_at(0, [SOLO])
    with pytest.raises(ValueError, match="interval"):
        Point(1, 0.7, 0.4, 0.6)
    with pytest.raises(ValueError, match="range of costs"):
        area([SOLO], 10, 10)


def points(*pairs: tuple[float, float]) -> list[Point]:
    return [Point(cost, accuracy, 0, 1) for cost, accuracy in pairs]


@given(st.lists(st.tuples(st.sampled_from([1, 2, 4, 8, 16]), st.floats(0, 1)), min_size=1, max_size=6), st.data())
def test_a_mean_area_is_that_over_all_choices(pairs: list[tuple[int, float]], data: st.DataObject) -> None:
    every = points(*pairs)
    rows = data.draw(st.integers(1, len(every)))
    areas = [area(list(some), 1, 20) for some in combinations(every, rows)]
    assert mean_area(every, rows, 1, 20) == pytest.approx(np.mean(areas))


def test_areas_of_as_many_rows_do_not_favour_the_larger_group() -> None:
    rng = np.random.default_rng(0)
    few, many, all_of_many = [], [], []
    for _ in range(300):
        drawn = points(*((float(c), float(a)) for c, a in zip(rng.uniform(1, 9, 12), rng.random(12), strict=True)))
        few.append(area(drawn[:3], 1, 10))
        many.append(mean_area(drawn, 3, 1, 10))
        all_of_many.append(area(drawn, 1, 10))
    assert np.mean(many) == pytest.approx(np.mean(few), abs=0.02)
    assert np.mean(all_of_many) > np.mean(few) + 0.2


def test_a_row_that_is_on_the_frontier_by_a_question_seldom_stays() -> None:
    n = 200
    scores = np.zeros((4, n))
    scores[0, :100] = 1
    scores[1, 99:200] = 1  # one question more, on other questions, for more
    scores[2, :180] = 1  # far more for the most
    scores[3, :40] = 1  # far less for more
    chances = chance_on_frontier(scores, [1, 2, 9, 5], [n % 4 for n in range(n)])
    assert chances[0] == 1
    assert 0.4 < chances[1] < 0.65
    assert chances[2] > 0.999
    assert chances[3] == 0
    assert chances == chance_on_frontier(scores, [1, 2, 9, 5], [n % 4 for n in range(n)])


@pytest.mark.parametrize("each", [1, 2, 3, 60])
def test_small_subjects_leave_as_much_doubt_as_fresh_questions_do(each: int) -> None:
    # A row that costs more wins 16 of 60 questions and loses 10.
    apart = np.random.default_rng(0).permutation([1] * 16 + [-1] * 10 + [0] * 34)
    (chance,) = chance_on_frontier(
        np.array([apart < 0, apart > 0], dtype=np.float64), [1, 2], [n // each for n in range(60)], draws=20_000
    )[1:]
    strata = apart.reshape(-1, each) if each > 1 else apart.reshape(1, -1)  # single questions are taken together
    variance = len(strata[0]) * strata.var(axis=1, ddof=1).sum()
    assert chance == pytest.approx(ndtr(5.5 / variance**0.5), abs=0.03)


def test_equal_rows_of_one_cost_share_the_frontier() -> None:
    assert chance_on_frontier(np.ones((2, 5)), [1, 1]) == [1, 1]
    assert chance_on_frontier(np.ones((2, 5)), [1, 2]) == [1, 0]
