"""Takes the figures of each training step, writes them to a file, and tells a observer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from mlpo_bench import atomic
from mlpo_bench.training import processes
from mlpo_bench.training.points import line, read


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlpo_bench.training.observer import TrainingObserver
    from mlpo_bench.training.points import Point
    from mlpo_bench.training.untyped import Untyped

IDLE = 10
"""Steps in which nothing is learnt before that is said."""
_HIGH = 0.5

# Our names for the trainers' figures; of two that are told, the former counts.
NAMES = {
    "reward": ("reward",),
    "right": ("right",),
    "formed": ("formed",),
    "length": ("completions/mean_length",),
    "cut_off": ("completions/clipped_ratio",),
    "settled": ("frac_reward_zero_std",),
    "entropy": ("sampling_entropy", "entropy"),
    "accuracy": ("mean_token_accuracy",),
    "kl": ("kl",),
    "loss": ("loss",),
    "grad_norm": ("grad_norm",),
    "learning_rate": ("learning_rate",),
    "seconds": ("step_time",),
    "trained": ("trained_tokens",),
    "written": ("written_tokens",),
}


class Curves(TrainerCallback):
    """Writes a step's figures to a file, and tells a observer.

    Where a training is taken up again, the figures of steps that are done again are dropped.
    """

    def __init__(self, path: Path, observer: TrainingObserver) -> None:
        self._path, self._watcher = path, observer
        self.points: list[Point] = []
        self._said = False

    def on_train_begin(self, _args: Untyped, state: Untyped, _control: Untyped, **_: Untyped) -> None:
        """Take up the figures of the steps that stand."""
        if not processes.first():
            return
        self.points = [point for point in read(self._path) if point["step"] <= state.global_step]
        atomic.write(self._path, b"".join(map(line, self.points)))
        self._watcher.begin("steps", state.max_steps)
        self._watcher.advance(state.global_step)

    def on_log(
        self,
        _args: Untyped,
        state: Untyped,
        _control: Untyped,
        logs: Mapping[str, Any] | None = None,
        **_: Untyped,
    ) -> None:
        """Take the figures of a step."""
        if not processes.first() or not logs or "loss" not in logs:
            return
        point = {"step": state.global_step, **named(logs)}
        self.points.append(point)
        with self._path.open("ab") as file:
            file.write(line(point))
        self._watcher.figures(self.points)
        self._say_if_nothing_is_learnt()
        self._watcher.advance()

    def _say_if_nothing_is_learnt(self) -> None:
        """Say once, after some steps, that all completions of every group earn the same."""
        last = self.points[-IDLE:]
        if len(last) < IDLE or self._said or any(point.get("settled", 0.0) < 1 for point in last):
            return
        self._said = True
        reward = last[-1]["reward"]
        easier = "take easier questions, fine-tune first (method sft+mlpo), or draw more (mlpo.generations)"
        self._watcher.say(
            f"For {IDLE} steps all completions of each group have earned the same ({reward:.2g}), and taught nothing: "
            f"{'take harder questions (filter)' if reward >= _HIGH else easier}."
        )


def named(logs: Mapping[str, Any]) -> Point:
    """Return a trainer's figures under our names; those that it could not reckon are left out."""
    point: Point = {}
    for name, theirs in NAMES.items():
        told = next((logs[their] for their in theirs if logs.get(their) is not None), None)
        if told is not None and math.isfinite(float(told)):
            point[name] = float(told)
    return point
