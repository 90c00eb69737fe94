"""All ballots that a run drew of one model's own answers, and what a vote of any number of them comes to."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cached_property
from math import ceil, comb, floor
from statistics import mean
from typing import TYPE_CHECKING

import pyarrow as pa

from mlpo_bench.analysis.sides import Side
from mlpo_bench.log.ledger import CACHE_WRITES, Spent, with_cache_writes
from mlpo_bench.stats import vote_score


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.log.results import CellResult
    from mlpo_bench.log.run import LoadedRun
    from mlpo_bench.teams import Member, Price

_TOKENS = ["prompt_tokens", "cached_tokens", "completion_tokens", CACHE_WRITES]
_COLUMNS = ["question", "answer", "right", "request", *_TOKENS]
FEWEST = 2
"""Fewer ballots than these are no vote."""
_SPARE = 10  # one question of so many may be left out for want of ballots


@dataclass(frozen=True, slots=True)
class Ballots:
    """What was answered to one question: how often each answer was given, right ones and others."""

    right: tuple[int, ...]
    wrong: tuple[int, ...]
    unread: int

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(self.right) + sum(self.wrong) + self.unread

    def score(self, ballots: float) -> float:
        """Return what a vote of so many scores on average."""
        return vote_score(self.right, self.wrong, self.unread, ballots)

    def unread_by(self, ballots: float) -> float:
        """Return the chance that none of so many can be read."""
        fewer, part = floor(ballots), ballots - floor(ballots)
        low, high = (comb(self.unread, n) / comb(self.total, n) for n in (fewer, ceil(ballots)))
        return (1 - part) * low + part * high


@dataclass(frozen=True)
class BallotBox:
    """The ballots of one model on one suite, over all seeds.

    `questions` holds those of each question, `subjects` its subject, and `spent` what all of them took together, of a
    model of so many `parameters` at a `price`; each of the two is None where it is not known. `greedy` tells that
    several ballots were asked for and are one and the same, so that every vote is that answer.
    """

    questions: dict[str, Ballots]
    subjects: dict[str, str]
    spent: Spent
    parameters: int | None
    price: Price | None
    greedy: bool = False

    @cached_property
    def most(self) -> int:
        """How many ballots all questions have but the few that a vote leaves out.

        A draw that failed leaves its question with fewer ballots than the others, and costs that question alone: those
        with too few for any vote are left out, and of all questions a tenth (one at least) for larger votes.
        """
        totals = sorted(each.total for each in self.questions.values())
        enough = [total for total in totals if total >= FEWEST]
        if not enough:
            return totals[-1]
        spare = max(len(totals) // _SPARE, 1) - (len(totals) - len(enough))
        return enough[min(max(spare, 0), len(enough) - 1)]

    def a_ballot(self, total: float) -> float:
        """Return what a ballot took on average of what all took."""
        return total / self.spent.calls

    @property
    def tokens(self) -> float:
        """What a ballot took of tokens."""
        return self.a_ballot(self.spent.usage.total)

    @property
    def operations(self) -> float | None:
        """What a ballot took of operations."""
        done = self.spent.operations(self.parameters)
        return None if done is None else self.a_ballot(done)

    @property
    def cost(self) -> float | None:
        """What a ballot cost."""
        return None if self.price is None else self.a_ballot(self.price.of(self.spent.usage))

    def vote(self, ballots: float) -> Side:
        """Return the vote of so many ballots, from one to `most`, on the questions that have as many."""
        counted = {question: each for question, each in self.questions.items() if each.total >= ballots}
        return Side(
            name=f"vote of {ballots:.4g}",
            scores={question: each.score(ballots) for question, each in counted.items()},
            subjects=self.subjects,
            tokens=ballots * self.tokens,
            operations=None if self.operations is None else ballots * self.operations,
            price=None if self.cost is None else ballots * self.cost,
            unread=mean(each.unread_by(ballots) for each in counted.values()),
        )


def ballot_boxes(run: LoadedRun, rows: Sequence[ResultRow]) -> dict[tuple[str, Member], BallotBox]:
    """Return the ballots of each model that answered alone, by suite and model: those of all its votes and seeds.

    Equal requests of several rows are one ballot. Runs from before turns were judged have none.
    """
    drawn: defaultdict[tuple[str, Member], list[ResultRow]] = defaultdict(list)
    for row in rows:
        if row.alone and _draws(run, row):
            drawn[row.suite, leader_of(run, row)].append(row)
    return {of: _box(run, rows, [cell for row in rows for cell in row.cells]) for of, rows in drawn.items()}


def ballots_of(run: LoadedRun, row: ResultRow, cells: Sequence[CellResult]) -> dict[str, Ballots] | None:
    """Return the ballots of some of a row's cells by question; None where it is no vote of one member's answers."""
    return _box(run, [row], cells).questions if not row.peers and _draws(run, row) else None


def _draws(run: LoadedRun, row: ResultRow) -> bool:
    return row.protocol in {"solo", "vote"} and _judged(run, row)


def _judged(run: LoadedRun, row: ResultRow) -> bool:
    ledgers = (run.turns(cell.cell) for cell in row.cells)
    return all("answer" in ledger.column_names for ledger in ledgers)


def leader_of(run: LoadedRun, row: ResultRow) -> Member:
    """Return who sits in a row's leader's seat."""
    return run.cell[row.cells[0].cell].setting.team.leader


def _box(run: LoadedRun, rows: Sequence[ResultRow], cells: Sequence[CellResult]) -> BallotBox:
    ledgers = [with_cache_writes(run.turns(cell.cell)).select(_COLUMNS) for cell in cells]
    subjects = {question: subject for row in rows for question, subject in row.subjects.items()}
    # Only greedy draws of one cell are one request.
    greedy = any(len(ledger) > len(ledger.group_by(["question", "request"]).aggregate([])) for ledger in ledgers)
    seen: set[tuple[str, int]] = set()
    answers: defaultdict[str, Counter[tuple[str | None, bool]]] = defaultdict(Counter)
    spent = [0] * len(_TOKENS)
    for question, answer, right, request, *tokens in zip(*pa.concat_tables(ledgers).to_pydict().values(), strict=True):
        if question in subjects and (question, request) not in seen:
            seen.add((question, request))
            answers[question][answer, right] += 1
            spent = [total + more for total, more in zip(spent, tokens, strict=True)]
    seat = next(seat for cell in cells for seat in cell.seats.values())  # a cell without any answer has none
    return BallotBox(
        questions={question: _counted(answers[question]) for question in subjects if question in answers},
        subjects=subjects,
        spent=Spent(calls=len(seen), **dict(zip(_TOKENS, spent, strict=True))),
        parameters=seat.parameters,
        price=run.config.prices.get(seat.model),
        greedy=greedy,
    )


def _counted(answers: Counter[tuple[str | None, bool]]) -> Ballots:
    read = {answer: count for answer, count in answers.items() if answer[0] is not None}
    return Ballots(
        right=tuple(sorted(count for (_, right), count in read.items() if right)),
        wrong=tuple(sorted(count for (_, right), count in read.items() if not right)),
        unread=answers.total() - sum(read.values()),
    )
