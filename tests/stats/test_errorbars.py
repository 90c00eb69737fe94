"""Our intervals, tests and numbers of questions beside errorbars', and frontiers beside claimeval's."""

from __future__ import annotations

from statistics import mean

import numpy as np
import pytest
from claimeval.core.schema import Rollout, RolloutSet
from claimeval.stats.bootstrap import hierarchical_bootstrap
from errorbars.compare import mcnemar_exact, paired_compare
from errorbars.leaderboard import holm_correction
from errorbars.power import minimum_detectable_effect
from errorbars.power import questions_needed as questions_in_theirs
from errorbars.stats import within_between_variance

from mlpo_bench.analysis.judging import judged
from mlpo_bench.analysis.sides import Match, Side
from mlpo_bench.stats import (
    Sampled,
    chance_on_frontier,
    compare,
    holm,
    mcnemar,
    questions_needed,
    stratified,
)


Rows = tuple[np.ndarray, np.ndarray, list[int]]


def rows(seed: int, subjects: int, each: int, *, apart: float = 0.1, seeds: int = 1) -> Rows:
    """Two rows on the same questions, which half hang on the same luck; means over seeds."""
    rng, n = np.random.default_rng(seed), subjects * each
    hard, luck = rng.beta(1.5, 1.5, n), rng.random((seeds, n))
    other = np.where(rng.random(luck.shape) < 0.5, luck, rng.random(luck.shape))
    effect = np.repeat(rng.normal(apart, 0.1, subjects), each)
    return (luck < hard + effect).mean(axis=0), (other < hard).mean(axis=0), np.repeat(range(subjects), each).tolist()


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("n", [50, 200, 2_000])
def test_an_interval_of_questions_without_subjects_is_theirs(n: int, seeds: int) -> None:
    a, b, _ = rows(n, n, 1, seeds=seeds)
    ours, theirs = stratified(a, b), paired_compare(a, b)
    assert (ours.value, ours.low, ours.high) == pytest.approx((theirs.mean_diff, theirs.ci_low, theirs.ci_high))


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("subjects", [5, 7])
def test_an_interval_of_few_subjects_of_one_size_is_theirs(subjects: int, seeds: int) -> None:
    a, b, of = rows(subjects, subjects, 40, seeds=seeds)
    ours, theirs = compare(a, b, of), paired_compare(a, b, clusters=of)
    assert ours.elsewhere is not None
    assert (ours.elsewhere.low, ours.elsewhere.high) == pytest.approx(
        (theirs.ci_low_clustered, theirs.ci_high_clustered)
    )
    assert theirs.se_clustered is not None
    assert ours.design == pytest.approx(theirs.se_clustered**2 / theirs.se_paired**2)


@pytest.mark.parametrize("subjects", [27, 57])
def test_an_interval_and_p_of_many_subjects_are_near_theirs(subjects: int) -> None:
    a, b, of = rows(subjects, subjects, 10, apart=0.04)
    ours, theirs = compare(a, b, of), paired_compare(a, b, clusters=of)
    assert ours.elsewhere is not None
    assert theirs.se_clustered is not None
    assert ours.elsewhere.low == pytest.approx(theirs.ci_low_clustered, abs=0.2 * theirs.se_clustered)
    assert ours.elsewhere.high == pytest.approx(theirs.ci_high_clustered, abs=0.2 * theirs.se_clustered)
    assert theirs.p_value_clustered is not None
    assert ours.p_subjects == pytest.approx(theirs.p_value_clustered, abs=0.03)


def test_mcnemar_and_holm_are_theirs() -> None:
    tests = [rows(seed, 60, 1, apart=seed / 50)[:2] for seed in range(12)]
    ours = [mcnemar(a, b) for a, b in tests]
    assert ours == pytest.approx([mcnemar_exact(a, b).p_value for a, b in tests])
    adjusted = holm({str(place): p for place, p in enumerate(ours)})
    assert list(adjusted.values()) == pytest.approx(holm_correction(ours))


@pytest.mark.parametrize("tests", [1, 9])
def test_how_many_questions_would_tell_is_theirs(tests: int) -> None:
    theirs = questions_in_theirs(0.04, variance=0.3**2 / 2, alpha=0.05 / tests)  # of a row; a difference has twice that
    assert questions_needed(0.04, 0.3, tests) == theirs.n_questions


@pytest.mark.parametrize("tests", [1, 9])
def test_what_could_be_shown_of_other_subjects_is_near_theirs(tests: int) -> None:
    a, b, of = rows(3, 27, 40, seeds=3)
    ours = compare(a, b, of, resamples=50)
    assert ours.design is not None
    assert ours.design > 1.2
    theirs = minimum_detectable_effect(
        len(of), variance=ours.deviation**2 / 2, alpha=0.05 / tests, cluster_design_effect=ours.design
    )
    shown = ours.could_show(tests, elsewhere=True)
    assert shown is not None
    assert 1 < shown / theirs < 1.12  # theirs takes the normal curve for Student's t of 26 degrees of freedom
    assert ours.could_show(tests) == pytest.approx(theirs / ours.design**0.5, rel=0.02)


def test_what_a_row_s_own_draw_adds_is_their_variance_within_questions() -> None:
    rng, seeds, n = np.random.default_rng(0), 4, 80
    answers = (rng.random((seeds, n)) < rng.beta(1, 1, n)).astype(float)
    row, vote = answers.mean(axis=0), rng.random(n)

    def side(name: str, scores: np.ndarray) -> Side:
        ids = [str(place) for place in range(n)]
        return Side(name, dict(zip(ids, scores.tolist(), strict=True)), dict.fromkeys(ids, "s"), 1.0)

    match = Match("bbh", side("row", row), side("vote", vote), "tokens", 3.0, 3.0, Sampled(seeds, 5.0), led=True)
    (verdict,) = judged([match]).verdicts
    within, _ = within_between_variance(answers.T.ravel(), np.repeat(range(n), seeds))
    assert verdict.own_draw == pytest.approx(within / seeds / float(np.var(row - vote, ddof=1)))


def test_how_often_a_row_lies_on_the_frontier_is_theirs() -> None:
    rng, costs = np.random.default_rng(0), [1.0, 2.0, 2.0, 4.0, 5.0, 6.0]
    chances = np.array([0.3, 0.35, 0.36, 0.5, 0.48, 0.52])
    scores = (rng.random((len(costs), 120)) < chances[:, None]).astype(float)
    rollouts = RolloutSet(
        Rollout(config=str(row), task=f"{place:03}", seed="0", success=score, cost=costs[row])
        for row, of_row in enumerate(scores.tolist())
        for place, score in enumerate(of_row)
    )
    theirs = hierarchical_bootstrap(rollouts, 2_000, "task", cost_stat="mean").frontier_prob()
    assert chance_on_frontier(scores, costs) == pytest.approx(theirs.tolist(), abs=0.04)
    assert 0.2 < mean(theirs) < 0.8
