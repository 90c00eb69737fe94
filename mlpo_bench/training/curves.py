"""The figures of each step of a training: kept as JSON lines, and shown while it goes on.

Of supervised training: `loss`, `entropy`, `accuracy` (share of tokens that are the likeliest), `grad_norm`,
`learning_rate`. Of reinforcement: `reward`, `right` and `formed` (shares of completions), `length` (tokens of a
completion), `cut_off` (share of completions), `settled` (share of completions whose group earned all the same, and
so teaches nothing), `entropy` (nats a token), `kl` (from the leader before, where it is weighed), `loss`, `grad_norm`,
`learning_rate`, `seconds`. Of both: `trained`, tokens that went through the model forward and back, and `written`,
tokens that it read and wrote in making completions.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from mlpo_bench.runs.files import write_whole
from mlpo_bench.training import processes


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mlpo_bench.training.untyped import Untyped
    from mlpo_bench.training.watcher import Watcher

FILE = "curves.jsonl"
Point = dict[str, float]

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
    """Writes a step's figures to a file, and tells a watcher.

    Where a training is taken up again, the figures of steps that are done again are dropped.
    """

    def __init__(self, path: Path, watcher: Watcher) -> None:
        self._path, self._watcher = path, watcher
        self.points: list[Point] = []

    def on_train_begin(self, _args: Untyped, state: Untyped, _control: Untyped, **_: Untyped) -> None:
        """Take up the figures of the steps that stand."""
        if not processes.first():
            return
        self.points = [point for point in read(self._path) if point["step"] <= state.global_step]
        write_whole(self._path, b"".join(map(_line, self.points)))
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
            file.write(_line(point))
        self._watcher.figures(self.points)
        self._watcher.advance()


def named(logs: Mapping[str, Any]) -> Point:
    """Return a trainer's figures under our names; those that it could not reckon are left out."""
    point: Point = {}
    for name, theirs in NAMES.items():
        told = next((logs[their] for their in theirs if logs.get(their) is not None), None)
        if told is not None and math.isfinite(float(told)):
            point[name] = float(told)
    return point


def read(path: Path) -> list[Point]:
    """Return the figures in a file, step by step; a last line that was cut short is left out."""
    points: list[Point] = []
    if not path.exists():
        return points
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            points.append(json.loads(line))
        except ValueError:
            break
    return points


def series(points: Sequence[Point], name: str) -> list[tuple[float, float]]:
    """Return the steps that have a figure, and the figure."""
    return [(point["step"], point[name]) for point in points if name in point]


def _line(point: Point) -> bytes:
    return json.dumps(point).encode() + b"\n"
