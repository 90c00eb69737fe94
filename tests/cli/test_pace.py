"""How long the rest takes is told by what was done lately."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_bench.cli._pace import SEEN_S, WINDOW_S, Pace


def test_the_rest_takes_as_long_as_what_was_done() -> None:
    pace = Pace(100.0)
    assert pace.left(100.0, 0, 10) is None
    pace.see(110.0, 5)
    assert pace.left(110.0, 5, 10) == pytest.approx(20.0)
    assert pace.left(110.0, 5, 0) == 0.0


def test_what_came_at_once_long_ago_no_longer_counts() -> None:
    pace = Pace(0.0)
    pace.see(SEEN_S, 10_000)
    for second in range(2, 400):
        pace.see(float(second), 10_000 + second)
    assert pace.left(399.0, 10_399, 100) == pytest.approx(100.0)


def test_steps_longer_than_the_window_are_told_by_the_last_ones() -> None:
    pace = Pace(0.0)
    for step in range(1, 6):
        pace.see(step * 3 * WINDOW_S, step)
    assert pace.left(15 * WINDOW_S, 5, 2) == pytest.approx(6 * WINDOW_S)


@given(st.lists(st.tuples(st.floats(0, 500), st.integers(0, 50)), max_size=50), st.integers(0, 1_000))
def test_it_is_never_less_than_nothing(steps: list[tuple[float, int]], remaining: int) -> None:
    pace, now, done = Pace(0.0), 0.0, 0
    for seconds, more in steps:
        now, done = now + seconds, done + more
        pace.see(now, done)
        left = pace.left(now, done, remaining)
        assert left is None or left >= 0
