"""Intervals of ranks beside the published algorithm written out step by step, and how often they fail."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from mlpo_bench.stats import rank_intervals


def step_by_step(scores: np.ndarray, draws: int, alpha: float = 0.05) -> list[tuple[int, int]]:
    """The intervals as the papers tell them: pair by pair, draw by draw, before they are widened.

    Mogstad, Romano, Shaikh and Wilhelm 2024, section 3: simultaneous intervals of ranks from which differences are
    surely above or below 0; Romano and Wolf 2005, algorithm 3.1: those, by the greatest statistic of what is left.
    """
    rows, questions = scores.shape
    signs = 2 * np.random.default_rng(0).integers(0, 2, (draws, questions), dtype=np.int8).astype(float) - 1
    apart = {pair: scores[pair[0]] - scores[pair[1]] for pair in combinations(range(rows), 2)}
    size = {pair: float(np.sqrt((d**2).sum())) for pair, d in apart.items()}
    left = {pair for pair in apart if size[pair] > 0}
    drawn = {pair: np.abs(signs @ apart[pair]) / size[pair] for pair in left}
    found: set[tuple[int, int]] = set()
    while left:
        greatest = sorted(np.max([drawn[pair] for pair in left], axis=0))
        critical = greatest[int(np.ceil((1 - alpha) * (draws + 1))) - 1]
        more = {pair for pair in left if abs(apart[pair].sum()) / size[pair] > critical * (1 + 1e-4)}
        if not more:
            break
        found |= more
        left -= more
    intervals = []
    for row in range(rows):
        mine = [(pair, apart[pair].sum() * (1 if pair[0] == row else -1)) for pair in found if row in pair]
        intervals.append((1 + sum(d < 0 for _, d in mine), rows - sum(d > 0 for _, d in mine)))
    return intervals


@pytest.mark.parametrize("seed", range(8))
def test_it_is_the_published_algorithm_and_then_widened(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = (rng.random((9, 60)) < rng.choice([0.2, 0.5, 0.8], 9)[:, None]).astype(float)
    scores = np.unique(scores, axis=0)  # rows that answered alike count as one
    found = rank_intervals(scores, draws=999)
    published = step_by_step(scores[np.argsort(-scores.mean(axis=1), kind="stable")], 999)
    order = np.argsort(-scores.mean(axis=1), kind="stable")
    means = scores.mean(axis=1)
    for place, row in enumerate(order):
        below = [published[other] for other in range(len(order)) if means[order[other]] <= means[row] + 1e-9]
        above = [published[other] for other in range(len(order)) if means[order[other]] >= means[row] - 1e-9]
        assert (found.low[row], found.high[row]) == (min(low for low, _ in below), max(high for _, high in above))
        assert found.low[row] <= published[place][0] <= published[place][1] <= found.high[row]


@settings(max_examples=40)
@given(st.lists(st.lists(st.sampled_from([0, 1 / 3, 1]), min_size=15, max_size=15), min_size=2, max_size=8))
def test_no_row_with_less_accuracy_stands_above_one_with_more(rows: list[list[float]]) -> None:
    scores = np.array(rows)
    found, means = rank_intervals(scores, draws=499), scores.mean(axis=1)
    for a, b in combinations(range(len(rows)), 2):
        if means[a] > means[b] + 1e-9:
            assert found.low[a] <= found.low[b]
            assert found.high[a] <= found.high[b]
        elif abs(means[a] - means[b]) < 1e-9:
            assert (found.low[a], found.high[a]) == (found.low[b], found.high[b])
        assert 1 <= found.low[a] <= found.high[a] <= len(rows)


@pytest.mark.parametrize(
    ("rows", "questions", "right", "seeds"),
    [(46, 100, 0.3, 1), (8, 200, 0.5, 3), (2, 500, 0.9, 1)],
)
def test_equal_rows_are_seldom_told_apart(rows: int, questions: int, right: float, seeds: int) -> None:
    """Nominal: 5 %. Rows share what makes a question hard, as rows of one model do."""
    rng, tables = np.random.default_rng(questions), 600
    wrong = 0
    for _ in range(tables):
        hard = rng.beta(4 * right, 4 * (1 - right), questions)
        scores = rng.binomial(seeds, np.broadcast_to(hard, (rows, questions))) / seeds
        wrong += rank_intervals(scores, draws=199).found > 0
    assert 0.025 <= wrong / tables <= 0.07  # 5 %, give or take two standard errors of 600 tables, and discrete scores


def test_true_ranks_lie_in_all_intervals_at_once() -> None:
    rng, tables, missed = np.random.default_rng(1), 200, 0
    truth = np.repeat([0.7, 0.5, 0.45, 0.2], [2, 3, 3, 2])
    best = 1 + (truth[:, None] < truth).sum(axis=1)
    worst = len(truth) - (truth[:, None] > truth).sum(axis=1)
    for _ in range(tables):
        scores = (rng.random((len(truth), 200)) < truth[:, None]).astype(float)
        found = rank_intervals(scores, draws=199)
        missed += bool((np.array(found.low) > worst).any() or (np.array(found.high) < best).any())
    assert missed / tables <= 0.07


def test_it_finds_more_than_holm_does() -> None:
    from mlpo_bench.stats import holm, sign_flip

    rng = np.random.default_rng(0)
    hard = rng.beta(1, 1, 100)
    scores = (rng.random((24, 100)) < hard ** np.linspace(0.5, 2, 24)[:, None]).astype(float)
    pairs = {f"{a} {b}": sign_flip(scores[a] - scores[b]) for a, b in combinations(range(24), 2)}
    assert rank_intervals(scores).found > 1.1 * sum(p < 0.05 for p in holm(pairs).values())


def test_rows_that_need_no_draws_are_held_to_hoeffding_s_bound_over_all_pairs() -> None:
    scores = np.array([[0.0] * 900, [1.0] * 300 + [0.0] * 600, [1.0] * 700 + [0.0] * 200])
    found = rank_intervals(scores)
    assert (found.low, found.high, found.found) == ((3, 2, 1), (3, 2, 1), 3)
    assert found.level == pytest.approx(2 * norm.sf(np.sqrt(2 * np.log(2 * 3 / 0.05))))


def test_what_has_no_ranks_is_refused() -> None:
    with pytest.raises(ValueError, match="rows and questions"):
        rank_intervals(np.zeros((0, 3)))
    assert rank_intervals(np.ones((1, 3))).high == (1,)
