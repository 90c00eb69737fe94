"""Could a difference be luck? Exact p values for two cells on the same questions, and Holm's over a table of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlpo_bench.stats.units import Units, checked, right_or_wrong


if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ALPHA = 0.05
"""Below this, a p value counts as a find, wherever the project says that something was found."""

# Totals of so many steps are convolved; where differences have no step that is as coarse, all ways to flip few of them
# are gone through, and more of them are put on so many steps.
_MOST_STEPS, _FINE, _FEW = 1 << 18, 1 << 16, 16
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


def sign_flip(differences: Sequence[float] | NDArray[np.float64], subjects: Sequence[Hashable] | None = None) -> float:
    """Return the two-sided p of a mean difference when each unit's sign is as likely to be the other (Fisher 1935).

    Were the two cells the same, swapping them on any question would change nothing; p is the share of all ways to
    swap that lead at least as far from zero. All of them are counted, however many there are: differences that are
    multiples of a step, as means over seeds are multiples of 1 / seeds, add up to multiples of it, whose chances are
    convolved (Pagano and Tritchler 1983). Of up to 16 units without such a step, all ways are gone through one by one;
    more of them are put on 65,536 steps for all of them together, what was observed like any other way, which moves p
    by less than a hundredth of itself where no unit outweighs the others. Totals less than a ten-millionth of the
    largest difference apart count as equal. For 0 and 1 it is McNemar's exact p.

    Args:
        differences: One for each question, of shape (questions,).
        subjects: One for each question; whole subjects are swapped, which also allows for subjects that favour one
            cell. With G subjects, p cannot be below 2 / 2**G: what was observed, and its mirror, always count.

    Raises:
        ValueError: There are not as many subjects as differences.
    """
    sums = Units.of(np.asarray(differences, dtype=np.float64), subjects).rounded
    sums = sums[sums != 0]
    if not len(sums):
        return 1.0
    sizes = np.abs(sums)
    step = _step(sizes)
    if step is None and len(sums) <= _FEW:
        return _gone_through(sums)
    steps = _spread(sums) if step is None else np.rint(sums / step).astype(np.int64)
    chances = _flipped(np.abs(steps))
    # A total of `positive` steps among all that are there leaves the others negative.
    totals = 2 * np.arange(len(chances)) - (len(chances) - 1)
    return min(float(chances[np.abs(totals) >= abs(int(steps.sum()))].sum()), 1.0)


def exchange(
    row: Sequence[float] | NDArray[np.float64],
    vote: Sequence[float] | NDArray[np.float64],
    draws: int,
    votes: float,
) -> float:
    """Return the two-sided p of a row against votes of the same kind of answers, exchanged within each question.

    Were the row one more such vote, any of the `draws + votes` answers to a question could as well be the row's. How
    many of those that are then the row's are right follows a hypergeometric distribution, question by question, and
    their total is convolved whole: an exact test given how many answers to each question are right. It holds its level
    where flipping signs does not, for a row that is right or wrong differs from a vote's mean score unevenly: from a
    vote that is right on 2 of 100, a row that is right on none differs to one side only, whoever is better. For one
    draw and one vote it is McNemar's exact p.

    Args:
        row: The row's mean score on each question, of shape (questions,).
        vote: The mean score of votes on the same questions.
        draws: How many answers the row gave to each question: its seeds.
        votes: How many votes can be made of the ballots at hand without using any twice, at least one; a part of one is
            a lot drawn between the whole numbers around it.

    Raises:
        ValueError: The sequences differ in length, or there is no draw or vote.
    """
    first, second = checked(row), checked(vote)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} questions are compared with {len(second)}.")
    if draws < 1 or votes < 1:
        raise ValueError("What is exchanged needs an answer on either side.")
    fewer, part = int(votes), votes - int(votes)
    of_questions = (1 - part) * _of_the_rows(first, second, draws, fewer)
    if part:
        of_questions += part * _of_the_rows(first, second, draws, fewer + 1)
    chances = _added(of_questions)
    expected = float((of_questions @ np.arange(draws + 1)).sum())
    reached = abs(draws * float(first.sum()) - expected) - _ROUNDING
    return min(float(chances[np.abs(np.arange(len(chances)) - expected) >= reached].sum()), 1.0)


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


def _step(sizes: Floats) -> float | None:
    """Return what all sizes are multiples of, but for rounding; None where that is too fine."""
    step, least = 0.0, _ROUNDING * float(sizes.max())
    for size in np.unique(sizes).tolist():
        larger, smaller = max(size, step), min(size, step)
        while smaller > least:
            larger, smaller = smaller, larger % smaller
            smaller = 0.0 if larger - smaller < least else smaller
        step = larger
        if sizes.sum() / step > _MOST_STEPS:
            return None
    return step


def _gone_through(sums: Floats) -> float:
    """Return the share of all ways to flip signs that lead as far from zero as the sums do."""
    totals = np.zeros(1)
    for size in np.abs(sums).tolist():
        totals = np.concatenate([totals + size, totals - size])
    return float((np.abs(totals) >= abs(float(sums.sum())) - _ROUNDING * float(np.abs(sums).max())).mean())


def _spread(sums: Floats) -> NDArray[np.int64]:
    """Return sums in the steps of a grid that is fine enough; equal sizes have equally many.

    Each is rounded to the side that takes their total back to what it was. Rounded to the nearest, thousands of sums
    would move the total that was observed by more than p can bear.
    """
    sizes, which = np.unique(np.abs(sums), return_inverse=True)
    exact = sizes / (float(np.abs(sums).sum()) / _FINE)
    more = np.bincount(which, weights=np.sign(sums))  # how many more of a size are positive than negative
    steps, off = np.rint(exact), 0.0
    for place in np.flatnonzero(more).tolist():
        sides = steps[place], 2 * np.floor(exact[place]) + 1 - steps[place]  # the nearest first
        off, steps[place] = min(
            ((off + more[place] * (side - exact[place]), side) for side in sides), key=lambda one: abs(one[0])
        )
    return np.asarray(np.sign(sums) * steps[which], dtype=np.int64)


def _flipped(steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the chance of each total of those steps whose sign comes out positive, of shape (sum of steps + 1,)."""
    from scipy.stats import binom

    sizes, counts = np.unique(steps[steps > 0], return_counts=True)
    chances = np.ones(1)
    for place in np.argsort(-counts):  # the most frequent first, for it is placed at once
        size, count = int(sizes[place]), int(counts[place])
        if len(chances) == 1:
            chances = np.zeros(size * count + 1)
            chances[::size] = binom.pmf(np.arange(count + 1), count, 0.5)
            continue
        for _ in range(count):
            grown = np.zeros(len(chances) + size)
            grown[: len(chances)] = chances
            grown[size:] += chances
            chances = grown / 2
    return chances


