"""Whether a gain differs between two groups of suites."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_ind

from mlpo_bench.stats import interaction, stratified


Paired = tuple[list[float], list[float], list[int] | None]


def scores(rng: np.random.Generator, rival: float, gain: float, subjects: int, each: int) -> Paired:
    """Return a row's scores, its rival's and the subjects, where questions that are hard for one are hard for both."""
    hard = rng.random(subjects * each)
    row, other = (
        (hard + rng.normal(0, 0.2, len(hard)) < share).astype(float).tolist() for share in (rival + gain, rival)
    )
    return row, other, [n // each for n in range(subjects * each)]


def test_one_suite_of_either_group_without_subjects_is_welch_s_test() -> None:
    rng = np.random.default_rng(1)
    a, b = scores(rng, 0.4, 0.2, 1, 80), scores(rng, 0.5, 0.0, 1, 50)
    found = interaction({"x": (a[0], a[1], None)}, {"y": (b[0], b[1], None)})
    gains = [np.subtract(one[0], one[1]) for one in (a, b)]
    published = ttest_ind(*gains, equal_var=False)
    assert found.p == pytest.approx(published.pvalue)
    assert found.difference.value == pytest.approx(gains[0].mean() - gains[1].mean())
    interval = published.confidence_interval(0.95)
    assert (found.difference.low, found.difference.high) == pytest.approx((interval.low, interval.high))
    assert (found.difference.questions, found.difference.subjects) == (130, None)


def test_a_group_s_gain_is_the_mean_over_its_suites_and_one_suite_s_is_the_stratified_difference() -> None:
    rng = np.random.default_rng(2)
    one, two, three = (scores(rng, 0.4, 0.1, 5, 30), scores(rng, 0.5, 0.3, 3, 40), scores(rng, 0.3, 0.0, 4, 20))
    found = interaction({"a": one, "b": two}, {"c": three})
    gains = [np.subtract(each[0], each[1]).mean() for each in (one, two)]
    assert found.first.value == pytest.approx(np.mean(gains))
    alone = stratified(*three)
    assert (found.second.low, found.second.high) == pytest.approx((alone.low, alone.high))
    assert found.second.value == alone.value
    assert (found.difference.questions, found.difference.subjects) == (5 * 30 + 3 * 40 + 4 * 20, 5 + 3 + 4)
    assert found.difference.method == "Welch's t, within subjects"


def test_questions_that_are_in_part_without_subjects_are_told_of_none() -> None:
    rng = np.random.default_rng(6)
    grouped, (row, other, _) = scores(rng, 0.4, 0.2, 4, 20), scores(rng, 0.4, 0.2, 1, 50)
    for suites in (({"a": grouped}, {"b": (row, other, None)}), ({"b": (row, other, None)}, {"a": grouped})):
        assert interaction(*suites).difference.subjects is None


def test_the_other_way_round_only_signs_change() -> None:
    rng = np.random.default_rng(3)
    a, b = {"a": scores(rng, 0.4, 0.2, 4, 25)}, {"b": scores(rng, 0.4, 0.0, 4, 25), "c": scores(rng, 0.6, 0.0, 2, 25)}
    there, back = interaction(a, b), interaction(b, a)
    assert back.p == pytest.approx(there.p)
    assert back.difference.value == pytest.approx(-there.difference.value)
    assert (back.difference.low, back.difference.high) == pytest.approx((-there.difference.high, -there.difference.low))
    assert (back.first, back.second) == (there.second, there.first)


@pytest.mark.parametrize("gain", [0.0, 0.15, -0.1])
def test_a_gain_that_is_the_same_everywhere_is_no_interaction(gain: float) -> None:
    """Suites of other sizes, with other accuracies; five of a hundred such runs may show one by luck."""
    rng = np.random.default_rng(4)
    shown = covered = 0
    for _ in range(600):
        inside = {"a": scores(rng, 0.4, gain, 6, 15), "b": scores(rng, 0.5, gain, 3, 30)}
        outside = {"c": scores(rng, 0.6, gain, 1, 60), "d": scores(rng, 0.45, gain, 5, 8)}
        outside["e"] = scores(rng, 0.5, gain, 2, 40)
        found = interaction(inside, outside)
        shown += found.p < 0.05
        covered += found.difference.low <= 0 <= found.difference.high
        assert (found.p < 0.05) == (not found.difference.low <= 0 <= found.difference.high)
    assert 15 <= shown <= 45
    assert covered == 600 - shown


def test_a_gain_that_is_there_on_one_side_only_is_found() -> None:
    rng = np.random.default_rng(5)
    found = [
        interaction({"a": scores(rng, 0.4, 0.25, 6, 30)}, {"b": scores(rng, 0.4, 0.0, 6, 30)}).p < 0.05
        for _ in range(100)
    ]
    assert sum(found) > 90


def test_rows_that_hardly_differ_are_told_and_show_nothing() -> None:
    same, better = [1.0, 0.0] * 20, [1.0, 0.0] * 19 + [1.0, 1.0]
    found = interaction({"a": (better, same, None)}, {"b": (same, same, None), "c": (same, same, None)})
    assert found.difference.value == pytest.approx(1 / 40)
    assert found.p > 0.3
    assert found.difference.caution == "the rows differ on few questions of a, b, c: the interval is wide"
    assert found.first.low < 0 < found.first.high


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="needs one"):
        interaction({}, {"a": ([1.0], [0.0], None)})
    with pytest.raises(ValueError, match="a: 2 questions are compared with 1"):
        interaction({"a": ([1.0, 0.0], [0.0], None)}, {"b": ([1.0], [0.0], None)})


def test_an_interval_goes_no_further_than_gains_can_lie_apart() -> None:
    found = interaction({"a": ([1.0], [1.0], None)}, {"b": ([0.0], [0.0], None)})
    assert (found.first.low, found.second.high) == (-1.0, 1.0)
    assert (found.difference.value, found.difference.low, found.difference.high) == (0.0, -2.0, 2.0)
