"""The score of a vote over all subsets of its ballots is what enumeration comes to."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, permutations
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_bench.stats import vote_score


def enumerated(right: list[int], wrong: list[int], unread: int, n: int) -> float:
    """The mean over all subsets, one by one."""
    answers = [f"right {place}" for place, count in enumerate(right) for _ in range(count)]
    answers += [f"wrong {place}" for place, count in enumerate(wrong) for _ in range(count)]
    ballots = [*answers, *[None] * unread]
    scores = []
    for subset in combinations(range(len(ballots)), n):
        votes = Counter(ballots[place] for place in subset if ballots[place] is not None)
        leaders = [answer for answer, count in votes.items() if count == max(votes.values())]
        scores.append(sum(str(answer).startswith("right") for answer in leaders) / len(leaders) if leaders else 0.0)
    return sum(scores) / len(scores)


counts = st.lists(st.integers(0, 4), max_size=4)


@given(st.lists(st.integers(0, 4), max_size=2), counts, st.integers(0, 3), st.data())
def test_it_is_the_mean_over_all_subsets(right: list[int], wrong: list[int], unread: int, data: st.DataObject) -> None:
    at_hand = sum(right) + sum(wrong) + unread
    if not 1 <= at_hand <= 12:
        return
    n = data.draw(st.integers(1, at_hand))
    assert vote_score(right, wrong, unread, n) == pytest.approx(enumerated(right, wrong, unread, n), abs=1e-12)


@given(st.integers(1, 4), counts, st.integers(0, 2), st.floats(0, 1))
def test_a_fraction_is_a_lot_between_whole_numbers(right: int, wrong: list[int], unread: int, part: float) -> None:
    at_hand = right + sum(wrong) + unread
    ballots = 1 + part * (at_hand - 1)
    low, high = (vote_score([right], wrong, unread, n) for n in (floor(ballots), ceil(ballots)))
    rest = ballots - floor(ballots)
    assert vote_score([right], wrong, unread, ballots) == pytest.approx((1 - rest) * low + rest * high)


def test_a_tie_is_what_the_first_of_equals_scores_over_all_orders() -> None:
    ballots = ["right", "right", "a", "a", "b"]
    first = [max(Counter(order), key=lambda answer: Counter(order)[answer]) for order in permutations(ballots)]
    assert vote_score([2], [2, 1], 0, 5) == pytest.approx(np.mean([winner == "right" for winner in first]))


def test_small_cases_by_hand() -> None:
    assert vote_score([1], [], 0, 1) == 1
    assert vote_score([], [3], 2, 4) == 0
    assert vote_score([1], [1], 0, 2) == pytest.approx(0.5)
    assert vote_score([2], [0], 1, 1) == pytest.approx(2 / 3)
    assert vote_score([], [], 3, 2) == 0


def test_it_has_no_bias_and_varies_less_than_one_draw() -> None:
    rng = np.random.default_rng(0)
    chances, n, at_hand = [0.4, 0.35, 0.15, 0.1], 5, 12
    drawn = rng.multinomial(at_hand, chances, 4_000)
    estimates = [vote_score([one[0]], list(one[1:3]), int(one[3]), n) for one in drawn.tolist()]
    once = rng.multinomial(n, chances, 200_000)
    readable = once[:, :3]
    leads = readable == readable.max(axis=1, keepdims=True)
    truth = np.where(readable.max(axis=1) > 0, leads[:, 0] / leads.sum(axis=1), 0)
    assert np.mean(estimates) == pytest.approx(truth.mean(), abs=0.008)
    assert np.var(estimates) < 0.7 * np.var(truth)


@pytest.mark.timeout(60)  # counting every draw would take for ever
@pytest.mark.parametrize(("right", "wrong", "unread"), [(500, [300, 150], 50), (40, [1] * 200, 10)])
def test_many_ballots_stay_exact(right: int, wrong: list[int], unread: int) -> None:
    score = vote_score([right], wrong, unread, 40)
    rng = np.random.default_rng(0)
    drawn = rng.multivariate_hypergeometric([right, *wrong, unread], 40, size=40_000, method="marginals")[:, :-1]
    most = drawn.max(axis=1)
    simulated = np.where((drawn[:, 0] == most) & (most > 0), 1 / (drawn == most[:, None]).sum(axis=1), 0)
    assert score == pytest.approx(simulated.mean(), abs=0.01)


def test_more_ballots_than_there_are_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="7 ballots cannot be drawn of 6"):
        vote_score([3], [2], 1, 7)
    with pytest.raises(ValueError, match=r"0\.5 ballots"):
        vote_score([3], [2], 1, 0.5)
    with pytest.raises(ValueError, match="cannot"):
        vote_score([3], [-1], 1, 1)
