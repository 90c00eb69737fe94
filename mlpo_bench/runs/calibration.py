"""What each member of a team gets right alone on the train split: what weighted votes are weighted with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench.errors import EngineError, UsageError
from mlpo_bench.harness.suite import SuiteTasks
from mlpo_bench.log.transcripts import TranscriptWriter, to_line
from mlpo_bench.protocols import Setting, Solo
from mlpo_bench.questions import from_elsewhere
from mlpo_bench.runs.grading import judged
from mlpo_bench.runs.scheduler import InFlight
from mlpo_bench.teams import Team


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.dispatch import Dispatch
    from mlpo_bench.harness.samples import Sample
    from mlpo_bench.log.directory import RunDirectory
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.matrix.config import RunConfig
    from mlpo_bench.runs.observer import RunObserver
    from mlpo_bench.teams import Member

    _Place = tuple[Member, str, int]
    Weights = Mapping[Member, float]
    """What ballots are weighted with: the members' scores."""


@dataclass(frozen=True, slots=True)
class _Measured:
    """A member's score, and its conversations over the train questions, each as a line of JSON."""

    score: float
    lines: tuple[bytes, ...]


async def calibrated(
    cells: Sequence[Cell],
    config: RunConfig,
    dispatch: Dispatch,
    folder: RunDirectory,
    observer: RunObserver,
    before: Mapping[str, Weights] | None = None,
) -> list[Cell]:
    """Return the cells, those that weigh with their members' scores, and write what these were reckoned from.

    A score is the share of `config.calibration` train questions of the suite that the member answers right, alone.
    Where a member could not answer, cells that weigh it keep the weights that they had `before` (by the cells' names);
    those that had none are said not to be run, and left out.

    Raises:
        UsageError: the run asks train questions itself, or a suite has none.
        Stopped: nothing more is asked.
    """
    weighing = [cell for cell in cells if cell.setting.protocol.weighs]
    if weighing and config.split != "test":
        raise UsageError("votes are weighted on the train split, so they can be run on the test split alone.")
    weighed: dict[str, Cell] = {}
    measured: dict[_Place, _Measured] = {}
    for name in dict.fromkeys(cell.suite for cell in weighing):
        data = Path(config.data) if config.data else None
        with from_elsewhere():  # its test split was found already
            suite = SuiteTasks(config.suite(name), split="train", limit=config.calibration, data=data)
        observer.say(f"{name}: weighing ballots by {len(suite.samples)} train questions")
        for cell in weighing:
            if cell.suite == name:
                try:
                    weighed[cell.id] = _weighted(cell, await _weights(cell, suite, dispatch, measured))
                except EngineError as fault:
                    if before and cell.id in before:
                        weighed[cell.id] = _weighted(cell, before[cell.id])
                    else:
                        observer.say(f"{name}, {cell.label}: not run. {fault}")
                else:
                    _write(folder.calibration_path(cell.id), [measured[place] for place in _places(cell).values()])
    return [weighed.get(cell.id, cell) for cell in cells if cell.id in weighed or not cell.setting.protocol.weighs]


def _places(cell: Cell) -> dict[Member, _Place]:
    """Return under what the scores of a cell's members are kept."""
    return {member: (member, cell.suite, cell.setting.seed) for member in cell.setting.team.distinct}


async def _weights(cell: Cell, suite: SuiteTasks, dispatch: Dispatch, measured: dict[_Place, _Measured]) -> Weights:
    """Return the scores of a cell's members; those that are not known yet are measured."""
    for member, place in _places(cell).items():
        if place not in measured:
            measured[place] = await _measure(replace(cell, setting=_alone(cell, member)), suite, dispatch)
    return {member: measured[place].score for member, place in _places(cell).items()}


def _alone(cell: Cell, member: Member) -> Setting:
    return replace(cell.setting, team=Team(leader=member, peers=()), protocol=Solo())


async def _measure(cell: Cell, suite: SuiteTasks, dispatch: Dispatch) -> _Measured:
    right = 0
    lines = [b""] * len(suite.samples)

    async def answer(place: int, sample: Sample) -> None:
        nonlocal right
        transcript = await cell.setting.converse(sample.question, dispatch, sample.sampling)
        verdict = await judged(cell, suite, sample, transcript)
        right += verdict.verdict.right
        lines[place] = to_line(verdict, member=cell.setting.team.leader.label)

    async with InFlight(dispatch.stop) as flights:
        for place, sample in enumerate(suite.samples):
            await flights.start(answer(place, sample))
    return _Measured(right / len(suite.samples), tuple(lines))


def _write(path: Path, measured: Sequence[_Measured]) -> None:
    path.parent.mkdir(exist_ok=True)  # runs of earlier versions have no such folder
    writer = TranscriptWriter(path)
    for of_member in measured:
        for line in of_member.lines:
            writer.put(line)
    writer.finish()


def _weighted(cell: Cell, weights: Weights) -> Cell:
    return replace(cell, setting=replace(cell.setting, weights=weights))
