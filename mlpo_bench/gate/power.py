"""What a number of questions can promise: thresholds that it cannot keep are refused, with the number that could."""

from __future__ import annotations

from bisect import bisect_left
from functools import cache
from typing import TYPE_CHECKING

from mlpo_bench.errors import UsageError
from mlpo_bench.stats import mcnemar_power


if TYPE_CHECKING:
    from mlpo_bench.gate.baseline import Baseline

MOST_QUESTIONS = 1_000_000
TESTS_A_ROW = 4
"""Accuracy, unread, cut off, tokens."""

_PROMISES = {
    "max_drop": "a drop in accuracy",
    "max_unread_rise": "a rise of the unread share",
    "max_cut_off_rise": "a rise of the cut-off share",
}


def caught(n: int, change: float, *, discordant: float, alpha: float) -> float:
    """Return the chance that the gate finds a change for the worse.

    Args:
        n: Questions of the row.
        change: The share of questions that are lost on balance.
        discordant: The share that changes either way; at least `change` is taken.
        alpha: Below which the one-sided p of this test counts; Holm's adjustment asks of the smallest p of m tests
            that it lies below the gate's alpha divided by m, and this is reckoned with that.
    """
    # The two-sided test at twice the level is the one-sided one, but for findings on the other side, next to none.
    return mcnemar_power(n, max(discordant, change), change, 2 * alpha)


def needed(change: float, *, discordant: float, alpha: float, power: float) -> int | None:
    """Return the number of questions that a promise takes, None beyond a million."""

    def keeps(n: int) -> bool:
        return caught(n, change, discordant=discordant, alpha=alpha) >= power

    high = 8
    while not keeps(high):
        high *= 2
        if high > MOST_QUESTIONS:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if keeps(middle) else (middle, high)
    return high


def check_promises(baseline: Baseline) -> None:
    """Refuse thresholds that the baseline's number of questions cannot support.

    Raises:
        UsageError: one it cannot; the message has the number that could.
    """
    kept = baseline.thresholds
    if not baseline.rows:
        raise UsageError("the baseline has no rows.")
    smallest = min(baseline.rows.values(), key=lambda row: row.n)
    alpha = kept.alpha / (TESTS_A_ROW * len(baseline.rows))
    for field, what in _PROMISES.items():
        change = getattr(kept, field)
        if change is None:
            continue
        chance = caught(smallest.n, change, discordant=kept.discordant, alpha=alpha)
        if chance < kept.power:
            n = needed(change, discordant=kept.discordant, alpha=alpha, power=kept.power)
            could = f"{n:,} questions could" if n else "no number of questions below a million could"
            raise UsageError(
                f"{field} {change:g} cannot be promised: {smallest.label} has {smallest.n:,} questions, which find "
                f"{what} of {change:g} {chance:.0%} of the time rather than {kept.power:.0%}; {could}."
            )


def finds(baseline: Baseline, n: int) -> float | None:
    """Return the smallest change that a row of n questions finds with the baseline's power, in whole questions."""
    kept = baseline.thresholds
    return _finds(n, kept.discordant, kept.alpha / (TESTS_A_ROW * len(baseline.rows)), kept.power)


@cache
def _finds(n: int, discordant: float, alpha: float, power: float) -> float | None:
    questions = range(1, n + 1)
    place = bisect_left(questions, power, key=lambda q: caught(n, q / n, discordant=discordant, alpha=alpha))
    return questions[place] / n if place < n else None
