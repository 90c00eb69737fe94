from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpo_bench.training.filtering import Sieve, shares_of, verdict
from mlpo_bench.training.sections import Filter


shares = st.integers(0, 16).map(lambda n: n / 16)
pools = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=4), shares, min_size=1, max_size=40)
rules = st.one_of(
    st.builds(Filter, rule=st.sampled_from(["paper", "band"]), bound=shares.filter(bool), easy=shares),
    st.builds(Filter, rule=st.just("leader"), easy=shares),
    st.builds(Filter, rule=st.just("off")),
)


def sifted(rule: Filter, pool: dict[str, float], seed: int = 0) -> Sieve:
    sieve = Sieve({name: f"suite {len(name) % 2}" for name in pool}, seed)
    sieve.through(rule, pool)
    return sieve


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        ({"rule": "paper"}, [0, 0.25, 0.37, 0.375, 0.5, 0.74]),
        ({"rule": "paper", "bound": 0.5}, [0, 0.25, 0.37, 0.375]),
        ({"rule": "band"}, [0.25, 0.37]),
        ({"rule": "band", "bound": 1.0}, [0.25, 0.37, 0.375, 0.5, 0.74, 0.75]),
        ({"rule": "leader"}, [0.25, 0.37, 0.375, 0.5, 0.74, 0.75]),
        ({"rule": "off"}, [0, 0.25, 0.37, 0.375, 0.5, 0.74, 0.75, 1]),
        ({"rule": False}, [0, 0.25, 0.37, 0.375, 0.5, 0.74, 0.75, 1]),
    ],
)
def test_what_each_rule_keeps(rule: dict[str, object], kept: list[float]) -> None:
    every = [0, 0.25, 0.37, 0.375, 0.5, 0.74, 0.75, 1]
    assert [share for share in every if verdict(Filter.model_validate(rule), share) is None] == kept


@settings(deadline=None)
@given(pools, rules)
def test_every_question_is_kept_or_counted_as_lost(pool: dict[str, float], rule: Filter) -> None:
    sieve = sifted(rule, pool)
    lost = sum(sum(reasons.values()) for reasons in sieve.lost.values())
    assert len(sieve.suites) + lost == len(pool)
    assert sieve.easy <= sieve.suites.keys() <= pool.keys()
    assert list(sieve.suites) == [name for name in pool if name in sieve.suites]  # the order stays


@settings(deadline=None)
@given(pools, rules)
def test_what_is_kept_is_within_the_bounds_or_easy(pool: dict[str, float], rule: Filter) -> None:
    sieve = sifted(rule, pool)
    for name in sieve.suites:
        assert (verdict(rule, pool[name]) is None) != (name in sieve.easy)
    if not rule.easy:
        assert not sieve.easy


@settings(deadline=None)
@given(pools, st.sampled_from(["paper", "band", "leader"]), shares, shares, st.integers(0, 9))
def test_a_larger_share_of_easy_ones_holds_a_smaller_one(
    pool: dict[str, float], rule: str, one: float, other: float, seed: int
) -> None:
    few, many = (
        sifted(Filter.model_validate({"rule": rule, "easy": easy}), pool, seed) for easy in sorted((one, other))
    )
    assert few.easy <= many.easy
    assert few.suites.keys() <= many.suites.keys()
    all_easy = sum(verdict(Filter.model_validate({"rule": rule}), share) == "too easy" for share in pool.values())
    assert len(many.easy) == pytest.approx(max(one, other) * all_easy, abs=1)


@settings(deadline=None)
@given(pools, st.lists(rules, min_size=1, max_size=3))
def test_rules_in_turn_never_bring_a_question_back(pool: dict[str, float], several: list[Filter]) -> None:
    sieve = Sieve(dict.fromkeys(pool, "suite"), 0)
    before = set(pool)
    for rule in several:
        sieve.through(rule, pool)
        assert set(sieve.suites) <= before
        before = set(sieve.suites)


def test_shares_are_of_all_answers() -> None:
    assert shares_of([("a", True), ("b", False), ("a", False), ("a", True)]) == {"a": 2 / 3, "b": 0}
