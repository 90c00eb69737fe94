"""What each member of a team gets right alone on the train split: what weighted votes are weighted with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench.errors import BadInput
from mlpo_bench.harness.suite import Suite
from mlpo_bench.protocols import Setting, Solo
from mlpo_bench.runs.conversing import InFlight, judged
from mlpo_bench.teams import Team


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.config import RunConfig
    from mlpo_bench.dispatch import Dispatch
    from mlpo_bench.harness.suite import Asked
    from mlpo_bench.matrix import Cell
    from mlpo_bench.runs.watcher import Watcher
    from mlpo_bench.teams import Member


async def calibrated(cells: Sequence[Cell], config: RunConfig, dispatch: Dispatch, watcher: Watcher) -> list[Cell]:
    """Return the cells, those that weigh with their members' scores.

    A score is the share of `config.calibration` train questions of the suite that the member answers right, alone.

    Raises:
        BadInput: the run asks train questions itself, or a suite has none.
        EngineFault: a member could not answer.
    """
    weighing = [cell for cell in cells if cell.setting.protocol.weighs]
    if weighing and config.split != "test":
        raise BadInput("votes are weighted on the train split, so they can be run on the test split alone.")
    scores: dict[tuple[Member, str, int], float] = {}
    for name in dict.fromkeys(cell.suite for cell in weighing):
        data = Path(config.data) if config.data else None
        suite = Suite(name, split="train", limit=config.calibration, data=data)
        watcher.say(f"{name}: weighing ballots by {len(suite.asked)} train questions")
        for cell in weighing:
            for member in cell.setting.team.distinct:
                place = (member, name, cell.setting.seed)
                if cell.suite == name and place not in scores:
                    scores[place] = await _score(replace(cell, setting=_alone(cell, member)), suite, dispatch)
    return [_weighted(cell, scores) if cell.setting.protocol.weighs else cell for cell in cells]


def _alone(cell: Cell, member: Member) -> Setting:
    return replace(cell.setting, team=Team(leader=member, peers=()), protocol=Solo())


async def _score(cell: Cell, suite: Suite, dispatch: Dispatch) -> float:
    right = 0

    async def answer(asked: Asked) -> None:
        nonlocal right
        transcript = await cell.setting.converse(asked.question, dispatch, asked.sampling)
        right += (await judged(cell, suite, asked, transcript))[1].right

    async with InFlight() as flights:
        for asked in suite.asked:
            await flights.start(answer(asked))
    return right / len(suite.asked)


def _weighted(cell: Cell, scores: dict[tuple[Member, str, int], float]) -> Cell:
    members = cell.setting.team.distinct
    weights = {member: scores[member, cell.suite, cell.setting.seed] for member in members}
    return replace(cell, setting=replace(cell.setting, weights=weights))
