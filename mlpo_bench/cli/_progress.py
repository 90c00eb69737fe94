"""What a person sees while a stage of a training is under way: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

from mlpo_bench.cli._curves import curves, latest
from mlpo_bench.cli._pace import Pace
from mlpo_bench.reports.figures import duration
from mlpo_bench.visible import visible


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Group
    from rich.progress import Progress, TaskID
    from rich.table import Table

    from mlpo_bench.training.observer import TrainingObserver

PLAIN_LINE_EVERY_S = 10.0
STEPS_WITHIN_S = 3_600.0
"""What a bar's time left rests on: steps may take minutes each, and rich tells none where the period holds no two."""


class _Bar:
    """A bar with what is done, how many there are, and the time left; below it the curves of a training stage."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None
        self._curves: Table | None = None

    def __rich__(self) -> Group:
        from rich.console import Group

        return Group(self._progress, *filter(None, [self._curves]))

    def say(self, text: str) -> None:
        self._progress.console.print(text, style="dim", soft_wrap=True)

    def begin(self, what: str, total: int) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._curves = None
        self._task = self._progress.add_task(what, total=total)

    def advance(self, count: int = 1) -> None:
        if self._task is not None:
            self._progress.advance(self._task, count)

    def figures(self, points: Sequence[Mapping[str, float]]) -> None:
        self._curves = curves(points)


class _Lines:
    """A line now and then, for logs."""

    def __init__(self) -> None:
        self.begin("", 0)

    def say(self, text: str) -> None:
        sys.stderr.write(f"{visible(text)}\n")
        sys.stderr.flush()

    def begin(self, what: str, total: int) -> None:
        self._what, self._total, self._done, self._last, self._told = what, total, 0, time.monotonic(), ""
        self._pace = Pace(self._last)

    def advance(self, count: int = 1) -> None:
        self._done += count
        now = time.monotonic()
        self._pace.see(now, self._done)
        if now - self._last >= PLAIN_LINE_EVERY_S:
            self._last = now
            left = self._pace.left(now, self._done, self._total - self._done)
            ahead = f", {duration(left)} left" if left else ""
            self.say(f"{self._done}/{self._total} {self._what}{self._told}{ahead}")

    def figures(self, points: Sequence[Mapping[str, float]]) -> None:
        self._told = f": {latest(points)}"


@contextlib.contextmanager
def progress(*, quiet: bool) -> Iterator[TrainingObserver]:
    """Yield the display that fits: nothing when quiet, a bar on a terminal, lines elsewhere."""
    from mlpo_bench.reports.terminal.console import Console
    from mlpo_bench.runs.observer import Silent

    console = Console(stderr=True)
    if quiet:
        yield Silent()
    elif not console.is_terminal:
        yield _Lines()
    else:
        from rich.live import Live
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(20),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        bar = _Bar(Progress(*columns, console=console, speed_estimate_period=STEPS_WITHIN_S))
        with Live(bar, console=console):
            yield bar
