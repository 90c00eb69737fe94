"""How verdicts are reached: each row against its vote, question by question, adjusted over all that were asked.

docs/statistics.md tells how the figures are made; what a verdict is and says stands in `verdict`.
"""

from __future__ import annotations

from statistics import mean
from typing import TYPE_CHECKING

from mlpo_bench.analysis.verdict import MUCH_UNREAD, Unread, Verdict, Verdicts
from mlpo_bench.stats import ALPHA, compare, fewest_questions, holm, questions_by_p, questions_needed


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.analysis.sides import Match, Side
    from mlpo_bench.stats import Comparison


def judged(
    matches: Sequence[Match], without: Sequence[tuple[str, str]] = (), chance: Mapping[str, float] | None = None
) -> Verdicts:
    """Return the verdicts on matches, those on led rows first.

    Those on led rows answer one question and those on other protocols another: Holm's adjustment is made over each.

    Args:
        matches: Who is held against whom.
        without: Suites and names of rows that there is no vote to hold against.
        chance: By suite, the share of questions that guessing gets right, where it is known.
    """
    families = [[match for match in matches if match.led is led] for led in (True, False)]
    sides = {(match.suite, side.name): side for match in matches for side in (match.row, match.vote)}
    return Verdicts(
        verdicts=tuple(verdict for family in families for verdict in _family(family)),
        without=tuple(without),
        unread=tuple(
            Unread(suite, name, side.unread, _readable(side))
            for (suite, name), side in sides.items()
            if side.unread is not None and side.unread > MUCH_UNREAD
        ),
        chance=dict(chance or {}),
    )


def _family(matches: Sequence[Match]) -> list[Verdict]:
    sides = [_common(match) for match in matches]
    comparisons = [compare(*each, drawn=match.drawn) for match, each in zip(matches, sides, strict=True)]
    adjusted = holm({str(place): one.p for place, one in enumerate(comparisons)})
    elsewhere = holm({str(p): one.p_subjects for p, one in enumerate(comparisons) if one.p_subjects is not None})
    return [
        Verdict(
            match=match,
            accuracy=mean(row),
            vote_accuracy=mean(vote),
            comparison=one,
            adjusted=adjusted[str(place)],
            adjusted_subjects=elsewhere.get(str(place)),
            needed=_needed(one, len(matches)) if adjusted[str(place)] >= ALPHA else None,
        )
        for place, (match, (row, vote, _), one) in enumerate(zip(matches, sides, comparisons, strict=True))
    ]


def _needed(comparison: Comparison, tests: int) -> int | None:
    """Return how many questions would tell a difference that is open: more than were asked.

    Where the normal curve asks for no more than these, the test that counted asks for more than it does: its p says how
    many.
    """
    asked, value = comparison.difference.questions, comparison.difference.value
    if value == 0:
        return None
    needed = questions_needed(value, comparison.deviation, tests) if comparison.deviation else asked
    if needed is not None and needed <= asked:
        needed = questions_by_p(asked, comparison.p, tests)
    return None if needed is None else max(needed, asked + 1, fewest_questions(tests))


def _common(match: Match) -> tuple[list[float], list[float], list[str]]:
    row, vote = match.row.scores, match.vote.scores
    common = sorted(row.keys() & vote.keys())
    return [row[q] for q in common], [vote[q] for q in common], [match.row.subjects[q] for q in common]


def _readable(side: Side) -> float | None:
    read = 1 - (side.unread or 0.0)
    return min(sum(side.scores.values()) / len(side.scores) / read, 1.0) if read > 0 else None
