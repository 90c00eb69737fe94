"""How many ballots a vote needs to spend what another cell spends, and how many tokens a lone thinker has for it."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from mlpo_bench.errors import EngineError
from mlpo_bench.log.completions import Kept
from mlpo_bench.runs.scheduler import InFlight


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from mlpo_bench.chat import Usage
    from mlpo_bench.dispatch import Dispatch
    from mlpo_bench.harness.samples import Sample
    from mlpo_bench.harness.suite import SuiteTasks
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.protocols.transcript import Turn

MOST_BALLOTS = 4096


@dataclass(frozen=True, slots=True)
class CellSpent:
    """What a cell spent on so many questions."""

    usage: Usage
    questions: int

    def of_a_question(self, cell: Cell) -> int:
        """Return the budget of a cell that has one for each question: what this cell spent on one, on average."""
        every = cell.setting.protocol.settings.get("counts") == "all"
        spent = self.usage.total if every else self.usage.completion
        return max(1, round(spent / self.questions))


async def matching_samples(budget: int, tokens_of: Callable[[int], Awaitable[np.ndarray]], *, first: int = 1) -> int:
    """Return the smallest number of ballots whose tokens reach a budget, and at least one.

    A vote of n holds the votes of fewer, so ballots are only ever added, about as many as the ones before suggest.

    Args:
        budget: tokens.
        tokens_of: draws n ballots for each question; returns the tokens of the first, second, ... n-th one, each
            summed over the questions.
        first: how many ballots to draw first. The result is the same for any number.

    Raises:
        EngineError: ballots are told to take no tokens at all, so none of their numbers reaches the budget.
    """
    count = first
    while True:
        spent = np.cumsum(await tokens_of(count))
        if spent[-1] >= budget or count == MOST_BALLOTS:
            return min(int(np.searchsorted(spent, budget)) + 1, count)
        if not spent[-1]:
            why = "the engine tells of no tokens, so how many ballots take as many as the other row is not known."
            raise EngineError(why, transient=False)
        missing = (budget - spent[-1]) / (spent[-1] / count)
        count = min(count + max(1, ceil(missing)), MOST_BALLOTS)


async def matched(cell: Cell, budget: int, suite: SuiteTasks, dispatch: Dispatch) -> tuple[Cell, list[Kept]]:
    """Return a vote with as many ballots as take the tokens of another cell, and the ballots drawn beyond them.

    Args:
        cell: the vote, with as many ballots as are drawn first.
        budget: the other cell's tokens.
        suite: the cell's suite.
        dispatch: the way to the engines.

    Raises:
        EngineError: a ballot could not be had.
        Stopped: nothing more is asked.
    """
    drawn = 0

    async def draw(count: int, seen: Callable[[Sequence[Turn]], None]) -> None:
        setting = cell.with_samples(count).setting

        async def vote(sample: Sample) -> None:
            seen((await setting.converse(sample.question, dispatch, sample.sampling)).turns)

        async with InFlight(dispatch.stop) as flights:
            for sample in suite.samples:
                await flights.start(vote(sample))

    async def tokens_of(count: int) -> np.ndarray:
        nonlocal drawn
        drawn, totals = count, np.zeros(count, dtype=np.int64)

        def add(turns: Sequence[Turn]) -> None:
            totals[:] += [turn.usage.total for turn in turns]

        await draw(count, add)
        return totals

    assert cell.samples is not None
    count = await matching_samples(budget, tokens_of, first=cell.samples)
    beyond: list[Kept] = []
    if drawn > count:  # they are told again rather than held from the first: most draws have none
        makers = {seat: dispatch.maker(member) for seat, member in cell.setting.team.seats.items()}

        def keep(turns: Sequence[Turn]) -> None:
            beyond.extend(Kept(turn.request, turn.completion, by=makers[turn.seat]) for turn in turns[count:])

        await draw(drawn, keep)
    return cell.with_samples(count), beyond
