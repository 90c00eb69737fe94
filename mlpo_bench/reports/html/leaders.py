"""What leaders make of their peers' answers, as far as a page draws it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlpo_bench.analysis.leaders import diagnose, leader_rows
from mlpo_bench.errors import UsageError
from mlpo_bench.reports.html.figures import rounded
from mlpo_bench.reports.signatures import signatures


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.analysis.diagnostics import LeaderDiagnostics
    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.log.run import LoadedRun
    from mlpo_bench.stats.means import Mean

SHARES = ("rescue", "recovery", "harm", "override", "follows_wrong_team", "follows_wrong_favourite")


def leader_figures(run: LoadedRun, rows: Sequence[ResultRow]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the figures of all leaders that have some, and why others have none."""
    leaders, faults = [], dict[str, None]()
    for row in leader_rows(rows):
        try:
            leaders.append(_figures(diagnose(run, row, rows)))
        except UsageError as fault:
            faults[str(fault)] = None
    return leaders, list(faults)


def _figures(of: LeaderDiagnostics) -> dict[str, Any]:
    choices = of.final.choices
    return {
        "suite": of.suite,
        "name": of.name,
        "peers": of.peers,
        "alone": of.alone,
        "by_right_peers": [_share(figures) for figures in choices.by_right_peers],
        "rounds": [_share(figures.accuracy) for figures in of.rounds],
        "said": signatures(of),
        **{name: _share(getattr(choices, name)) for name in SHARES},
    }


def _share(mean: Mean) -> dict[str, Any]:
    return {"n": mean.n, "value": rounded(mean.value), "low": rounded(mean.low), "high": rounded(mean.high)}
