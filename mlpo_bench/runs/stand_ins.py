"""What an intervention puts in the place of peers' texts: found by the harness, which knows which answers are right.

Attempts are completions of the very requests that teams and votes open with, so that a store has most of them. No
protocol ever learns of a gold answer: it is handed texts.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mlpo_bench.answers import FORMATS
from mlpo_bench.protocols import StandIns, shuffler
from mlpo_bench.protocols.draws import numbered
from mlpo_bench.protocols.interventions import LAID_READY, PUSHING
from mlpo_bench.protocols.transcript import NOTHING_READY


if TYPE_CHECKING:
    import random
    from collections.abc import Hashable, Iterable, Sequence

    from mlpo_bench.dispatch import Dispatch
    from mlpo_bench.harness.samples import Sample
    from mlpo_bench.harness.suite import SuiteTasks
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.protocols import Intervention, Room, Seat, Transcript, Turn


ELSEWHERE = 16
"""At so many other questions an answer is looked for that is wrong at this one, where nobody gave one here."""


async def converse(
    cell: Cell, suite: SuiteTasks, sample: Sample, dispatch: Dispatch, *, rehearsed: bool = False
) -> Transcript:
    """Hold a cell's conversation over one question, with what its intervention needs.

    Args:
        cell: The cell.
        suite: Its suite.
        sample: The question.
        dispatch: The way to the engines.
        rehearsed: Whether answers say nothing: then any attempt will do.

    Raises:
        EngineError: an engine failed for good, or a prompt did not fit.
        Stopped: nothing more is asked.
    """
    stand_ins = NOTHING_READY
    if (intervention := cell.setting.intervention) is not None:
        stand_ins = await _Search(cell, suite, sample, dispatch, rehearsed=rehearsed).for_(intervention)
    return await cell.setting.converse(sample.question, dispatch, sample.sampling, stand_ins)


class _Search:
    """Looks for what an intervention needs in one conversation."""

    def __init__(self, cell: Cell, suite: SuiteTasks, sample: Sample, dispatch: Dispatch, *, rehearsed: bool) -> None:
        self._cell, self._suite, self._sample, self._dispatch = cell, suite, sample, dispatch
        self._rehearsed = rehearsed
        setting = cell.setting
        self._voices = setting.protocol.voices(setting.seats)
        self._drawn: dict[bytes, Turn] = {}

    async def for_(self, intervention: Intervention) -> StandIns:
        texts: Sequence[str | None] = ()
        pushed = None
        places = intervention.places(len(self._voices), self._cell.setting.seed, self._sample.question.id)
        if intervention.kind in LAID_READY:
            find = self._elsewhere if intervention.kind == "noise" else self._planted
            found = await find(intervention, places)
            texts = [found.get(place) for place in range(len(self._voices))]
        elif intervention.kind in PUSHING:
            pushed = await self._wrong_answer(intervention)
        return StandIns(tuple(texts), pushed, tuple(self._drawn.values()))

    async def _elsewhere(self, _: Intervention, places: Sequence[int]) -> dict[int, str]:
        """Return what each place's member opened with at another question of the suite, each at one of its own."""
        samples = self._suite.samples
        others = samples.others(self._sample)
        drawn = self._draws("noise").sample(others, min(len(self._voices), len(others)))
        draws = [samples[place] for place in drawn]
        found = {}
        for place in places:
            if place < len(draws):
                found[place] = (await self._opening(place, draws[place])).written
        return found

    async def _planted(self, intervention: Intervention, places: Sequence[int]) -> dict[int, str]:
        """Return an attempt at the question for each place that is right, or wrong: another than its own, if any is."""
        wanted, found = intervention.kind == "right", {}
        used: set[tuple[Hashable, int]] = set()
        asked = self._asked(self._sample)
        for place in places:
            seat, own = self._voices[place], numbered(asked)[place]
            pool = await self._attempts(seat, intervention.pool)
            fit = [number for number, turn in enumerate(pool) if await self._fits(turn, right=wanted)]
            fresh = [number for number in fit if number != own and (asked[place], number) not in used] or fit
            if fresh:
                number = self._draws(intervention.kind, place).choice(fresh)
                used.add((asked[place], number))
                found[place] = pool[number].written
        return found

    async def _wrong_answer(self, intervention: Intervention) -> str | None:
        """Return an answer that is wrong here: one that was given here, or else at another question of this form."""
        here = [turn for seat in self._members() for turn in await self._attempts(seat, intervention.pool)]
        given = [turn.answer or "?" for turn in here if await self._fits(turn, right=False)]
        if not given:
            samples = self._suite.samples
            alike = samples.others(self._sample, self._sample.question.answer_format)
            some = self._draws("elsewhere").sample(alike, min(ELSEWHERE, len(alike)))
            there = [(await self._opening(0, samples[place])).answer for place in some]
            given = [answer for answer in there if answer is not None and await self._possible(answer)]
        distinct = list(dict.fromkeys(given))
        return self._draws("pushed").choice(distinct) if distinct else None

    async def _possible(self, answer: str) -> bool:
        """Whether an answer to another question could be given to this one, and would be wrong."""
        question = self._sample.question
        if question.answer_format == "option" and answer not in question.prompt:
            return False
        return not await self._right(answer)

    async def _fits(self, turn: Turn, *, right: bool) -> bool:
        return self._rehearsed or (turn.answer is not None and await self._right(turn.answer) == right)

    async def _right(self, answer: str) -> bool:
        if FORMATS[self._sample.question.answer_format].slow:
            return await asyncio.to_thread(self._suite.right, self._sample, answer)
        return self._suite.right(self._sample, answer)

    async def _attempts(self, seat: Seat, count: int) -> list[Turn]:
        """Return the first answers of a member to the question: the first ballots of its vote."""
        question = self._sample.question
        return self._noted(await self._room(self._sample).ask_each([seat] * count, question.prompt, round=0))

    async def _opening(self, place: int, sample: Sample) -> Turn:
        """Return what a place's member opens with at a question."""
        room, prompt = self._room(sample), sample.question.prompt
        own = numbered(self._asked(sample))[place]
        turn = await room.ask(self._voices[place], prompt, round=0, sample=own)
        return self._noted([turn])[0]

    def _room(self, sample: Sample) -> Room:
        return self._cell.setting.room(sample.question, self._dispatch, sample.sampling)

    def _noted(self, turns: list[Turn]) -> list[Turn]:
        self._drawn |= {turn.request: turn for turn in turns}
        return turns

    def _asked(self, sample: Sample) -> list[Hashable]:
        """Return what each place opens with at a question: equal things where it draws from what another draws from."""
        return self._room(sample).alike(self._voices, sample.question.prompt)

    def _members(self) -> Iterable[Seat]:
        """Return a seat for each distinct member that writes what others read, where they are not asked the same."""
        asked = self._asked(self._sample)
        return {asked[place]: self._voices[place] for place in reversed(range(len(self._voices)))}.values()

    def _draws(self, *what: object) -> random.Random:
        return shuffler(self._cell.setting.seed, self._sample.question.id, "stand-in", *what)
