from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import stdtrit

from mlpo_bench.stats import compare, detectable, detectable_mean, difference, mcnemar, sign_flip, stratified


SCORES = st.sampled_from([0.0, 1.0])
PAIRS = st.lists(st.tuples(SCORES, SCORES), min_size=1, max_size=80)
RNG = np.random.default_rng(0)
BETTER, WORSE = RNG.binomial(1, 0.7, 300).astype(float), RNG.binomial(1, 0.55, 300).astype(float)
SUBJECTS = [f"s{i % 25}" for i in range(300)]


def test_of_questions_agrees_with_scipys_percentile_bootstrap() -> None:
    from scipy.stats import bootstrap

    theirs = bootstrap(
        (BETTER, WORSE),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        paired=True,
        method="percentile",
        random_state=np.random.default_rng(1),
    ).confidence_interval
    found = difference(BETTER, WORSE)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.007)
    assert found.method == "bootstrap of questions"


def test_of_subjects_agrees_with_scipys_bootstrap_at_the_widened_level() -> None:
    from scipy.stats import bootstrap, norm, t

    sizes = np.array([3, 8, 5, 12] * 8)
    subjects = np.repeat(np.arange(32), sizes)
    a, b = (np.random.default_rng(s).binomial(1, 0.6, sizes.sum()).astype(float) for s in (2, 3))
    effective = sizes.sum() ** 2 / (sizes**2).sum()
    outer = norm.cdf(-t.ppf(0.975, effective - 1) * (effective / (effective - 1)) ** 0.5)
    theirs = bootstrap(
        (np.bincount(subjects, a - b), sizes),
        lambda total, size, axis: total.sum(axis) / size.sum(axis),
        paired=True,
        method="percentile",
        confidence_level=1 - 2 * outer,
        random_state=np.random.default_rng(1),
    ).confidence_interval
    found = difference(a, b, subjects.tolist())
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.006)
    assert (found.questions, found.subjects, found.method) == (sizes.sum(), 32, "bootstrap of subjects")


def test_of_many_subjects_agrees_with_a_regression_of_statsmodels() -> None:
    import statsmodels.api as sm

    fit = sm.OLS(BETTER - WORSE, np.ones(300)).fit(
        cov_type="cluster", cov_kwds={"groups": np.array([int(s[1:]) for s in SUBJECTS])}, use_t=True
    )
    found = difference(BETTER, WORSE, SUBJECTS)
    assert found.value == pytest.approx(fit.params[0])
    assert (found.low, found.high) == pytest.approx(tuple(fit.conf_int()[0]), abs=0.012)


def test_of_few_subjects_is_the_regression_of_statsmodels() -> None:
    import statsmodels.api as sm

    groups = np.arange(300) % 6
    fit = sm.OLS(BETTER - WORSE, np.ones(300)).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    found = difference(BETTER, WORSE, groups.tolist())
    assert found.method == "cluster-robust t"
    assert (found.low, found.high) == pytest.approx(tuple(fit.conf_int()[0]))


