"""Our tests against those of deltagate, which another author wrote for the same purpose."""

from __future__ import annotations

import deltagate
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_bench.stats import holm, mcnemar
from mlpo_bench.stats.units import Units


marks = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60)


@given(marks)
def test_mcnemar_is_theirs(pairs: list[tuple[int, int]]) -> None:
    a, b = ([float(pair[side]) for pair in pairs] for side in (0, 1))
    assert mcnemar(a, b) == pytest.approx(deltagate.mcnemar_from_scores(a, b, exact=True).p_value)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_is_theirs(p_values: list[float]) -> None:
    ours = holm({str(n): p for n, p in enumerate(p_values)})
    theirs = deltagate.holm_bonferroni(p_values).adjusted
    assert [ours[str(n)] for n in range(len(p_values))] == pytest.approx(theirs)


@given(st.lists(st.lists(st.integers(-1, 1), min_size=4, max_size=4), min_size=2, max_size=12))
def test_the_standard_error_over_subjects_of_equal_size_is_theirs(subjects: list[list[int]]) -> None:
    apart = np.array(subjects, dtype=np.float64).ravel()
    names = np.repeat(np.arange(len(subjects)), 4)
    theirs = deltagate.paired_delta((apart > 0).astype(float), (apart < 0).astype(float), clusters=names.tolist())
    assert Units.of(apart, names.tolist()).standard_error == pytest.approx(theirs["stderr"], abs=1e-12)
