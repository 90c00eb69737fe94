"""The two sides of a verdict: a row and a vote that takes as much, each with its scores and what it took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal


if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlpo_bench.stats import Sampled

Equal = Literal["tokens", "operations", "price", "calls"]
"""What a row and its vote have in common."""


@dataclass(frozen=True, slots=True)
class Side:
    """What a row or a vote reached on one suite, and what a question took on average.

    Attributes:
        name: What it is called.
        scores: Each question's score by its id, in [0, 1].
        subjects: Each question's subject.
        tokens: Read afresh, found in a cache, and written.
        operations: None where a model's size is not known.
        price: None where a model has none.
        unread: The share of final answers that could not be read; None where nobody counted.
    """

    name: str
    scores: Mapping[str, float]
    subjects: Mapping[str, str]
    tokens: float
    operations: float | None = None
    price: float | None = None
    unread: float | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """A row of one suite and the vote that it is held against.

    Attributes:
        suite: The suite.
        row: The row.
        vote: The vote.
        equal: What they have in common.
        ballots: How many the vote has: a fraction is a vote of fewer and one of more, drawn by lot for each question.
        calls: How many completions a question of the row took.
        drawn: What stands behind the scores; None where the vote was drawn once, as the row was.
        led: Whether a leader leads the row; else it is another protocol.
        greedy: Whether the vote's ballots were drawn greedily, and are all one answer.
    """

    suite: str
    row: Side
    vote: Side
    equal: Equal
    ballots: float
    calls: float
    drawn: Sampled | None = None
    led: bool = True
    greedy: bool = False

    @property
    def left_out(self) -> int:
        """How many of the row's questions have fewer ballots than the vote counts."""
        return len(self.row.scores.keys() - self.vote.scores.keys())
