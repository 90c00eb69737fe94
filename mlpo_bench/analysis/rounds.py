"""What leaders heard and said, read back from ledgers and transcripts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpo_bench.analysis.diagnostics import LEADER
from mlpo_bench.analysis.round_table import UNREAD, RoundTable
from mlpo_bench.errors import UsageError
from mlpo_bench.protocols.seeding import shuffler


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.log.run import LoadedRun
    from mlpo_bench.matrix.cells import Cell

    Turn = dict[str, Any]
    Place = tuple[str, int]

# Pairs of texts are compared on so many questions at most; more would say no more of how alike peers write.
SAMPLED = 300
_TOKENS = ("prompt_tokens", "cached_tokens", "completion_tokens")
_NEEDED = ("question", "seat", "round", "stage", "answer", "right", "cut_off", *_TOKENS)


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one conversation: the leader's verdict, the peers' attempts in the order of their seats.

    `conversation` is its question and its seed; `order` the places of the peers' attempts in the leader's prompt;
    `tokens` what the conversation took until the end of this round.
    """

    conversation: Place
    number: int
    peers: tuple[Turn, ...]
    verdict: Turn
    order: tuple[int, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class LeaderRounds:
    """All conversations of a leader's row.

    `rounds` are in the order of their numbers, `last` holds each conversation's last. `alone` counts conversations in
    which the leader asked nobody.
    """

    rounds: tuple[tuple[Round, ...], ...]
    last: tuple[Round, ...]
    alone: int

    def both(self, number: int) -> list[tuple[Round, Round]]:
        """Return a round of each conversation that got so far, and the one before it."""
        before = {one.conversation: one for one in self.rounds[number - 1]}
        return [(before[one.conversation], one) for one in self.rounds[number]]


class RoundReader:
    """Reads what the leaders of one run heard and said."""

    def __init__(self, run: LoadedRun) -> None:
        self._run = run

    @cached_property
    def _cells(self) -> dict[str, Cell]:
        return self._run.cell

    def cell(self, row: ResultRow) -> Cell:
        """Return a row's cell with its first seed: what it asks whom, in which setting."""
        return self._cells[row.cells[0].cell]

    def read(self, row: ResultRow) -> LeaderRounds:
        """Read a leader's row.

        Raises:
            UsageError: the run was made before ledgers told which turns were right.
        """
        conversations = list(self._conversations(row))
        held = [rounds for rounds in conversations if rounds]
        depth = max(map(len, held), default=0)
        return LeaderRounds(
            rounds=tuple(tuple(rounds[n] for rounds in held if n < len(rounds)) for n in range(depth)),
            last=tuple(rounds[-1] for rounds in held),
            alone=len(conversations) - len(held),
        )

    def openings(self, row: ResultRow) -> dict[str, list[str]]:
        """Return what the peers first wrote on a sample of questions, by its id, from the first seed's transcripts."""
        asked = sorted(row.scores)
        sample = set(shuffler(0, row.suite, "openings").sample(asked, min(SAMPLED, len(asked))))
        lines = self._run.transcripts(self.cell(row))
        return {
            line["question"]: [turn["text"] for turn in line["turns"] if turn["round"] == 0 and turn["seat"] != LEADER]
            for line in lines
            if line["question"] in sample and "turns" in line
        }

    def _conversations(self, row: ResultRow) -> Iterator[list[Round]]:
        """Yield the rounds of each conversation, none for one in which no peer was asked."""
        for result in row.cells:
            cell, turns = self._cells[result.cell], defaultdict[str, list["Turn"]](list)
            for turn in _turns(self._run, cell):
                turns[turn["question"]].append(turn)
            for question, of_question in turns.items():
                yield list(_rounds(cell, question, of_question))


def table(rounds: Sequence[Round], seats: Sequence[str], subjects: Mapping[str, str]) -> RoundTable:
    """Put rounds of many conversations into one table."""
    numbers: defaultdict[str, int] = defaultdict(lambda: len(numbers))

    def answers(turns: Sequence[Turn]) -> list[int]:
        return [UNREAD if turn["answer"] is None else numbers[turn["answer"]] for turn in turns]

    peers, verdicts = [one.peers for one in rounds], [one.verdict for one in rounds]
    shape = len(rounds), len(seats)
    return RoundTable(
        questions=tuple(one.conversation[0] for one in rounds),
        subjects=tuple(subjects[one.conversation[0]] for one in rounds),
        seats=tuple(seats),
        answers=np.array([answers(turns) for turns in peers], dtype=np.int64).reshape(shape),
        right=_bools([[turn["right"] for turn in turns] for turns in peers]).reshape(shape),
        cut_off=_bools([[turn["cut_off"] for turn in turns] for turns in peers]).reshape(shape),
        order=np.array([one.order for one in rounds], dtype=np.int64).reshape(shape),
        verdict=np.array(answers(verdicts), dtype=np.int64),
        verdict_right=_bools([turn["right"] for turn in verdicts]),
        verdict_cut_off=_bools([turn["cut_off"] for turn in verdicts]),
    )


def seen_order(cell: Cell, question: str, number: int) -> tuple[int, ...]:
    """Return which peer's attempt, counted from 0, stood at each place of what the leader read in a round."""
    setting = cell.setting
    return tuple(setting.protocol.reading_order(cell.peers, question, number, setting.seed))


def _turns(run: LoadedRun, cell: Cell) -> list[Turn]:
    ledger = run.turns(cell.id)
    if not set(_NEEDED) <= set(ledger.column_names):
        raise UsageError(
            f"the run {run.path} was made before its ledger told which turns were right. Run its configuration "
            f"again under another name (`--config {run.path}/config.yaml --name ...`): answers in the store are not "
            "asked for again."
        )
    turns: list[Turn] = ledger.select(_NEEDED).to_pylist()
    return turns


def _rounds(cell: Cell, question: str, turns: Sequence[Turn]) -> Iterator[Round]:
    """Yield a conversation's rounds; what the leader said before it asked anybody is in their tokens only."""
    seats = [seat for seat in cell.setting.team.seats if seat != LEADER]
    taken = 0
    for number in range(1 + max(turn["round"] for turn in turns)):
        here = [turn for turn in turns if turn["round"] == number]
        taken += sum(turn[kind] for turn in here for kind in _TOKENS)
        attempts = {turn["seat"]: turn for turn in here if turn["seat"] != LEADER}
        if attempts:
            peers = tuple(attempts[seat] for seat in seats)
            verdict = max((turn for turn in here if turn["seat"] == LEADER), key=lambda turn: int(turn["stage"]))
            order = seen_order(cell, question, number)
            yield Round((question, cell.setting.seed), number, peers, verdict, order, taken)


def _bools(values: Sequence[Any]) -> NDArray[np.bool_]:
    return np.array(values, dtype=bool)
