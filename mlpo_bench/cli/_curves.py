"""Curves of a training on a terminal of 80 columns: for each figure a line of blocks, and its first and last value."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from rich.table import Table


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Points = Sequence[Mapping[str, float]]

SHOWN = ("reward", "right", "formed", "length", "cut_off", "entropy", "kl", "accuracy", "loss", "grad_norm")
WIDTH = 40
_BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int = WIDTH) -> str:
    """Return values as blocks from the least to the greatest, the mean of several where there are more than `width`."""
    if not values:
        return ""
    bins = min(width, len(values))
    edges = [place * len(values) // bins for place in range(bins + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    least, spread = min(means), max(means) - min(means)
    if not spread:
        return _BLOCKS[0] * bins
    return "".join(_BLOCKS[round((mean - least) / spread * (len(_BLOCKS) - 1))] for mean in means)


def curves(points: Points) -> Table:
    """Return a table of all figures that have a value."""
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    table.add_column("")
    table.add_column("first", justify="right")
    table.add_column("", width=WIDTH, no_wrap=True)
    table.add_column("now", justify="right")
    for name in SHOWN:
        if values := [point[name] for point in points if name in point]:
            table.add_row(name.replace("_", " "), figure(values[0]), sparkline(values), figure(values[-1]))
    return table


def latest(points: Points) -> str:
    """Return the last step's figures as one line."""
    last = points[-1]
    return ", ".join(f"{name.replace('_', ' ')} {figure(last[name])}" for name in SHOWN if name in last)


def figure(value: float) -> str:
    """Return a figure with three digits that count."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - more digits tell nothing
