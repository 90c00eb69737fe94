"""Which of a run's rows are held against which vote: every team's against its leader's own answers, at its own cost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mlpo_bench.analysis import limits
from mlpo_bench.analysis.ballots import FEWEST, ballot_boxes, leader_of
from mlpo_bench.analysis.chance import chance
from mlpo_bench.analysis.judging import judged
from mlpo_bench.analysis.sides import Match, Side
from mlpo_bench.stats import Sampled


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.analysis.ballots import BallotBox
    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.analysis.sides import Equal
    from mlpo_bench.analysis.verdict import Verdicts
    from mlpo_bench.log.run import LoadedRun


def verdicts(run: LoadedRun, rows: Sequence[ResultRow], equal: Equal = "tokens") -> Verdicts:
    """Hold each team's rows against the vote of its leader's own answers that takes as much.

    The vote is the mean over all votes of so many of the ballots that the run drew, over all its votes and seeds.
    Where a row took more than all of them, it is held against all of them, and the verdict says so.

    Args:
        run: The run.
        rows: Its rows (`rows.read_rows`).
        equal: What the vote takes as much of.
    """
    boxes = ballot_boxes(run, rows)
    matches, without, unknown = [], [], 0
    for row in rows:
        if row.alone or row.ceiling or row.family == "solo":
            continue
        box = boxes.get((row.suite, leader_of(run, row)))
        match = None if box is None else _match(run, row, box, equal)
        if match is not None:
            matches.append(match)
        elif row.family == "led":
            without.append((row.suite, row.name))
            unknown += box is not None and not _is_known(run, row, box, equal)
    made = judged(matches, without)
    suites = dict.fromkeys(one.suite for one in made.unread)
    guessed = {suite: share for suite in suites if (share := chance(run, suite)) is not None}
    unfinished = bool(run.results.unfinished or run.results.failed)
    cost = equal if unknown and unknown == len(without) else None
    return replace(made, chance=guessed, limited=limits.of_rows(run, rows), unfinished=unfinished, unknown=cost)


def _is_known(run: LoadedRun, row: ResultRow, box: BallotBox, equal: Equal) -> bool:
    """Whether it is known what a row and a ballot took of what the two are to have in common."""
    side = _side(run, row)
    known = {"operations": (side.operations, box.operations), "price": (side.price, box.cost)}
    return None not in known.get(equal, ())


def _match(run: LoadedRun, row: ResultRow, box: BallotBox, equal: Equal) -> Match | None:
    side = _side(run, row)
    return matched(
        side, box, equal, suite=row.suite, calls=row.cost.calls, draws=len(row.cells), led=row.family == "led"
    )


def matched(
    side: Side, box: BallotBox, equal: Equal, *, suite: str, calls: float, draws: int, led: bool
) -> Match | None:
    """Return a row's match with the vote that takes as much; with all ballots at hand where it took more than these.

    None where the row's cost is not known, a vote has but one ballot, or the two have no question in common. Greedy
    ballots are all one answer, which is the vote.

    Args:
        side: The row.
        box: The ballots at hand.
        equal: What the two are to have in common.
        suite: Of which suite.
        calls: How many completions a question of the row took.
        draws: How many seeds the row has.
        led: Whether a leader leads it.
    """
    took = {"tokens": side.tokens, "operations": side.operations, "price": side.price, "calls": calls}[equal]
    each = {"tokens": box.tokens, "operations": box.operations, "price": box.cost, "calls": 1.0}[equal]
    single = box.most < FEWEST
    if took is None or not each or (single and not box.greedy):
        return None
    ballots = min(max(took / each, 1.0), box.most)
    vote = box.vote(ballots)
    if side.scores.keys().isdisjoint(vote.scores):
        return None
    drawn = Sampled(draws=draws, votes=box.most / ballots)
    return Match(suite, side, vote, equal, ballots, calls, drawn, led=led, greedy=single)


def _side(run: LoadedRun, row: ResultRow) -> Side:
    return Side(
        name=row.name,
        scores=row.scores,
        subjects=row.subjects,
        tokens=row.cost.tokens,
        operations=row.cost.operations,
        price=row.price(run.config.prices),
        unread=row.unread,
    )
