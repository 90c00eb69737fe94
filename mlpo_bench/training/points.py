"""The figures of each step of a training, kept as JSON lines: a point a step.

Of supervised training: `loss`, `entropy`, `accuracy` (share of tokens that are the likeliest), `grad_norm`,
`learning_rate`. Of reinforcement: `reward`, `right` and `formed` (shares of completions), `length` (tokens of a
completion), `cut_off` (share of completions), `settled` (share of completions whose group earned all the same, and
so teaches nothing), `entropy` (nats a token), `kl` (nats a token from the leader before, where it is weighed or
measured), `loss`, `grad_norm`, `learning_rate`, `seconds`. Of both: `trained`, tokens that went through the model
forward and back, and `written`, tokens that it read and wrote in making completions.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FILE = "curves.jsonl"
Point = dict[str, float]


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


def line(point: Point) -> bytes:
    """Return a point as a line of the file."""
    return json.dumps(point).encode() + b"\n"
