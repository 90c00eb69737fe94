"""What more rounds, more peers or another order added, and how many tokens were paid for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpo_bench.analysis.rivals import compared


if TYPE_CHECKING:
    from mlpo_bench.analysis.position_bias import PositionBias
    from mlpo_bench.analysis.round_table import RoundTable
    from mlpo_bench.stats.paired import Comparison

POINTS = 100
"""Points of accuracy are percentage points."""


@dataclass(frozen=True, slots=True)
class Gain:
    """What one way of answering has over another on the same questions.

    Attributes:
        over: The name of the other one.
        kind: What it differs in: `round`, `rounds`, `peers` or `solo`.
        comparison: Its accuracy less the other's.
        tokens: What it takes for a question: fresh, cached and written ones.
        tokens_over: What the other one takes.
        tokens_a_point: Tokens a question paid for each percentage point gained; None where nothing was gained, or
            nothing paid.
        tokens_a_point_low: The same at the upper end of the gain's interval; None where that is no gain.
        tokens_a_point_high: The same at its lower end; None where it may be that nothing was gained.
    """

    over: str
    kind: str
    comparison: Comparison
    tokens: float
    tokens_over: float
    tokens_a_point: float | None
    tokens_a_point_low: float | None
    tokens_a_point_high: float | None

    @classmethod
    def of(cls, over: str, kind: str, comparison: Comparison, tokens: float, tokens_over: float) -> Gain:
        """Work out what was paid for the difference that a comparison found."""
        difference, paid = comparison.difference, tokens - tokens_over
        # A gain at a saving has no price; its sign would only say that fewer tokens were taken.
        prices = [
            paid / (POINTS * gain) if gain > 0 and paid > 0 else None
            for gain in (difference.value, difference.high, difference.low)
        ]
        return cls(over, kind, comparison, tokens, tokens_over, *prices)


@dataclass(frozen=True, slots=True)
class OtherOrder:
    """The same leader with its peers' attempts in the other order: fixed for shuffled, shuffled for fixed.

    `comparison` is the accuracy of the row itself less that of the other one, whose name is `row`; `places` are the
    other one's.
    """

    row: str
    comparison: Comparison
    places: PositionBias


def added_round(before: RoundTable, after: RoundTable, number: int, tokens_before: float, tokens_after: float) -> Gain:
    """Return what a round added to the verdicts of the one before.

    Args:
        before: The earlier round, the rows of conversations that went on.
        after: The later one, the same rows in the same order.
        number: The later one's number, the first round being 0.
        tokens_before: What a question took until the end of the earlier one.
        tokens_after: What it took until the end of the later one.

    Raises:
        ValueError: The rows are of different questions.
    """
    if before.questions != after.questions:
        raise ValueError("Two rounds are compared on the same conversations.")
    comparison = compared(after, after.verdict_right, before.verdict_right)
    return Gain.of(f"round {number}", "round", comparison, tokens_after, tokens_before)
