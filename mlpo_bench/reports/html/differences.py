"""How every row compares with a few others on the same questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlpo_bench.analysis.rows import compared
from mlpo_bench.reports.html.figures import OVER_SUITES, estimate, rounded
from mlpo_bench.stats import macro


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.stats import Comparison

    Pairs = Mapping[str, tuple[ResultRow, ResultRow]]

OWN_VOTE = "the vote at its own tokens"
"""What each leader is compared with by itself: the vote that took as many tokens."""
MOST_LEADERS = 8
"""So many leaders of a suite become references; each costs a comparison with every row."""


def differences(rows: Sequence[ResultRow]) -> list[dict[str, Any]]:
    """Return for each suite and reference how far each row lies above it; the default reference of a suite first.

    Where a reference was asked of several suites, the means over suites follow.
    """
    suites: dict[str, list[ResultRow]] = {}
    for row in rows:
        suites.setdefault(row.suite, []).append(row)
    by_reference: dict[str, dict[str, dict[str, Comparison]]] = {}
    for suite, of_suite in suites.items():
        for reference, pairs in _references(of_suite):
            compared_to = {name: compared(*pair) for name, pair in pairs.items() if _meet(*pair)}
            if compared_to:
                by_reference.setdefault(reference, {})[suite] = compared_to
    alone = [_plot(suite, ref, rows) for ref, by_suite in by_reference.items() for suite, rows in by_suite.items()]
    together = [_over_suites(reference, by_suite) for reference, by_suite in by_reference.items() if len(by_suite) > 1]
    return [plot for plot in (*alone, *together) if plot["rows"]]


def _meet(a: ResultRow, b: ResultRow) -> bool:
    return not a.scores.keys().isdisjoint(b.scores)


def _references(rows: Sequence[ResultRow]) -> Iterator[tuple[str, Pairs]]:
    # Budgets of `think` and `extend`, and votes of whole teams, are made to match a leader's tokens as well.
    votes = {row.matched: row for row in rows if row.matched and row.alone and row.family == "vote"}
    matched = {row.name: (row, votes[row.cells[0].cell]) for row in rows if row.cells[0].cell in votes}
    if matched:
        yield OWN_VOTE, matched
    leaders = [row for row in rows if row.family == "led"]
    for one in [*(row for row in rows if row.family == "solo" and row.alone), *leaders[:MOST_LEADERS]]:
        yield one.name, {row.name: (row, one) for row in rows if row is not one}


def _plot(suite: str, reference: str, rows: Mapping[str, Comparison]) -> dict[str, Any]:
    return {
        "suite": suite,
        "reference": reference,
        "rows": [
            {"name": name, "p": rounded(one.p, 3), "n": one.difference.questions, **estimate(one.difference)}
            for name, one in rows.items()
        ],
    }


def _over_suites(reference: str, suites: Mapping[str, Mapping[str, Comparison]]) -> dict[str, Any]:
    names = dict.fromkeys(name for rows in suites.values() for name in rows)
    by_name = {name: {s: rows[name].difference for s, rows in suites.items() if name in rows} for name in names}
    means = {name: macro(comparisons) for name, comparisons in by_name.items() if len(comparisons) > 1}
    rows = [{"name": name, "p": None, "n": one.questions, **estimate(one)} for name, one in means.items()]
    return {"suite": OVER_SUITES, "reference": reference, "rows": rows}
