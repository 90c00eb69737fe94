"""The stages in order, each done once: what is left of a training is done by the same command.

A stage is a module of this room with a function `run`. The data stages are coroutines, which ask models through the
store; the training stages (`sft`, `mlpo`, `export`) are imported when it is their turn, and torch with them.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING

from mlpo_bench.errors import BadInput
from mlpo_bench.training import filtering, processes, rollouts, speed, traces


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from mlpo_bench.training.folder import TrainingFolder
    from mlpo_bench.training.recipe import Stage
    from mlpo_bench.training.watcher import Watcher

DATA = {"rollouts": rollouts.run, "filter": filtering.run, "traces": traces.run}


def left(folder: TrainingFolder, stages: Iterable[Stage], *, redo: bool = False) -> list[Stage]:
    """Return the stages that have yet to be done.

    Raises:
        BadInput: one was done or begun with other settings or inputs, and nobody said to do it again (`redo`).
    """
    states = {stage: folder.state(stage) for stage in stages}
    stale = [stage for stage, state in states.items() if state == "stale"]
    if stale and not redo:
        changes = "; ".join(f"{stage}: {', '.join(folder.changes(stage))}" for stage in stale)
        raise BadInput(
            f"the training {folder.path} was made otherwise ({changes}). Give the recipe another name to keep what is "
            "there, or do these stages again with --redo."
        )
    return [stage for stage, state in states.items() if state != "done"]


def carry_out(folder: TrainingFolder, todo: Sequence[Stage], store_path: Path, watcher: Watcher) -> None:
    """Do some stages, one after the other.

    Raises:
        BadInput: something that the recipe asks for cannot be done.
        EngineFault: an engine failed for good; what was answered is kept.
        Stopped: a person wants an end; what was answered is kept.
    """
    if processes.count() > 1 and (data := [stage for stage in todo if stage in DATA]):
        raise BadInput(
            f"the stages {', '.join(data)} are done by one process: run `mlpo-bench train {data[-1]}` first, and "
            "launch the training stages only."
        )
    for stage in todo:
        watcher.say(f"Stage {stage}" + (", going on" if folder.state(stage) == "begun" else ""))
        with folder.working(stage) as work:
            if stage in DATA:
                asyncio.run(DATA[stage](folder, work, store_path, watcher))
            else:
                import_module(f"mlpo_bench.training.{stage}").run(folder, work, store_path, watcher)
        if processes.first() and (operations := work.spent.get("operations")):
            speed.note(stage, operations, folder.ledger[stage]["seconds"])
