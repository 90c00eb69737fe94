"""Could a difference be luck? Exact p values for two cells on the same questions, and Holm's over a table of them."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from mlpo_bench.stats.units import Units, checked, portions, right_or_wrong


if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from numpy.typing import NDArray

ALPHA = 0.05
"""Below this, a p value counts as a find, wherever the project says that something was found."""

# A table of so many outcomes is gone through whole; beyond, outcomes are drawn.
_MOST_OUTCOMES = 1_000_000
_ROUNDING = 1e-7


def mcnemar(a: Sequence[float] | NDArray[np.float64], b: Sequence[float] | NDArray[np.float64]) -> float:
    """Return the exact two-sided p of McNemar's test (1947): are questions that only one gets right shared evenly?

    Args:
        a: 0 or 1 for each question, of shape (questions,).
        b: The same questions in the same order.

    Raises:
        ValueError: They differ in length, or hold anything but 0 and 1.
    """
    from statsmodels.stats.contingency_tables import mcnemar as of_table

    first, second = checked(a), checked(b)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} questions are compared with {len(second)}.")
    if not (right_or_wrong(first) and right_or_wrong(second)):
        raise ValueError("McNemar's test is of answers that are right or wrong; for means over seeds, flip signs.")
    only_first, only_second = int((first > second).sum()), int((first < second).sum())
    return float(of_table([[0, only_first], [only_second, 0]], exact=True).pvalue)


def sign_flip(
    differences: Sequence[float] | NDArray[np.float64],
    subjects: Sequence[Hashable] | None = None,
    *,
    seed: int = 0,
    draws: int = 99_999,
) -> float:
    """Return the two-sided p of a mean difference when each unit's sign is as likely to be the other (Fisher 1935).

    Were the two cells the same, swapping them on any question would change nothing; p is the share of all ways to
    swap that lead at least as far from zero. It depends only on how often each size of difference occurs, so it is
    computed whole from binomial distributions where these have at most a million outcomes between them, as means over
    a few seeds have. Otherwise ways to swap are drawn, and p is never below 1 / (draws + 1). For 0 and 1 it is
    McNemar's exact p.

    Args:
        differences: One for each question, of shape (questions,).
        subjects: One for each question; whole subjects are swapped, which also allows for subjects that favour one
            cell. With G subjects, p cannot be below 2 / 2**G.
        seed: Of the draws, where any are made.
        draws: How many.

    Raises:
        ValueError: There are not as many subjects as differences.
    """
    sums = Units.of(np.asarray(differences, dtype=np.float64), subjects).rounded
    levels, counts = np.unique(np.abs(sums[sums != 0]), return_counts=True)
    if not len(levels):
        return 1.0
    reached = abs(float(sums.sum())) - _ROUNDING
    if prod(int(count) + 1 for count in counts) <= _MOST_OUTCOMES:
        totals, chances = _all_flips(levels, counts)
        return min(float(chances[np.abs(totals) >= reached].sum()), 1.0)
    rng, as_far = np.random.default_rng(seed), 0
    for portion in portions(draws, len(levels)):
        totals = (2 * rng.binomial(counts, 0.5, size=(portion, len(levels))) - counts) @ levels
        as_far += int((np.abs(totals) >= reached).sum())
    return (1 + as_far) / (draws + 1)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return p values adjusted for being many (Holm 1979): below `ALPHA`, a name is surely found, all names considered.

    Raises:
        ValueError: A p value lies outside [0, 1].
    """
    from statsmodels.stats.multitest import multipletests

    if not all(0 <= p <= 1 for p in p_values.values()):
        raise ValueError("A p value lies between 0 and 1.")
    if not p_values:
        return {}
    _, adjusted, _, _ = multipletests(list(p_values.values()), method="holm")
    return {name: float(p) for name, p in zip(p_values, adjusted, strict=True)}


def _all_flips(
    levels: NDArray[np.float64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return every total that flipped signs can come to, and its chance, both of shape (outcomes,)."""
    from scipy.stats import binom

    totals, chances = np.zeros(1), np.ones(1)
    for level, count in zip(levels, counts, strict=True):
        positive = np.arange(count + 1)
        totals = np.add.outer(totals, (2 * positive - count) * level).ravel()
        chances = np.multiply.outer(chances, binom.pmf(positive, count, 0.5)).ravel()
    return totals, chances
