"""The figures of each step of a training, kept as JSON lines: a point a step.

Of supervised training: `loss`, `entropy`, `accuracy` (share of tokens that are the likeliest), `grad_norm`,
`learning_rate`. Of reinforcement: `reward`, `right` and `formed` (shares of completions), `length` (tokens of a
completion), `cut_off` (share of completions), `settled` (share of completions whose group earned all the same, and
so teaches nothing), `entropy` (nats a token), `kl` (nats a token from the leader before, where it is weighed or
measured), `loss`, `grad_norm`, `learning_rate`, `seconds`. Of both: `trained`, tokens that went through the model
forward and back, and `written`, tokens that it read and wrote in making completions.
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING

from mlpo_bench.log.files import DamagedFile, read_bytes


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FILE = "curves.jsonl"
Point = dict[str, float]


def read(path: Path) -> list[Point]:
    """Return the figures in a file, step by step; a last line that was cut short is left out.

    Raises:
        DamagedFile: the file holds anything else.
    """
    if not path.exists():
        return []
    *whole, last = read_bytes(path).split(b"\n")
    points = [_point(path, number, line) for number, line in enumerate(whole, 1)]
    with contextlib.suppress(ValueError, RecursionError):  # it was written without its end
        points += [_point(path, len(whole) + 1, last)] if json.loads(last) else []
    return points


def _point(path: Path, number: int, line: bytes) -> Point:
    try:
        point = json.loads(line)
    except (ValueError, RecursionError):
        point = None
    if not isinstance(point, dict) or "step" not in point or not all(map(_is_figure, point.values())):
        raise DamagedFile(path, f"holds no figures of a step in line {number}", "; delete the lines from there on")
    return point


def _is_figure(value: object) -> bool:
    # What is no finite number was never written, and could be neither shown nor drawn.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def series(points: Sequence[Point], name: str) -> list[tuple[float, float]]:
    """Return the steps that have a figure, and the figure."""
    return [(point["step"], point[name]) for point in points if name in point]


def line(point: Point) -> bytes:
    """Return a point as a line of the file."""
    return json.dumps(point).encode() + b"\n"
