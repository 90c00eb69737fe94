"""What a training stage leaves: the trained adapter or weights in safetensors, the tokenizer, the curves."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from mlpo_bench.engines import adapters
from mlpo_bench.log.files import write_json
from mlpo_bench.training import checkpoints, processes


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mlpo_bench.training.observer import TrainingObserver
    from mlpo_bench.training.points import Point
    from mlpo_bench.training.policy import Policy
    from mlpo_bench.training.untyped import Untyped

# What the trainers leave besides, and nobody needs: the export has a card of its own.
_LITTER = ("README.md", "training_args.bin")
_BEGINNING = "ref"  # TRL's copy of an adapter as it was before training


def prepare(folder: Path, observer: TrainingObserver, *, resumed: bool) -> Path | None:
    """Make a stage's folder, or take up what an earlier session left; return the checkpoint to go on from."""
    last = None
    if processes.first():
        folder.mkdir(parents=True, exist_ok=True)
        if resumed:
            checkpoints.drop_torn(folder, processes.count())
            last = checkpoints.latest(folder, processes.count())
        else:
            shutil.rmtree(folder)
            folder.mkdir()
    if last is not None:
        observer.say(f"Going on after step {steps_in(last)}")
    return processes.agreed(last)


def latest(folder: Path) -> Path | None:
    """Return the checkpoint that a training which has just stopped has left."""
    return processes.agreed(checkpoints.latest(folder, processes.count()))


def steps_in(checkpoint: Path | None) -> int:
    """Return how many steps a checkpoint holds; 0 for none."""
    return 0 if checkpoint is None else checkpoints.step(checkpoint)


def finish(trainer: Untyped, leader: Policy, folder: Path) -> None:
    """Save what was trained, and delete the checkpoints. All processes that train together call this."""
    trainer.accelerator.wait_for_everyone()
    trainer.save_model(str(folder))
    if processes.first():
        leader.tokenizer.save_pretrained(folder)
        checkpoints.drop_all(folder)
        shutil.rmtree(folder / _BEGINNING, ignore_errors=True)
        for name in _LITTER:
            (folder / name).unlink(missing_ok=True)
        _put_in_order(folder / adapters.CONFIG)
    trainer.accelerator.wait_for_everyone()


def _put_in_order(config: Path) -> None:
    """Sort what PEFT writes in no order: an adapter is known by its content, and would go by many names."""
    if config.exists():
        told = json.loads(config.read_text(encoding="utf-8"))
        write_json(config, {name: _sorted(value) for name, value in told.items()})


def _sorted(value: object) -> object:
    return sorted(value) if isinstance(value, list) and all(isinstance(one, str) for one in value) else value


def spent(steps: Sequence[Point], weights: int) -> dict[str, float]:
    """Return the tokens that went through a model of so many weights over all steps, and what that took.

    `operations` counts two for each weight and token read, four more where gradients went back.
    """
    trained, written = (sum(point.get(name, 0.0) for point in steps) for name in ("trained", "written"))
    return {"tokens": trained + written, "operations": weights * (6 * trained + 2 * written)}
