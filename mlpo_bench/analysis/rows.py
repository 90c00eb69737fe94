"""What statistics take: a score for each question of a row, over all its seeds, and what a question cost."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from mlpo_bench.errors import UsageError
from mlpo_bench.matrix.cells import teams
from mlpo_bench.matrix.config import row_name
from mlpo_bench.stats import accuracy, compare, macro, over_seeds


if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from mlpo_bench.log.results import CellResult
    from mlpo_bench.log.run import LoadedRun
    from mlpo_bench.protocols.base import Family
    from mlpo_bench.stats import Comparison, Estimate
    from mlpo_bench.teams import Member, Price


@dataclass(frozen=True, slots=True)
class RowCost:
    """What a question cost on average over a row's seeds, as if nothing were shared with other rows.

    `operations` is None where a model's size is not known, `serial_tokens` where an earlier version ran the row.
    """

    calls: float
    prompt_tokens: float
    cached_tokens: float
    completion_tokens: float
    seconds: float
    serial_calls: float
    serial_seconds: float
    operations: float | None
    serial_tokens: float | None

    @property
    def tokens(self) -> float:
        """All tokens: read afresh, found in a cache, and written."""
        return self.prompt_tokens + self.cached_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class ResultRow:
    """What the questions of one row came to: one suite under one protocol by one team, over all seeds.

    `scores` holds a question's score by its id: 0 or 1, or the mean over seeds. A question that a fault of the
    machinery left unanswered in every seed is not there. `subjects` names each question's subject.

    `leader` leads its team, and `member` sits in the leader's seat: another where a protocol has a row for each member,
    or asks peers alone. `leads` tells whether that one leads a team of the run, be it another: rows that teams share
    stand under the first of them.
    """

    suite: str
    team: str
    label: str
    cells: tuple[CellResult, ...]
    scores: dict[str, float]
    subjects: dict[str, str]
    leader: Member | None = None
    member: Member | None = None
    leads: bool = False

    @property
    def name(self) -> str:
        """What the row is called in tables, the same in every suite."""
        return row_name(self.team, self.label)

    @property
    def protocol(self) -> str:
        """The protocol's name."""
        return self.cells[0].protocol

    @property
    def settings(self) -> dict[str, Any]:
        """The protocol's settings; where ballots were counted for each seed, those of the first."""
        return self.cells[0].settings

    @property
    def family(self) -> Family:
        """What its protocol is alike to."""
        return self.cells[0].family

    @property
    def ceiling(self) -> bool:
        """Whether the harness chose its answers with the gold ones in hand: it is no rival to anything."""
        return self.cells[0].ceiling

    @property
    def alone(self) -> bool:
        """Whether it is what a leader's model does alone: one answer, or a vote of its own answers."""
        return self.cells[0].alone or (self.leads and self.family in {"solo", "vote"} and not self.peers)

    @property
    def peers(self) -> int:
        """How many peers sat in its team."""
        return self.cells[0].peers

    @property
    def matched(self) -> str | None:
        """The name of the cell whose tokens this row, a vote or a budget, was made to match."""
        return self.cells[0].matched

    @property
    def accuracy(self) -> Estimate:
        """The share of questions answered right, with an interval that allows for questions alike within a subject."""
        return accuracy(list(self.scores.values()), [self.subjects[question] for question in self.scores])

    @property
    def answered(self) -> int:
        """How many answers there are, over all seeds."""
        return sum(cell.n for cell in self.cells)

    @property
    def unread(self) -> float:
        """The share of answers that could not be read."""
        return sum(cell.unread for cell in self.cells) / self.answered

    @property
    def cut_off(self) -> float:
        """The share of final texts that reached their greatest length."""
        return sum(cell.cut_off for cell in self.cells) / self.answered

    @property
    def cost(self) -> RowCost:
        """What a question cost."""
        may_lack = ("operations", "serial_tokens")
        sums = {name: _whole([getattr(cell, name) for cell in self.cells]) for name in RowCost.__dataclass_fields__}
        means = {name: None if total is None else total / self.answered for name, total in sums.items()}
        assert None not in {value for name, value in means.items() if name not in may_lack}
        return RowCost(**means)  # type: ignore[arg-type]

    def machine_seconds(self, paces: Mapping[str, float]) -> float | None:
        """Return the seconds of its models' engines that a question took; None where a pace is not known.

        Engines answer many at once, so their time is shared out by the tokens that they write: `paces` are seconds of
        wall time for each, by model.
        """
        seats = [seat for cell in self.cells for seat in cell.seats.values()]
        if not seats or any(seat.model not in paces for seat in seats):
            return None
        return sum(seat.completion_tokens * paces[seat.model] for seat in seats) / self.answered

    def price(self, prices: Mapping[str, Price]) -> float | None:
        """Return the mean price of a question; None where a model has none."""
        seats = [seat for cell in self.cells for seat in cell.seats.values()]
        if any(seat.model not in prices for seat in seats):
            return None
        return sum(prices[seat.model].of(seat.usage) for seat in seats) / self.answered


