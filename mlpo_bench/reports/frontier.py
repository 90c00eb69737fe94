"""Accuracy against cost on a terminal: who is beaten by whom, and what a vote does for the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table

from mlpo_bench.errors import UsageError
from mlpo_bench.stats import Point, area, dominated, surely_dominated, vote_at


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.reports.cost import CostKind
    from mlpo_bench.reports.terminal.console import Console
    from mlpo_bench.teams import Price

_MIDDLE = "\N{MIDDLE DOT}"


@dataclass(frozen=True, slots=True)
class Placed:
    """A row at its place: what it reached at what cost, by whom it is beaten, and what a vote does at its cost.

    `beaten` tells that another row reaches no less for no more, `surely` that even the intervals do not meet. `vote`
    is interpolated between solo and vote rows of the leader's model; None for those themselves and outside their
    range.
    """

    row: ResultRow
    point: Point
    beaten: bool
    surely: bool
    vote: Point | None


def cost_of(row: ResultRow, kind: CostKind, prices: Mapping[str, Price]) -> float | None:
    """Return what a question cost on average, in the kind's unit; None where that is not known.

    `seconds` are those of the longest chain of turns that had to wait for one another.
    """
    if kind == "price":
        return row.price(prices)
    return row.cost.serial_seconds if kind == "seconds" else getattr(row.cost, kind)


def placed(
    rows: Sequence[ResultRow], kind: CostKind = "tokens", prices: Mapping[str, Price] | None = None
) -> list[Placed]:
    """Return one suite's rows by rising cost; those whose cost is not known are left out.

    What the harness alone can do, an oracle, is no rival: it beats nobody.
    """
    points = []
    for row in rows:
        cost = cost_of(row, kind, prices or {})
        if cost:
            estimate = row.accuracy
            points.append((row, Point(cost, estimate.value, estimate.low, estimate.high)))
    rivals = [point for row, point in points if not row.ceiling]
    places = []
    for row, point in sorted(points, key=lambda each: each[1].cost):
        others = [point, *rivals]
        votes = [vote for rival, vote in points if rival.alone and rival.team == row.team]
        vote = None if row.alone else vote_at(point.cost, votes)
        places.append(Placed(row, point, dominated(others)[0], surely_dominated(others)[0], vote))
    return places


def print_frontier(
    suite: str, rows: Sequence[ResultRow], kind: CostKind, prices: Mapping[str, Price], console: Console
) -> None:
    """Print one suite's rows against their cost.

    Raises:
        UsageError: no row's cost of this kind is known.
    """
    places = placed(rows, kind, prices)
    if not places:
        raise UsageError(f"{suite}: the {kind} of no row is known; prices stand in the team file under `prices`.")
    table = Table(
        title=f"{suite.upper()}, accuracy against {kind} a question", title_justify="left", header_style="bold"
    )
    table.add_column("protocol")
    for title in (kind, "accuracy", "95 % interval", "frontier", "vote at its cost", "against it"):
        table.add_column(title, justify="right")
    for one in places:
        table.add_row(*_row(one))
    console.print(table)
    _print_areas(places, console)


def _row(one: Placed) -> tuple[str, ...]:
    point, vote = one.point, one.vote
    mark = "oracle" if one.row.ceiling else "surely beaten" if one.surely else "" if one.beaten else "on it"
    return (
        one.row.name,
        f"{point.cost:,.4g}",
        f"{point.accuracy:.3f}",
        f"{point.low:.3f} - {point.high:.3f}",
        mark,
        f"{vote.accuracy:.3f}" if vote else _MIDDLE,
        f"{point.accuracy - vote.accuracy:+.3f}" if vote else _MIDDLE,
    )


def _print_areas(places: Sequence[Placed], console: Console) -> None:
    """Print the area under the frontier of votes, of led teams and of all, over the range that they share."""
    groups = {
        "solo and votes": [one.point for one in places if one.row.alone],
        "led teams": [one.point for one in places if one.row.family == "led"],
        "everything": [one.point for one in places if not one.row.ceiling],
    }
    present = {name: points for name, points in groups.items() if points}
    low = max(min(point.cost for point in points) for points in present.values())
    high = max(point.cost for point in present.get("everything", []))
    if len(present) < len(groups) or low >= high:
        return
    areas = ", ".join(f"{name} {area(points, low, high):.3f}" for name, points in present.items())
    console.print(
        f"Area under the frontier (mean of the best accuracy for the cost, from {low:,.4g} to {high:,.4g} on a log "
        f"axis): {areas}.",
        style="dim",
    )
