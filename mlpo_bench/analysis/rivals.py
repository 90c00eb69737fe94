"""What could have been made of the same peers' answers without a leader, and how it compares."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from mlpo_bench.stats.means import Mean, Ratio, mean, ratio
from mlpo_bench.stats.paired import Comparison, compare
from mlpo_bench.stats.units import over_seeds


if TYPE_CHECKING:
    from mlpo_bench.analysis.round_table import Bools, Floats, RoundTable


@dataclass(frozen=True, slots=True)
class Rival:
    """A way to choose among the peers' answers, and how the leader compares with it.

    `accuracy` is the rival's; `comparison` is the leader's less the rival's, question by question, over all seeds.
    """

    name: str
    accuracy: Mean
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Rivals:
    """What a leader is measured by.

    Attributes:
        random_pick: A peer drawn by lot: the peers' mean accuracy.
        best_peer: The peer with the highest accuracy here. Nobody knew beforehand which it would be, so it is better
            than it could have been chosen to be.
        vote: The answer that most peers give; among answers as frequent, one drawn by lot.
        oracle: Right wherever any peer is: the ceiling of every choice among the peers' answers.
        gap_closed: The share of the way from the random pick to the oracle that the leader covers: 0 where it chooses
            as by lot, 1 where it always finds the right peer, more where it solves what no peer does.
    """

    random_pick: Rival
    best_peer: Rival
    vote: Rival
    oracle: Rival
    gap_closed: Ratio


def rivals(led: RoundTable) -> Rivals:
    """Compare the leader with each rival on the same questions; among peers equally good, the first is the best."""
    best = int(led.right.sum(axis=0).argmax()) if len(led) else 0
    oracle = np.asarray(led.right.any(axis=1), dtype=np.float64)
    return Rivals(
        random_pick=_rival("random pick", led, led.chance),
        best_peer=_rival(led.seats[best], led, np.asarray(led.right[:, best], dtype=np.float64)),
        vote=_rival("vote", led, led.vote),
        oracle=_rival("oracle", led, oracle),
        gap_closed=ratio(led.verdict_right - led.chance, oracle - led.chance, led.drawn),
    )


def _rival(name: str, led: RoundTable, scores: Floats) -> Rival:
    return Rival(name, mean(scores, led.drawn), compared(led, led.verdict_right, scores))


def compared(led: RoundTable, a: Floats | Bools, b: Floats | Bools) -> Comparison:
    """Compare two scores of every row, as means over the seeds of a question."""
    comparison = compared_where(led, a, b, np.ones(len(led), dtype=bool))
    assert comparison is not None, "a round has conversations"
    return comparison


def compared_where(led: RoundTable, a: Floats | Bools, b: Floats | Bools, where: Bools) -> Comparison | None:
    """Compare two scores of some rows, as means over the seeds of a question; None where there are no such rows."""
    questions = [question for question, kept in zip(led.questions, where.tolist(), strict=True) if kept]
    if not questions:
        return None
    first, second = (over_seeds(questions, scores[where].astype(np.float64).tolist()) for scores in (a, b))
    subject = dict(zip(led.questions, led.subjects, strict=True))
    subjects = tuple(subject[question] for question in first)
    return _compared(tuple(first.values()), tuple(second.values()), subjects if len(set(subjects)) > 1 else None)


# A run's longer conversations hold its shorter ones, so that its rows ask for many of these again.
@lru_cache(maxsize=4_096)
def _compared(a: tuple[float, ...], b: tuple[float, ...], subjects: tuple[str, ...] | None) -> Comparison:
    return compare(a, b, subjects)