def _whole(values: Sequence[float | None]) -> float | None:
    """Return the sum of some values; None where one is not known."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def read_rows(run: LoadedRun, only: Container[str] | None = None) -> list[ResultRow]:
    """Return the rows of a run in the order of its matrix: those with answers to show.

    What came of interventions is no row among others: see `intervened_rows`. Where `only` names cells, rows are what
    these alone came to.

    Raises:
        UsageError: no cell of the run has come to its end.
    """
    named = [cell for cell in run.results.cells if only is None or cell.cell in only]
    return _rows(run, [cell for cell in named if cell.plain is None])


def intervened_rows(run: LoadedRun) -> list[ResultRow]:
    """Return the rows in which something was altered of what seats read of one another.

    Raises:
        UsageError: no cell of the run has come to its end.
    """
    return _rows(run, [cell for cell in run.results.cells if cell.plain is not None])


def _rows(run: LoadedRun, cells: Sequence[CellResult]) -> list[ResultRow]:
    leaders = {name: team.leader for name, team in teams(run.config)}

    def place(cell: CellResult) -> tuple[str, str, str]:
        return cell.suite, cell.team, cell.label

    # A matrix holds a row's seeds one after the other; a run that was extended need not.
    first = {place(cell): number for number, cell in reversed(list(enumerate(cells)))}
    ordered = sorted(cells, key=lambda cell: first[place(cell)])
    rows = [_outcomes(run, list(seeds), leaders) for _, seeds in groupby(ordered, key=place)]
    return [row for row in rows if row.scores]


def _outcomes(run: LoadedRun, seeds: list[CellResult], leaders: Mapping[str, Member]) -> ResultRow:
    questions, subjects, verdicts = list[str](), list[str](), array("d")
    for cell in seeds:
        answered = run.records(cell.cell).answered
        questions += answered.column("question")
        subjects += answered.column("subject")
        verdicts.extend(map(float, answered.column("right")))
        del answered  # the other columns take a hundred bytes a question
    member = run.cell[seeds[0].cell].setting.team.leader
    return ResultRow(
        suite=seeds[0].suite,
        team=seeds[0].team,
        label=seeds[0].label,
        cells=tuple(seeds),
        scores=over_seeds(questions, verdicts),
        subjects=dict(zip(questions, subjects, strict=True)),
        leader=leaders[seeds[0].team],
        member=member,
        leads=member in leaders.values(),
    )


def common(a: ResultRow, b: ResultRow) -> tuple[list[float], list[float], list[str]]:
    """Return the scores of two rows on the questions that both answered, and the questions' subjects.

    Raises:
        UsageError: there are none.
    """
    questions = [question for question in a.scores if question in b.scores]
    if not questions:
        raise UsageError(f"{a.suite}: {a.name} and {b.name} have no question in common.")
    return [a.scores[q] for q in questions], [b.scores[q] for q in questions], [a.subjects[q] for q in questions]


def compared(a: ResultRow, b: ResultRow) -> Comparison:
    """Compare two rows on the questions that both answered.

    Raises:
        UsageError: there are none.
    """
    return compare(*common(a, b))


def by_name(rows: Iterable[ResultRow]) -> dict[str, dict[str, ResultRow]]:
    """Return rows by their names, and in each by suite."""
    named: dict[str, dict[str, ResultRow]] = {}
    for row in rows:
        named.setdefault(row.name, {})[row.suite] = row
    return named


def over_suites(rows: Mapping[str, ResultRow]) -> Estimate:
    """Return the mean accuracy over a row's suites, each counted the same, with its interval."""
    return macro({suite: row.accuracy for suite, row in rows.items()})
