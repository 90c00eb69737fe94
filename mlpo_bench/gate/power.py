"""What a number of questions can promise: thresholds that it cannot keep are refused, with the number that could."""

from __future__ import annotations

from bisect import bisect_left
from functools import cache
from typing import TYPE_CHECKING

from mlpo_bench.errors import UsageError
from mlpo_bench.stats import mcnemar_power


if TYPE_CHECKING:
    from mlpo_bench.gate.baseline import Baseline, Row

MOST_QUESTIONS = 1_000_000
TESTS_A_ROW = 4
"""Accuracy, unread, cut off, tokens."""

PROMISES = {
    "right": ("max_drop", "a drop in accuracy"),
    "unread": ("max_unread_rise", "a rise of the unread share"),
    "cut_off": ("max_cut_off_rise", "a rise of the cut-off share"),
}
"""By figure: the threshold that promises something of it, and what."""


def flips(row: Row, figure: str) -> float:
    """Return the share of questions whose figure turns either way if all answers are drawn anew.

    Of a share p of questions 2 p (1 - p), were all questions alike; as some are surer than others, it is less. Means
    over runs turn by less, of which nothing is made here.
    """
    share = float(row.shares(figure).mean())
    return 2 * share * (1 - share)


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
        UsageError: one it cannot, with the number that could; or a row has less to lose than it promises to notice.
    """
    kept = baseline.thresholds
    if not baseline.rows:
        raise UsageError("the baseline has no rows.")
    for figure, (field, what) in PROMISES.items():
        change = getattr(kept, field)
        for row in baseline.rows.values() if change is not None else ():
            _check_room(row, figure, field, change)
            _check_kept(baseline, row, figure, field, change, what)


def _check_room(row: Row, figure: str, field: str, change: float) -> None:
    share = float(row.shares(figure).mean())
    if figure == "right" and change > share:
        raise UsageError(
            f"{field} {change:g} is more than {row.suite}, {row.label} has to lose: its accuracy is {share:.3f}. "
            "Promise less, or leave the row out."
        )
    if figure != "right" and change > 1 - share:
        raise UsageError(f"{field} {change:g} is more than {row.suite}, {row.label} can rise: it is at {share:.3f}.")


def _check_kept(baseline: Baseline, row: Row, figure: str, field: str, change: float, what: str) -> None:
    kept = baseline.thresholds
    discordant, alpha = expected(baseline, row, figure), kept.alpha / (TESTS_A_ROW * len(baseline.rows))
    chance = caught(row.n, change, discordant=discordant, alpha=alpha)
    if chance < kept.power:
        n = needed(change, discordant=discordant, alpha=alpha, power=kept.power)
        could = f"{n:,} questions could" if n else "no number of questions below a million could"
        raise UsageError(
            f"{field} {change:g} cannot be promised: {row.suite}, {row.label} has {row.n:,} questions, which find "
            f"{what} of {change:g} {chance:.0%} of the time rather than {kept.power:.0%}, where {discordant:.0%} of "
            f"them turn either way; {could}."
        )


def expected(baseline: Baseline, row: Row, figure: str) -> float:
    """Return the share of questions that a harmless change is taken to turn either way."""
    return flips(row, figure) if baseline.thresholds.discordant is None else baseline.thresholds.discordant


def finds(baseline: Baseline, n: int, discordant: float) -> float | None:
    """Return the smallest change that a row of n questions finds with the baseline's power, in whole questions.

    Args:
        baseline: What it is held to.
        n: How many questions.
        discordant: The share of them that turns either way.
    """
    kept = baseline.thresholds
    return _finds(n, round(discordant, 4), kept.alpha / (TESTS_A_ROW * len(baseline.rows)), kept.power)


def broken_promise(baseline: Baseline, row: Row, figure: str, observed: float) -> str | None:
    """Return why a promise does not hold for what was seen: more questions turned than it was reckoned with.

    Args:
        baseline: What it is held to.
        row: One of its rows.
        figure: Of the row.
        observed: The share of questions that turned either way.
    """
    kept = baseline.thresholds
    field, what = PROMISES[figure]
    change = getattr(kept, field)
    if change is None or observed <= expected(baseline, row, figure):
        return None
    chance = caught(row.n, change, discordant=observed, alpha=kept.alpha / (TESTS_A_ROW * len(baseline.rows)))
    if chance >= kept.power:
        return None
    reckoned = expected(baseline, row, figure)
    return (
        f"{observed:.0%} of {row.n:,} questions turned one way or the other, more than the {reckoned:.0%} that {field} "
        f"was reckoned with: {what} of {change:g} would be found {chance:.0%} of the time only."
    )


@cache
def _finds(n: int, discordant: float, alpha: float, power: float) -> float | None:
    questions = range(1, n + 1)
    place = bisect_left(questions, power, key=lambda q: caught(n, q / n, discordant=discordant, alpha=alpha))
    return questions[place] / n if place < n else None
