"""Accuracy against cost on a terminal: who is beaten by whom, and what a vote does for the same."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

from mlpo_bench.errors import UsageError
from mlpo_bench.reports.grids import LABEL_WIDTH, NARROW, PLAIN, fitting
from mlpo_bench.stats import Point, chance_on_frontier, dominated, mean_area, surely_dominated, vote_at


if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.analysis.verdict import Verdict
    from mlpo_bench.reports.cost import CostKind
    from mlpo_bench.reports.terminal.console import Console
    from mlpo_bench.teams import Price

_WHY: dict[str, str] = {
    "price": "; prices stand in the team file under `prices`",
    "serial_tokens": "; an earlier version ran it, and `mlpo-bench rescore` reckons them",
    "machine_seconds": "; no model of it was asked while it was noted how long engines worked",
}
_MIDDLE = "\N{MIDDLE DOT}"
_AGAINST = "less the vote"
# What a narrow terminal does without, first to last.
_SPARED = ("95 % interval", "vote at its cost", "chance of it")
_WHOLE, _MANY = 1e3, 1e9


@dataclass(frozen=True, slots=True)
class Placed:
    """A row at its place: what it reached at what cost, by whom it is beaten, and what a vote does at its cost.

    Attributes:
        row: The row.
        point: What it reached at what cost.
        beaten: Whether another row reaches no less for no more.
        surely: Whether even the intervals do not meet.
        chance: How often it lies on the frontier when questions are drawn anew; None for a ceiling.
        vote: What a vote reaches at its cost, interpolated between solo and vote rows of the leader's model; None for
            those themselves and outside their range.
    """

    row: ResultRow
    point: Point
    beaten: bool
    surely: bool
    chance: float | None
    vote: Point | None


def cost_of(
    row: ResultRow, kind: CostKind, prices: Mapping[str, Price], paces: Mapping[str, float] = MappingProxyType({})
) -> float | None:
    """Return what a question cost on average, in the kind's unit; None where that is not known.

    `seconds`, `steps` and `serial_tokens` are those of the longest chain of turns that had to wait for one another;
    `machine_seconds` those of the models' engines, whose `paces` are seconds for each token that they write.
    """
    if kind == "price":
        return row.price(prices)
    if kind == "machine_seconds":
        return row.machine_seconds(paces)
    names: dict[str, str] = {"seconds": "serial_seconds", "steps": "serial_calls"}
    cost: float | None = getattr(row.cost, names.get(kind, kind))
    return cost


def placed(
    rows: Sequence[ResultRow],
    kind: CostKind = "tokens",
    prices: Mapping[str, Price] | None = None,
    paces: Mapping[str, float] = MappingProxyType({}),
) -> list[Placed]:
    """Return one suite's rows by rising cost; those whose cost is not known are left out.

    What the harness alone can do, an oracle, is no rival: it beats nobody.
    """
    points = []
    for row in rows:
        cost = cost_of(row, kind, prices or {}, paces)
        if cost:
            estimate = row.accuracy
            points.append((row, Point(cost, estimate.value, estimate.low, estimate.high)))
    rivals = [point for row, point in points if not row.ceiling]
    chances = _chances([(row, point) for row, point in points if not row.ceiling])
    places = []
    for row, point in sorted(points, key=lambda each: each[1].cost):
        others = [point, *rivals]
        votes = [vote for rival, vote in points if rival.alone and rival.member == row.leader]
        vote = None if row.alone else vote_at(point.cost, votes)
        beaten, surely = dominated(others)[0], surely_dominated(others)[0]
        places.append(Placed(row, point, beaten, surely, chances.get(row.name), vote))
    return places


def _chances(points: Sequence[tuple[ResultRow, Point]]) -> dict[str, float]:
    """Return how often each row lies on the frontier, over the questions that all of them answered."""
    common = [q for q in points[0][0].scores if all(q in row.scores for row, _ in points)] if points else []
    if not common:
        return {}
    scores = np.array([[row.scores[question] for question in common] for row, _ in points])
    subjects = [points[0][0].subjects[question] for question in common]
    chances = chance_on_frontier(scores, [point.cost for _, point in points], subjects)
    return {row.name: chance for (row, _), chance in zip(points, chances, strict=True)}


def print_frontier(
    suite: str,
    rows: Sequence[ResultRow],
    kind: CostKind,
    prices: Mapping[str, Price],
    console: Console,
    held: Sequence[Verdict] = (),
    paces: Mapping[str, float] = MappingProxyType({}),
) -> set[str]:
    """Print one suite's rows against their cost, and return the titles of the columns that there was room for.

    Args:
        suite: The suite.
        rows: Its rows.
        kind: What a question cost.
        prices: By model.
        console: Where to.
        held: The verdicts on its rows against votes at just this cost: where there is one, it stands in the place of
            what is interpolated between votes.
        paces: How many seconds engines took for each token that they wrote, by model.

    Raises:
        UsageError: no row's cost of this kind is known.
    """
    places, what = placed(rows, kind, prices, paces), kind.replace("_", " ")
    if not places:
        raise UsageError(f"{suite}: the {what} of no row is known{_WHY.get(kind, '')}.")
    verdicts = {verdict.row: verdict for verdict in held if verdict.suite == suite and verdict.even}
    titles = ("protocol", what, "accuracy", "95 % interval", "frontier", "chance of it", "vote at its cost", _AGAINST)
    lines = [dict(zip(titles, _row(one, verdicts.get(one.row.name)), strict=True)) for one in places]
    widths = {title: max(len(title), *(len(line[title]) for line in lines)) for title in titles}
    boxed = console.width >= NARROW
    columns = fitting(widths | {"protocol": min(widths["protocol"], LABEL_WIDTH)}, console.width, _SPARED, boxed=boxed)
    table = Table(
        title=f"{suite.upper()}, accuracy against {what} a question",
        title_justify="left",
        header_style="bold",
        **({} if boxed else PLAIN),
    )
    for title in columns:
        first = title == "protocol"
        table.add_column(title, justify="left" if first else "right", no_wrap=not first, overflow="fold")
    for line in lines:
        table.add_row(*(line[title] for title in columns))
    console.print(table)
    _print_areas(places, console)
    return set(columns)


def legend(columns: Collection[str]) -> str:
    """Return how to read the columns that were shown."""
    told = {
        "frontier": (
            "On it: no row reaches as much for less. Surely beaten: another's whole interval lies above, for no more."
        ),
        "95 % interval": "Intervals of accuracies speak of other subjects.",
        "chance of it": (
            "Chance of it: how often the row lies on the frontier when questions of these subjects are drawn anew."
        ),
        _AGAINST: (
            "Less the vote: accuracy less that of a vote of the leader's own answers at this cost, paired, with its "
            "95 % interval for other questions of these subjects; ~ where the vote is interpolated between rows."
        ),
    }
    return " ".join(sentence for title, sentence in told.items() if title in columns)


def _row(one: Placed, held: Verdict | None) -> tuple[str, ...]:
    point = one.point
    mark = "oracle" if one.row.ceiling else "surely beaten" if one.surely else "" if one.beaten else "on it"
    return (
        one.row.name,
        _amount(point.cost),
        f"{point.accuracy:.3f}",
        f"{point.low:.3f} - {point.high:.3f}",
        mark,
        _MIDDLE if one.chance is None else f"{100 * one.chance:.0f} %",
        *_against_vote(one, held),
    )


def _amount(cost: float) -> str:
    return f"{cost:,.0f}" if _WHOLE <= cost < _MANY else f"{cost:,.4g}"


def _against_vote(one: Placed, held: Verdict | None) -> tuple[str, str]:
    if held is not None:
        difference = held.comparison.difference
        bounds = f"[{difference.low:+.3f}, {difference.high:+.3f}]"
        return f"{held.vote_accuracy:.3f}", f"{difference.value:+.3f} {bounds}"
    if one.vote is None:
        return _MIDDLE, _MIDDLE
    return f"~{one.vote.accuracy:.3f}", f"~{one.point.accuracy - one.vote.accuracy:+.3f}"


def _print_areas(places: Sequence[Placed], console: Console) -> None:
    """Print the area under the frontier of votes, of led teams and of all, over the range that they share."""
    groups = {
        "solo and votes": [one.point for one in places if one.row.alone],
        "led teams": [one.point for one in places if one.row.family == "led"],
        "everything": [one.point for one in places if not one.row.ceiling],
    }
    if not all(groups.values()):
        return
    low = max(min(point.cost for point in points) for points in groups.values())
    high = max(point.cost for point in groups["everything"])
    if low >= high:
        return
    rows = min(len(points) for points in groups.values())
    areas = ", ".join(f"{name} {mean_area(points, rows, low, high):.3f}" for name, points in groups.items())
    counted = f"{rows} {'row' if rows == 1 else 'rows'} of each, over all choices, for more rows alone reach higher"
    console.print(
        f"Area under the frontier (mean of the best accuracy for the cost, from {_amount(low)} to {_amount(high)} on a "
        f"log axis; {counted}): {areas}.",
        style="dim",
    )
