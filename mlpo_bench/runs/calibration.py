"""What each member of a team gets right alone on the train split: what weighted votes are weighted with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench.errors import BadInput, EngineFault
from mlpo_bench.harness.suite import Suite
from mlpo_bench.protocols import Setting, Solo
from mlpo_bench.runs.conversing import InFlight
from mlpo_bench.runs.judging import judged
from mlpo_bench.teams import Team


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.config import RunConfig
    from mlpo_bench.dispatch import Dispatch
    from mlpo_bench.harness.suite import Asked
    from mlpo_bench.matrix import Cell
    from mlpo_bench.runs.watcher import Watcher
    from mlpo_bench.teams import Member

    _Place = tuple[Member, str, int]


async def calibrated(cells: Sequence[Cell], config: RunConfig, dispatch: Dispatch, watcher: Watcher) -> list[Cell]:
    """Return the cells, those that weigh with their members' scores.

    A score is the share of `config.calibration` train questions of the suite that the member answers right, alone.
    Where a member could not answer, cells that weigh it are said not to be run, and left out.

    Raises:
        BadInput: the run asks train questions itself, or a suite has none.
        Stopped: nothing more is asked.
    """
    weighing = [cell for cell in cells if cell.setting.protocol.weighs]
    if weighing and config.split != "test":
        raise BadInput("votes are weighted on the train split, so they can be run on the test split alone.")
    scores: dict[_Place, float] = {}
    for name in dict.fromkeys(cell.suite for cell in weighing):
        data = Path(config.data) if config.data else None
        suite = Suite(name, split="train", limit=config.calibration, data=data)
        watcher.say(f"{name}: weighing ballots by {len(suite.asked)} train questions")
        for cell in weighing:
            if cell.suite == name:
                try:
                    await _weigh(cell, suite, dispatch, scores)
                except EngineFault as fault:
                    watcher.say(f"{name}, {cell.label}: not run. {fault}")
    weighed = {cell.id for cell in weighing if set(_places(cell).values()) <= scores.keys()}
    return [
        _weighted(cell, scores) if cell.id in weighed else cell
        for cell in cells
        if cell.id in weighed or not cell.setting.protocol.weighs
    ]


def _places(cell: Cell) -> dict[Member, _Place]:
    """Return under what the scores of a cell's members are kept."""
    return {member: (member, cell.suite, cell.setting.seed) for member in cell.setting.team.distinct}


async def _weigh(cell: Cell, suite: Suite, dispatch: Dispatch, scores: dict[_Place, float]) -> None:
    """Add the scores of a cell's members that are not known yet."""
    for member, place in _places(cell).items():
        if place not in scores:
            scores[place] = await _score(replace(cell, setting=_alone(cell, member)), suite, dispatch)


def _alone(cell: Cell, member: Member) -> Setting:
    return replace(cell.setting, team=Team(leader=member, peers=()), protocol=Solo())


async def _score(cell: Cell, suite: Suite, dispatch: Dispatch) -> float:
    right = 0

    async def answer(asked: Asked) -> None:
        nonlocal right
        transcript = await cell.setting.converse(asked.question, dispatch, asked.sampling)
        right += (await judged(cell, suite, asked, transcript)).verdict.right

    async with InFlight() as flights:
        for asked in suite.asked:
            await flights.start(answer(asked))
    return right / len(suite.asked)


def _weighted(cell: Cell, scores: Mapping[_Place, float]) -> Cell:
    weights = {member: scores[place] for member, place in _places(cell).items()}
    return replace(cell, setting=replace(cell.setting, weights=weights))
