"""A leader's cells and what its diagnostics say of them (`analysis.diagnostics`)."""

from __future__ import annotations

from dataclasses import replace
from statistics import mean
from typing import TYPE_CHECKING

import numpy as np

from mlpo_bench.analysis.diagnostics import LeaderDiagnostics, diagnose_round, difficulties
from mlpo_bench.analysis.gains import Gain, OtherOrder, added_round
from mlpo_bench.analysis.position_bias import places
from mlpo_bench.analysis.redundancy import similarity
from mlpo_bench.analysis.rounds import RoundReader, table
from mlpo_bench.analysis.rows import compared, read_rows
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlpo_bench.analysis.diagnostics import RoundDiagnostics
    from mlpo_bench.analysis.round_table import RoundTable
    from mlpo_bench.analysis.rounds import LeaderRounds, Round
    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.log.run import LoadedRun
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.protocols import Protocol


def leader_rows(rows: Sequence[ResultRow]) -> list[ResultRow]:
    """Return the rows that a leader led."""
    return [row for row in rows if row.family == "led"]


def diagnose(run: LoadedRun, row: ResultRow, beside: Sequence[ResultRow] | None = None) -> LeaderDiagnostics:
    """Return a leader row's figures over one suite, its seeds pooled.

    Args:
        run: The run.
        row: One of `leader_rows`.
        beside: All rows of the run, for comparisons; read where they are not given.

    Raises:
        UsageError: the row has no leader, or one that never asked its peers; or the run was made before its ledgers
            told which turns were right.
    """
    if row.family != "led":
        raise UsageError(f"{row.name} has no leader; diagnostics are of leaders and their peers.")
    reader = RoundReader(run)
    conversations = reader.read(row)
    if not conversations.rounds:
        raise UsageError(f"{row.name} on {row.suite}: the leader never asked its peers, so there is nothing to tell.")
    every = read_rows(run) if beside is None else beside
    others = [other for other in every if other.suite == row.suite and other.scores.keys() & row.scores.keys()]
    tables = _Tables(reader.cell(row), row)
    rounds = [tables.figures(of_round, number) for number, of_round in enumerate(conversations.rounds)]
    all_the_same = conversations.last == conversations.rounds[-1]
    final = replace(rounds[-1], round=None) if all_the_same else tables.figures(conversations.last, None)
    return LeaderDiagnostics(
        suite=row.suite,
        name=row.name,
        peers=row.peers,
        seeds=len(row.cells),
        shuffled=tables.shuffled,
        alone=conversations.alone,
        similarity=similarity(reader.openings(row), row.subjects),
        final=final,
        rounds=tuple(rounds),
        added_rounds=tuple(tables.added(conversations, number) for number in range(1, len(rounds))),
        over=tuple(_over(reader, row, others)),
        other_order=_other_order(reader, row, others),
    )


def diagnose_all(run: LoadedRun, word: str | None = None) -> tuple[list[LeaderDiagnostics], list[str]]:
    """Return the figures of all leaders of a run, or of those with a word in their name or their cells'.

    Returns:
        The figures, in the order of the matrix, and why some leaders have none.

    Raises:
        UsageError: the run has no such leader, or none that has figures.
    """
    every = read_rows(run)
    led = leader_rows(every)
    if not led:
        raise UsageError(f"the run {run.path} has no cell of a leader that has come to its end.")
    named = [row for row in led if not word or word in row.name or any(word in cell.cell for cell in row.cells)]
    if not named:
        listed = "; ".join(dict.fromkeys(row.name for row in led))
        raise UsageError(f"no leader has {word!r} in its name. Leaders: {listed}.")
    diagnostics, faults = [], []
    for row in named:
        try:
            diagnostics.append(diagnose(run, row, every))
        except UsageError as fault:
            faults.append(fault)
    if not diagnostics:
        raise faults[0]
    return diagnostics, [str(fault) for fault in faults]


class _Tables:
    """Makes tables of a row's rounds, and figures of the tables."""

    def __init__(self, cell: Cell, row: ResultRow) -> None:
        self._seats = [seat for seat in cell.setting.team.seats if seat != "leader"]
        self._subjects = row.subjects
        self._difficulty: dict[str, float] = {}
        self.shuffled = cell.setting.protocol.settings.get("order") == "shuffled"

    def table(self, rounds: Sequence[Round]) -> RoundTable:
        return table(rounds, self._seats, self._subjects)

    def figures(self, rounds: Sequence[Round], number: int | None) -> RoundDiagnostics:
        led = self.table(rounds)
        self._difficulty = self._difficulty or difficulties(led)  # the first round is the first to be asked for
        difficulty = np.array([self._difficulty[question] for question in led.questions])
        return diagnose_round(led, number=number, shuffled=self.shuffled, difficulty=difficulty)

    def added(self, conversations: LeaderRounds, number: int) -> Gain:
        both = conversations.both(number)
        before, after = ([pair[place] for pair in both] for place in (0, 1))
        tokens = [mean(one.tokens for one in rounds) for rounds in (before, after)]
        return added_round(self.table(before), self.table(after), number, *tokens)


def _over(reader: RoundReader, row: ResultRow, others: Sequence[ResultRow]) -> Iterator[Gain]:
    """Yield what the row has over its leader alone, over a round less, and over the next smaller team."""
    cell = reader.cell(row)
    cells = {id(other): reader.cell(other) for other in others}

    def gain(other: ResultRow, kind: str) -> Gain:
        return Gain.of(other.name, kind, compared(row, other), row.cost.tokens, other.cost.tokens)

    for other in others:
        if other.family == "solo" and other.alone and other.member == row.leader:
            yield gain(other, "solo")
    protocol = cell.setting.protocol
    if (depth := protocol.depth) is not None and row.settings[depth] > 1:
        shorter = replace(protocol, **{depth: row.settings[depth] - 1})
        fewer = [other for other in others if _led(cells[id(other)], cell, shorter)]
        yield from (gain(other, "rounds") for other in fewer if other.peers == row.peers)
    smaller = [other for other in others if _led(cells[id(other)], cell, protocol) and other.peers < row.peers]
    if smaller:
        yield gain(max(smaller, key=lambda other: other.peers), "peers")


def _other_order(reader: RoundReader, row: ResultRow, others: Sequence[ResultRow]) -> OtherOrder | None:
    cell = reader.cell(row)
    protocol = cell.setting.protocol
    if "order" not in protocol.settings:
        return None
    turned = {"order": "fixed" if protocol.settings["order"] == "shuffled" else "shuffled"}
    other_way = replace(protocol, **turned)
    for other in others:
        if other.peers == row.peers and _led(reader.cell(other), cell, other_way):
            tables = _Tables(reader.cell(other), other)
            of_other = places(tables.table(reader.read(other).last), shuffled=tables.shuffled)
            return OtherOrder(other.name, compared(row, other), of_other)
    return None


def _led(other: Cell, cell: Cell, protocol: Protocol) -> bool:
    """Return whether another cell is under this protocol, by the same leader as a cell, of the first of its peers.

    It may stand under another team's name: what teams have in common stands under the first of them.
    """
    team, whole = other.setting.team, cell.setting.team
    same_members = team.leader == whole.leader and team.peers == whole.peers[: len(team.peers)]
    return same_members and other.setting.protocol == protocol
