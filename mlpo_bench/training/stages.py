"""The stages in order, each done once: what is left of a training is done by the same command.

A stage is a module of this room with a function `run`. The data stages are coroutines, which ask models through the
store; the training stages (`sft`, `mlpo`, `export`) are imported when it is their turn, and torch with them.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING

from mlpo_bench.errors import UsageError
from mlpo_bench.training import ahead, filtering, processes, rollouts, speed, traces
from mlpo_bench.training.folder import TrainingFolder


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from mlpo_bench.training.observer import TrainingObserver
    from mlpo_bench.training.recipe import Stage

DATA = {"rollouts": rollouts.run, "filter": filtering.run, "traces": traces.run}


def left(folder: TrainingFolder, stages: Iterable[Stage], *, redo: bool = False) -> list[Stage]:
    """Return the stages that have yet to be done.

    Raises:
        UsageError: one was done or begun with other settings or inputs, and nobody said to do it again (`redo`).
    """
    states = {stage: folder.state(stage) for stage in stages}
    stale = [stage for stage, state in states.items() if state == "stale"]
    if stale and not redo:
        raise _made_otherwise(folder, stale)
    return [stage for stage, state in states.items() if state != "done"]


def _made_otherwise(folder: TrainingFolder, stages: Iterable[Stage]) -> UsageError:
    changes = "; ".join(f"{stage}: {', '.join(folder.changes(stage))}" for stage in stages)
    return UsageError(
        f"the training {folder.path} was made otherwise ({changes}). Give the recipe another name to keep what is "
        "there, or do these stages again with --redo."
    )


def run_stages(folder: TrainingFolder, todo: Sequence[Stage], store_path: Path, observer: TrainingObserver) -> None:
    """Do some stages, one after the other.

    What another training beside this one has made of the same settings and inputs is taken from there.

    Raises:
        UsageError: something that the recipe asks for cannot be done, or files that were gone have come out otherwise.
        EngineError: an engine failed for good; what was answered is kept.
        Stopped: a person wants an end; what was answered is kept.
    """
    if processes.count() > 1 and (data := [stage for stage in todo if stage in DATA]):
        raise UsageError(
            f"the stages {', '.join(data)} are done by one process: run `mlpo-bench train {data[-1]}` first, and "
            "launch the training stages only."
        )
    ahead.check(folder.recipe, todo)
    lost = processes.agreed([stage for stage in todo if folder.state(stage) == "lost"] if processes.first() else [])
    for stage in todo:
        state = processes.agreed(folder.state(stage) if processes.first() else None)
        if state == "done":
            continue  # only what it read was gone, and has come to the same again
        if state == "stale" and stage in lost:
            raise _made_otherwise(folder, [stage])
        if state != "begun" and processes.agreed(_taken_over(folder, stage, observer) if processes.first() else None):
            continue
        observer.say(f"Stage {stage}" + (", going on" if state == "begun" else ""))
        with folder.working(stage) as work:
            if stage in DATA:
                asyncio.run(DATA[stage](folder, work, store_path, observer))
            else:
                import_module(f"mlpo_bench.training.{stage}").run(folder, work, store_path, observer)
        if processes.first() and (operations := work.spent.get("operations")):
            speed.note(stage, operations, folder.ledger[stage]["seconds"])


def _taken_over(folder: TrainingFolder, stage: Stage, observer: TrainingObserver) -> bool:
    """Take a stage from another training that did the very same, if there is one.

    Only `export` is always done: it publishes under the training's own name.
    """
    if stage == "export" or any(folder.state(source) != "done" for source in folder.sources(stage)):
        return False
    inputs = folder.inputs(stage)
    for path in sorted(folder.path.parent.glob("*/stages")):
        other = TrainingFolder(path.parent)
        if other.path != folder.path and other.did(stage, inputs):
            with folder.locked():
                folder.adopt(stage, other)
            observer.say(f"Stage {stage}: the same as in {other.path}, and taken from there")
            return True
    return False
