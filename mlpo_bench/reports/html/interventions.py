"""What interventions did, as far as a page shows it."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from mlpo_bench.analysis.interventions import effects, said
from mlpo_bench.reports.html.figures import rounded


if TYPE_CHECKING:
    from mlpo_bench.analysis.interventions import Effect
    from mlpo_bench.log.run import LoadedRun
    from mlpo_bench.stats import Comparison
    from mlpo_bench.stats.means import Mean


def intervention_figures(run: LoadedRun) -> list[dict[str, Any]]:
    """Return, for each row of each suite, what every intervention did to it and what that supports in words."""
    return [
        {"suite": suite, "row": row, "effects": [_figures(one) for one in some], "said": said(some)}
        for (suite, row), of_row in groupby(effects(run), key=lambda one: (one.suite, one.row))
        for some in [list(of_row)]
    ]


def _figures(of: Effect) -> dict[str, Any]:
    return {
        "said": of.said,
        "n": of.conversations,
        "untouched": of.untouched,
        "change": _change(of.accuracy),
        "saved": round(of.saved),
        **{name: _share(getattr(of, name)) for name in ("changed", "lost", "gained", "follows", "followed_before")},
    }


def _change(of: Comparison | None) -> dict[str, float | None] | None:
    if of is None:
        return None
    apart = of.difference
    return {"value": rounded(apart.value), "low": rounded(apart.low), "high": rounded(apart.high), "p": rounded(of.p)}


def _share(of: Mean) -> dict[str, Any]:
    return {"n": of.n, "value": rounded(of.value), "low": rounded(of.low), "high": rounded(of.high)}