def _of_the_rows(row: Floats, vote: Floats, draws: int, votes: int) -> Floats:
    """Return how likely each number of a question's right answers is among the row's, of shape (questions, draws + 1).

    They are drawn by lot from all answers to the question; where a vote's mean score leaves a part of a right answer,
    that is a lot, too.
    """
    from scipy.stats import hypergeom

    total = draws + votes
    each = hypergeom.pmf(np.arange(draws + 1), total, np.arange(total + 1)[:, None], draws)
    right = draws * row + votes * vote
    fewer = np.clip(np.floor(right + _ROUNDING).astype(np.int64), 0, total)
    part = np.clip(right - fewer, 0, 1)[:, None]
    return np.asarray((1 - part) * each[fewer] + part * each[np.minimum(fewer + 1, total)], dtype=np.float64)


def _added(of_questions: Floats) -> Floats:
    """Return the chance of each total of independent counts, of shape (questions * draws + 1,)."""
    draws = of_questions.shape[1] - 1
    chances = np.zeros(len(of_questions) * draws + 1)
    chances[0], reached = 1.0, 0
    for of_one in of_questions:
        before = chances[: reached + 1].copy()
        chances[: reached + draws + 1] = 0.0
        for more, chance in enumerate(of_one.tolist()):
            chances[more : more + reached + 1] += chance * before
        reached += draws
    return chances
