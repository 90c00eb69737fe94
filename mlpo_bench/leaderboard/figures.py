"""The figures of an entry that follow from its answers: stated when it is added, and made again when it is checked."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpo_bench.leaderboard.entry import Figure, flags
from mlpo_bench.stats import Estimate, accuracy, detectable, macro


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.leaderboard.entry import Answers, Questions, SuiteRow

DISCORDANT = 0.2
"""The share of questions on which two rows are taken to differ where no pair of rows is in sight."""
_DECIMALS = 6


def rounded(number: float) -> float:
    """Return a figure with as many decimals as entries keep: enough for any table, alike on all machines."""
    return round(float(number), _DECIMALS)


def of_answers(questions: Questions, answers: Sequence[Answers]) -> dict[str, Any]:
    """Return the fields of a suite that follow from its answers."""
    scores = np.mean([flags(each.right) for each in answers], axis=0)
    could = detectable(questions.n, DISCORDANT)
    return {
        "accuracy": figure(accuracy(scores, questions.labels)),
        "unread": rounded(float(np.mean([flags(each.unread) for each in answers]))),
        "cut_off": rounded(float(np.mean([flags(each.cut_off) for each in answers]))),
        "detectable": None if could is None else rounded(could),
    }


def over_suites(suites: Mapping[str, SuiteRow]) -> Figure | None:
    """Return the mean over suites, each counted the same; None where there is one only."""
    if len(suites) == 1:
        return None
    return figure(macro({name: estimate(row.accuracy) for name, row in suites.items()}))


def figure(estimate: Estimate) -> Figure:
    """Return an estimate as entries keep it."""
    values = asdict(estimate)
    return Figure(**values | {name: rounded(values[name]) for name in ("value", "low", "high")})


def estimate(kept: Figure) -> Estimate:
    """Return what a figure was made from, but for rounding."""
    return Estimate(**kept.model_dump())
