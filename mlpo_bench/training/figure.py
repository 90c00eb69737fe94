"""The curves of a training as a figure: small plots beside one another, in SVG, so that any page can show it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from mlpo_bench.training.points import series


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.training.points import Point

SHOWN = {
    "reward": "reward of a completion",
    "right": "share right",
    "formed": "share in form",
    "length": "tokens of a completion",
    "entropy": "entropy, nats a token",
    "kl": "divergence from before, nats a token",
    "accuracy": "share of tokens that are the likeliest",
    "loss": "loss",
    "grad_norm": "length of the gradient",
}
_WIDTH, _HEIGHT, _COLUMNS = 260, 150, 3
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 24, 22
# One hue for the values, a quiet one for what orders them; both stand out on light and dark grounds.
_LINE, _QUIET = "#3b7dd8", "#8a8f98"
_SMOOTHED = 20
"""Values above which a line is drawn through means of neighbours as well."""


def drawn(curves: Mapping[str, Sequence[Point]]) -> str:
    """Return the curves of stages, by stage, as SVG."""
    plots = [
        _plot(f"{stage}: {title}", values)
        for stage, points in curves.items()
        for name, title in SHOWN.items()
        if (values := series(points, name))
    ]
    rows = -(-len(plots) // _COLUMNS)
    placed = [
        f'<g transform="translate({n % _COLUMNS * _WIDTH},{n // _COLUMNS * _HEIGHT})">{plot}</g>'
        for n, plot in enumerate(plots)
    ]
    size = f"{min(len(plots), _COLUMNS) * _WIDTH} {rows * _HEIGHT}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" font-family="sans-serif" font-size="10">'
        f"{''.join(placed)}</svg>\n"
    )


def _plot(title: str, values: Sequence[tuple[float, float]]) -> str:
    steps, heights = [step for step, _ in values], [value for _, value in values]
    low, high = min(heights), max(heights)
    across, up = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(step: float) -> float:
        return _LEFT + across * (step - steps[0]) / max(steps[-1] - steps[0], 1)

    def y(value: float) -> float:
        return _TOP + up * (1 - (value - low) / (high - low) if high > low else 0.5)

    def line(points: Sequence[tuple[float, float]], style: str) -> str:
        path = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in points)
        return f'<polyline points="{path}" fill="none" {style}/>'

    rough = len(values) > _SMOOTHED
    parts = [
        _text(_LEFT, _TOP - 9, title, weight="bold"),
        _text(_LEFT - 4, _TOP + 4, f"{high:.3g}", anchor="end"),
        _text(_LEFT - 4, _TOP + up, f"{low:.3g}", anchor="end") if high > low else "",
        _text(_LEFT, _HEIGHT - 8, f"{steps[0]:.0f}"),
        _text(_WIDTH - _RIGHT, _HEIGHT - 8, f"step {steps[-1]:.0f}", anchor="end"),
        f'<path d="M{_LEFT},{_TOP}V{_TOP + up}H{_WIDTH - _RIGHT}" fill="none" stroke="{_QUIET}" stroke-width="0.8"/>',
        line(values, f'stroke="{_LINE}" stroke-width="1" opacity="{0.35 if rough else 1}"'),
        line(_smooth(values), f'stroke="{_LINE}" stroke-width="1.8"') if rough else "",
    ]
    return "".join(parts)


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    style = f'text-anchor="{anchor}" font-weight="{weight}" fill="{_QUIET}"'
    return f'<text x="{x}" y="{y}" {style}>{escape(text)}</text>'


def _smooth(values: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return means of each value and its neighbours, a twentieth of all to either side."""
    reach = max(len(values) // _SMOOTHED, 1)
    smooth = []
    for place, (step, _) in enumerate(values):
        near = values[max(place - reach, 0) : place + reach + 1]
        smooth.append((step, sum(value for _, value in near) / len(near)))
    return smooth
