"""What a page says first: whether the team beats what the same compute buys otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlpo_bench.analysis.matches import verdicts
from mlpo_bench.reports.html.figures import estimate, rounded


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.analysis.verdict import Verdict
    from mlpo_bench.log.run import LoadedRun


def verdict_figures(run: LoadedRun, rows: Sequence[ResultRow]) -> dict[str, Any]:
    """Return the sentence, what to know before it is believed, and each team's row against the vote at its tokens."""
    found = verdicts(run, rows)
    return {
        "sentence": found.sentence,
        "warnings": [*filter(None, [found.without_vote]), *found.warnings],
        "rows": [_figures(verdict) for verdict in found.verdicts],
    }


def _figures(verdict: Verdict) -> dict[str, Any]:
    return {
        "suite": verdict.suite,
        "name": verdict.row,
        "led": verdict.led,
        "accuracy": rounded(verdict.accuracy),
        "vote": rounded(verdict.vote_accuracy),
        **estimate(verdict.comparison.difference),
        "p": rounded(verdict.adjusted, 3),
        "taken": rounded(verdict.tokens, 3),
        "outcome": verdict.outcome,
        "elsewhere": verdict.elsewhere,
        "needed": verdict.needed,
    }
