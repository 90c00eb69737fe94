"""Accuracy against tokens as a figure: votes as a line, rows as dots, in SVG that any page can show."""

from __future__ import annotations

from html import escape
from math import ceil, floor, log10
from typing import TYPE_CHECKING, NamedTuple

from mlpo_bench.leaderboard.verdicts import family, votes_of
from mlpo_bench.visible import visible_line


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlpo_bench.leaderboard.entry import Entry
    from mlpo_bench.leaderboard.tables import Table

_WIDTH, _HEIGHT, _COLUMNS = 430, 280, 2
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 28, 30, 44
_LEGEND = 26
# Seen on light and dark grounds; models differ by hue, kinds of rows by shape.
_HUES = ("#3b7dd8", "#c2641f", "#2f9461", "#a24bb3", "#b8860b", "#c0392b")
_QUIET = "#7d838c"


class _Dot(NamedTuple):
    """A row: what it took and reached, what it is (`vote`, `led`, `other`), and of which model."""

    tokens: float
    accuracy: float
    kind: str
    model: str
    name: str


class _Axes(NamedTuple):
    """What lies at the ends of a plot: tokens by their logarithm to 10, and the highest accuracy."""

    low: float
    high: float
    top: float

    def x(self, tokens: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (log10(max(tokens, 1)) - self.low) / (self.high - self.low)

    def y(self, accuracy: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - accuracy / self.top)


def drawn(tables: Sequence[Table]) -> str:
    """Return a plot for each suite and set of questions, all in one SVG; nothing without rows but ceilings."""
    plots = _plots(tables)
    return _figure(plots, _hues(plots)) if plots else ""


def each_drawn(tables: Sequence[Table]) -> list[str]:
    """Return the same plots one by one, each with its legend, for pages that lay them out as they have room."""
    plots = _plots(tables)
    hues = _hues(plots)
    return [_figure([plot], {m: hues[m] for m in dict.fromkeys(dot.model for dot in plot[1])}) for plot in plots]


def _plots(tables: Sequence[Table]) -> list[tuple[Table, list[_Dot]]]:
    return [(table, dots) for table in tables if len(table.questions) == 1 and (dots := _dots(table))]


def _hues(plots: Sequence[tuple[Table, list[_Dot]]]) -> dict[str, str]:
    models = list(dict.fromkeys(dot.model for _, dots in plots for dot in dots))
    return {model: _HUES[place % len(_HUES)] for place, model in enumerate(models)}


def _figure(plots: Sequence[tuple[Table, list[_Dot]]], hues: dict[str, str]) -> str:
    placed = [
        f'<g transform="translate({n % _COLUMNS * _WIDTH},{n // _COLUMNS * _HEIGHT})">{_plot(table, dots, hues)}</g>'
        for n, (table, dots) in enumerate(plots)
    ]
    rows, width = -(-len(placed) // _COLUMNS), min(len(placed), _COLUMNS) * _WIDTH
    height = rows * _HEIGHT + _LEGEND * len(hues)
    legends = "".join(_legend(model, hue, rows * _HEIGHT + _LEGEND * n) for n, (model, hue) in enumerate(hues.items()))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="11" role="img"><title>Accuracy against tokens a question, suite by suite</title>'
        f"{''.join(placed)}{legends}</svg>\n"
    )


def _dots(table: Table) -> list[_Dot]:
    votes = {entry.filename for entry in votes_of([line.entry for line in table.lines])}
    return [
        _Dot(line.cost.tokens, line.accuracy.value, _kind(line.entry, votes), line.entry.model, line.name)
        for line in table.lines
        if not line.entry.protocol.ceiling
    ]


def _kind(entry: Entry, votes: set[str]) -> str:
    return "vote" if entry.filename in votes else "led" if family(entry) == "led" else "other"


def _plot(table: Table, dots: Sequence[_Dot], hues: dict[str, str]) -> str:
    tokens = [max(dot.tokens, 1.0) for dot in dots]
    low, high = log10(min(tokens)) - 0.08, log10(max(tokens)) + 0.08
    axes = _Axes(low, high, max(_rounded_up(max(dot.accuracy for dot in dots)), 0.01))
    chances = {row.chance for line in table.lines for row in (line.entry.suites[table.suite],) if row.chance}
    parts = [
        _text(_LEFT, 16, f"{table.title}: accuracy", bold=True),
        *_frame(axes),
        *(_chance(axes, share) for share in sorted(chances) if share < axes.top),
        *(_vote_line(axes, [d for d in dots if (d.kind, d.model) == ("vote", m)], hue) for m, hue in hues.items()),
        *(_mark(axes, dot, hues[dot.model]) for dot in sorted(dots, key=lambda dot: dot.kind != "other")),
    ]
    return "".join(parts)


def _rounded_up(share: float) -> float:
    step = 0.1 if share > 0.25 else 0.05 if share > 0.1 else 0.02  # noqa: PLR2004 - as many ticks either way
    return min(ceil(share * 1.05 / step) * step, 1.0)


def _frame(axes: _Axes) -> Iterator[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    yield f'<path d="M{_LEFT},{_TOP}V{bottom}H{right}" fill="none" stroke="{_QUIET}" stroke-width="0.8"/>'
    for part in range(5):
        share = axes.top * part / 4
        yield _text(_LEFT - 5, axes.y(share) + 4, f"{share:.3f}".rstrip("0").rstrip(".") or "0", anchor="end")
        if part:
            yield _line(
                _LEFT, axes.y(share), right, axes.y(share), f'stroke="{_QUIET}" stroke-width="0.5" opacity="0.3"'
            )
    for power in range(floor(axes.low), ceil(axes.high)):
        for digit in (1, 2, 5):
            tokens = digit * 10.0**power
            if axes.low <= log10(tokens) <= axes.high:
                yield _line(axes.x(tokens), bottom, axes.x(tokens), bottom + 4, f'stroke="{_QUIET}"')
                yield _text(axes.x(tokens), bottom + 16, f"{tokens:,.0f}", anchor="middle")
    yield _text(right, bottom + 31, "tokens a question", anchor="end")


def _chance(axes: _Axes, share: float) -> str:
    style = f'stroke="{_QUIET}" stroke-dasharray="5 4"'
    label = _text(_LEFT + 6, axes.y(share) - 4, "by chance")
    return _line(_LEFT, axes.y(share), _WIDTH - _RIGHT, axes.y(share), style) + label


def _vote_line(axes: _Axes, dots: Sequence[_Dot], hue: str) -> str:
    path = " ".join(f"{axes.x(dot.tokens):.1f},{axes.y(dot.accuracy):.1f}" for dot in sorted(dots))
    return (
        f'<polyline points="{path}" fill="none" stroke="{hue}" stroke-width="1.6" opacity="0.75"/>'
        if len(dots) > 1
        else ""
    )


def _mark(axes: _Axes, dot: _Dot, hue: str) -> str:
    told = escape(visible_line(f"{dot.name}, {dot.model}: {dot.accuracy:.3f}, {dot.tokens:,.0f} tokens"))
    return _shape(axes.x(dot.tokens), axes.y(dot.accuracy), dot.kind, hue, f"<title>{told}</title>")


def _shape(x: float, y: float, kind: str, hue: str, inside: str = "") -> str:
    if kind == "led":  # what the board is about stands out
        points = f"{x:.1f},{y - 6:.1f} {x + 6:.1f},{y:.1f} {x:.1f},{y + 6:.1f} {x - 6:.1f},{y:.1f}"
        return f'<polygon points="{points}" fill="{hue}" stroke="#fff" stroke-width="0.6">{inside}</polygon>'
    size, fill = (2.5, hue) if kind == "vote" else (3, "none")
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" fill="{fill}" stroke="{hue}">{inside}</circle>'


def _legend(model: str, hue: str, top: float) -> str:
    y = top + 12
    places = (("vote", _LEFT, "votes"), ("led", _LEFT + 70, "led rows"), ("other", _LEFT + 150, "other protocols"))
    return "".join(
        [
            _line(_LEFT - 9, y, _LEFT + 9, y, f'stroke="{hue}" stroke-width="1.6" opacity="0.75"'),
            *(_shape(x, y, kind, hue) + _text(x + 13, y + 4, name) for kind, x, name in places),
            _text(_LEFT + 270, y + 4, model, bold=True),
        ]
    )


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", bold: bool = False) -> str:
    style = f'text-anchor="{anchor}" fill="{_QUIET}"{" font-weight=" + chr(34) + "bold" + chr(34) if bold else ""}'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(visible_line(text))}</text>'