@given(PAIRS, st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_other_way_round_only_signs_change(pairs: list[tuple[float, float]], grouped: bool) -> None:
    a, b = [p[0] for p in pairs], [p[1] for p in pairs]
    subjects = [i // 3 for i in range(len(pairs))] if grouped else None
    one, other = difference(a, b, subjects, resamples=300), difference(b, a, subjects, resamples=300)
    assert (other.value, other.low, other.high) == pytest.approx((-one.value, -one.high, -one.low))
    assert -1 <= one.low <= one.value <= one.high <= 1
    assert one.low < one.high


@given(PAIRS, st.randoms(use_true_random=False), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_comparison_knows_no_order(pairs: list[tuple[float, float]], random: object, grouped: bool) -> None:
    def figures(rows: list[int]) -> list[float | None]:
        subjects = [i // 3 for i in rows] if grouped else None
        found = compare([pairs[i][0] for i in rows], [pairs[i][1] for i in rows], subjects, resamples=200)
        return [found.difference.low, found.difference.high, found.p, found.p_subjects, found.discordant]

    order = list(range(len(pairs)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert figures(order) == pytest.approx(figures(list(range(len(pairs)))))


def test_a_seed_repeats_the_interval() -> None:
    assert difference(BETTER, WORSE, SUBJECTS, seed=3) == difference(BETTER, WORSE, SUBJECTS, seed=3)
    assert difference(BETTER, WORSE, SUBJECTS, seed=3) != difference(BETTER, WORSE, SUBJECTS, seed=4)


def test_many_kinds_of_questions_are_drawn_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = RNG.random(90), RNG.random(90)
    whole = difference(a, b)
    monkeypatch.setattr("mlpo_bench.stats.units._AT_ONCE", 10_000)
    again = difference(a, b)
    assert (again.low, again.high) == pytest.approx((whole.low, whole.high))


def test_answers_that_go_together_narrow_the_interval() -> None:
    from mlpo_bench.stats import accuracy

    mostly = BETTER.copy()
    mostly[:15] = 1 - mostly[:15]
    found, alone = difference(BETTER, mostly), accuracy(BETTER)
    assert found.high - found.low < (alone.high - alone.low) / 2


def test_a_comparison_of_right_and_wrong() -> None:
    found = compare(BETTER, WORSE, SUBJECTS)
    assert found.difference == stratified(BETTER, WORSE, SUBJECTS)
    assert found.elsewhere == difference(BETTER, WORSE, SUBJECTS)
    assert (found.p, found.test) == (mcnemar(BETTER, WORSE), "McNemar, exact")
    assert found.p_subjects == max(found.p, sign_flip(BETTER - WORSE, SUBJECTS))
    assert found.discordant == (BETTER != WORSE).mean()
    assert found.detectable == detectable(300, found.discordant)


def test_a_comparison_of_means_over_seeds() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.binomial(3, 0.6, 100) / 3, rng.binomial(3, 0.5, 100) / 3
    found = compare(a, b)
    assert (found.p, found.test, found.p_subjects) == (sign_flip(a - b), "sign flips", None)
    assert found.detectable == pytest.approx(detectable_mean(100, float((a - b).std(ddof=1))))


def test_cells_that_never_differ_may_still_differ() -> None:
    found = compare([1, 0] * 25, [1, 0] * 25)
    assert found.difference.value == 0
    assert -0.08 < found.difference.low < 0 < found.difference.high < 0.08
    assert (found.p, found.discordant, found.detectable) == (1, 0, None)
    assert found.difference.caution is not None
    assert "0 questions only" in found.difference.caution


def test_subjects_that_are_all_alike_still_leave_doubt() -> None:
    # Four questions in each of ten subjects; everywhere the first cell wins one.
    a, b, subjects = [1, 0, 1, 0] * 10, [0, 0, 1, 0] * 10, [i // 4 for i in range(40)]
    found = difference(a, b, subjects)
    assert (found.low, found.high) == (difference(a, b).low, difference(a, b).high)
    assert found.caution == "all subjects alike: taken as independent questions"


def test_a_cell_that_always_wins_is_not_wholly_sure() -> None:
    found = difference([1] * 40, [0] * 40)
    assert found.value == found.high == 1
    assert 0.8 < found.low < 1
    assert found.caution is not None
    assert "every question alike" in found.caution


def test_one_subject_is_told_of() -> None:
    found = compare(BETTER, WORSE, ["only"] * 300)
    assert found.elsewhere is not None
    assert found.elsewhere.caution is not None
    assert "one subject" in found.elsewhere.caution
    assert found.elsewhere.low == difference(BETTER, WORSE).low
    assert found.p_subjects == 1


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ValueError, match="2 questions are compared with 1"):
        compare([1, 0], [1])
    with pytest.raises(ValueError, match="2 questions, but 1 subjects"):
        compare([1, 0], [1, 1], ["a"])
    with pytest.raises(ValueError, match="between 0 and 1"):
        compare([1, 2], [1, 1])


def test_an_interval_within_subjects_is_that_of_a_stratified_sample() -> None:
    sizes = np.array([4, 7, 9])
    apart = np.concatenate([np.tile([1.0, 0, 0], 2)[:4], np.tile([-1.0, 1, 0, 0], 2)[:7], np.tile([1.0, 1, 0], 3)])
    subjects = np.repeat(["a", "b", "c"], sizes).tolist()
    found = stratified(np.maximum(apart, 0), np.maximum(-apart, 0), subjects)
    parts = np.split(apart, np.cumsum(sizes)[:-1])
    variances = [len(part) * part.var(ddof=1) / 20**2 for part in parts]
    freedom = sum(variances) ** 2 / sum(v**2 / (len(part) - 1) for v, part in zip(variances, parts, strict=True))
    reach = stdtrit(freedom, 0.975) * sum(variances) ** 0.5
    assert (found.value, found.low, found.high) == pytest.approx(
        (apart.mean(), apart.mean() - reach, apart.mean() + reach)
    )


def test_subjects_of_one_question_are_taken_together() -> None:
    scores = RNG.integers(0, 2, 40).astype(float)
    alone = stratified(scores, 1 - scores, [*range(20), *["many"] * 20])
    together = stratified(scores, 1 - scores, [*["few"] * 20, *["many"] * 20])
    assert (alone.low, alone.high) == (together.low, together.high)


@pytest.mark.parametrize(
    ("apart", "told"),
    [
        ([1.0] * 3 + [0.0] * 37, "3 questions only"),
        ([1.0] + [0.0] * 39, "1 question only"),
        ([0.0] * 40, "0 questions only"),
        ([0.5] * 9 + [0.0] * 31, "9 questions only, by 4.5 in all"),
        ([0.5] * 40, "every question alike"),
        ([1.0] * 20 + [0.0] * 20, "every question of a subject alike"),
        ([0.5] * 12 + [0.0] * 28, None),
    ],
)
def test_an_interval_within_subjects_says_why_it_is_wide(apart: list[float], told: str | None) -> None:
    caution = stratified(apart, [0.0] * 40, [n // 20 for n in range(40)]).caution
    assert caution == (told and f"the cells differ on {told}: the interval is wider than it need be")


def test_within_subjects_the_other_way_round_only_signs_change() -> None:
    a, b = [1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1], [0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1]
    subjects = ["s", "x0", "x0", "x1", "x1", "x2", "x2", "x3", "x3", "x4", "x4"]
    one, other = stratified(a, b, subjects), stratified(b, a, subjects)
    assert (other.value, other.low, other.high) == pytest.approx((-one.value, -one.high, -one.low))
    shuffled = stratified(a[::-1], b[::-1], subjects[::-1])
    assert (shuffled.low, shuffled.high) == pytest.approx((one.low, one.high))


@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1 / 3, 1]), st.sampled_from([0, 0.5, 1]), st.integers(0, 5)),
        min_size=1,
        max_size=25,
    )
)
def test_an_interval_within_subjects_has_a_mirror(rows: list[tuple[float, float, int]]) -> None:
    a, b, subjects = zip(*rows, strict=True)
    one, other = stratified(a, b, subjects), stratified(b, a, subjects)
    assert (other.value, other.low, other.high) == pytest.approx((-one.value, -one.high, -one.low))


def test_a_p_of_other_subjects_is_never_below_that_of_these() -> None:
    found = compare([1] * 6 + [0] * 4, [0] * 9 + [1], [0, 1] * 5)
    assert found.p_subjects is not None
    assert found.p_subjects >= found.p


def test_a_difference_in_few_subjects_is_told_of() -> None:
    subjects = [n // 10 for n in range(200)]
    found = difference([1.0] * 30 + [0.5] * 170, [0.0] * 30 + [0.5] * 170, subjects)
    assert found.caution == "the cells differ in 3 subjects only: whether others would, they cannot tell"
    assert difference([1.0] * 80 + [0.5] * 120, [0.0] * 80 + [0.5] * 120, subjects).caution is None


def test_wins_and_losses_over_three_seeds_that_make_up_for_each_other_come_to_nothing() -> None:
    row, other = np.array([0, 1, 1, 2, 2, 2, 3]) / 3, np.array([3, 0, 0, 0, 2, 3, 3]) / 3
    assert float((row - other).mean()) != 0
    found = compare(row, other, list("aabbccc"))
    assert found.elsewhere is not None
    assert (found.difference.value, found.elsewhere.value) == (0.0, 0.0)


def test_few_differing_questions_deviate_with_one_more_each_way() -> None:
    one, none = np.array([1.0, 0, 0, 0, 0]), np.zeros(5)
    assert compare(one, none).deviation == pytest.approx(float(np.std([1, 0, 0, 0, 0, 1, -1], ddof=1)))
    assert compare(none, none).deviation == 0
