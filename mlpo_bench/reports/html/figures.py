"""What a page shows of a run's rows: one object for each row of each suite, and what plots are drawn from."""

from __future__ import annotations

from collections import defaultdict
from statistics import mean
from typing import TYPE_CHECKING, Any

from mlpo_bench.analysis.rows import by_name, over_suites
from mlpo_bench.matrix.config import row_name
from mlpo_bench.reports.cost import COSTS as EVERY_COST
from mlpo_bench.reports.frontier import cost_of
from mlpo_bench.stats import Point, dominated, surely_dominated


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.log.run import LoadedRun
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.stats import Estimate
    from mlpo_bench.teams import Price

# What engines took differs from run to run, and equal runs are to make equal pages.
COSTS = tuple(kind for kind in EVERY_COST if kind != "machine_seconds")
TOKENS = ("prompt_tokens", "cached_tokens", "completion_tokens")
OVER_SUITES = "mean over suites"
"""What stands in a suite's place for rows that were asked of more than one."""


def row_figures(run: LoadedRun, rows: Sequence[ResultRow]) -> list[dict[str, Any]]:
    """Return a run's rows suite by suite, then the means over suites; costs are means a question."""
    matrix, prices = run.cell, run.config.prices
    figures = [_of_row(row, matrix[row.cells[0].cell], prices) for row in rows]
    if len({row.suite for row in rows}) > 1:
        places = {(row.suite, row.name): place for place, row in enumerate(rows)}
        for name, suites in by_name(rows).items():
            if len(suites) > 1:
                parts = [figures[places[suite, name]] for suite in suites]
                figures.append(_over_suites(parts, over_suites(suites)))
    # Rows over several suites are rivals where these are the same: another suite may be harder or dearer than they are.
    rivals: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for figure in figures:
        rivals[figure["suite"], *sorted(figure.get("suites", ()))].append(figure)
    for some in rivals.values():
        _place(some)
    return figures


def _of_row(row: ResultRow, cell: Cell, prices: Mapping[str, Price]) -> dict[str, Any]:
    cost = row.cost
    return {
        "suite": row.suite,
        "name": row.name,
        "protocol": row.protocol,
        "kind": _kind(row),
        "series": _series(row, cell),
        "depth": _depth(cell),
        "peers": row.peers if cell.setting.protocol.uses_peers else None,
        "ballots": row.cells[0].samples,
        "counted": row.cells[0].counted,
        "n": len(row.scores),
        "seeds": len(row.cells),
        "errors": sum(part.errors for part in row.cells),
        "unread": rounded(row.unread),
        "cut": rounded(row.cut_off),
        **{name: rounded(getattr(cost, name)) for name in TOKENS},
        **{kind: rounded(cost_of(row, kind, prices)) for kind in COSTS},
        **estimate(row.accuracy),
        "seats": _seats(row),
    }


def estimate(estimate: Estimate) -> dict[str, Any]:
    """Return a figure with its interval, and the caution that goes with it, if any."""
    return {"value": rounded(estimate.value), "low": rounded(estimate.low), "high": rounded(estimate.high)} | (
        {"caution": estimate.caution} if estimate.caution else {}
    )


def rounded(value: float | None, digits: int = 6) -> float | None:
    """Return a figure with so many significant digits: a page needs no more."""
    return None if value is None else float(f"{value:.{digits}g}")


def _kind(row: ResultRow) -> str:
    """Return the group that a row is coloured by."""
    if row.ceiling:
        return "oracle"
    if row.family == "led":
        return "leader"
    return "vote" if row.alone else "other"


def _depth(cell: Cell) -> int | None:
    protocol = cell.setting.protocol
    return getattr(protocol, protocol.depth) if protocol.depth else None


def _series(row: ResultRow, cell: Cell) -> str | None:
    """Return what a row is called but for its T and K; None where it has no T."""
    protocol = cell.setting.protocol
    if not protocol.depth:
        return None
    return row_name(row.team, protocol.label_without(protocol.depth))


def _seats(row: ResultRow) -> list[list[Any]]:
    """Return each seat's tokens a question, fresh, cached and written, the leader first."""
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for cell in row.cells:
        for seat, cost in cell.seats.items():
            sums[seat] = [before + getattr(cost, name) for before, name in zip(sums[seat], TOKENS, strict=True)]
    return [[seat, *(rounded(total / row.answered) for total in totals)] for seat, totals in sums.items()]


def _over_suites(parts: Sequence[dict[str, Any]], over: Estimate) -> dict[str, Any]:
    """Return the mean of a row's figures in several suites, each counted the same."""
    means = {name: _mean_of(parts, name) for name in ("unread", "cut", *TOKENS, *COSTS)}
    seats = {seat[0]: None for part in parts for seat in part["seats"]}
    by_seat = [{seat: tokens for seat, *tokens in part["seats"]} for part in parts]
    return {
        **{name: parts[0][name] for name in ("name", "protocol", "kind", "series", "depth", "peers", "counted")},
        "ballots": parts[0]["ballots"] if len({part["ballots"] for part in parts}) == 1 else None,
        "suite": OVER_SUITES,
        "suites": [part["suite"] for part in parts],
        "n": over.questions,
        "seeds": max(part["seeds"] for part in parts),
        "errors": sum(part["errors"] for part in parts),
        **means,
        **estimate(over),
        "seats": [
            [seat, *(rounded(mean(s.get(seat, (0, 0, 0))[place] for s in by_seat)) for place in range(len(TOKENS)))]
            for seat in seats
        ],
    }


def _mean_of(parts: Sequence[dict[str, Any]], name: str) -> float | None:
    values = [part[name] for part in parts]
    return None if None in values else rounded(mean(values))


def _place(rows: Sequence[dict[str, Any]]) -> None:
    """Tell of each of some rivals, by kind of cost, whether another reaches no less for no more: 2 if surely so.

    What the harness alone can do, an oracle, is no rival: it beats nobody.
    """
    for row in rows:
        row["beaten"] = {}
    for kind in COSTS:
        points = [(row, Point(row[kind], row["value"], row["low"], row["high"])) for row in rows if row[kind]]
        rivals = [point for row, point in points if row["kind"] != "oracle"]
        for row, point in points:
            others = [point, *rivals]
            row["beaten"][kind] = 2 if surely_dominated(others)[0] else int(dominated(others)[0])
