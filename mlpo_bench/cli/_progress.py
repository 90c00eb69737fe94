"""What a person sees while a stage of a training is under way: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress, TaskID

    from mlpo_bench.training.watcher import Watcher

PLAIN_LINE_EVERY_S = 10.0


class _Bar:
    """A bar with what is done, how many there are, and the time left."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def say(self, text: str) -> None:
        self._progress.console.print(text, style="dim", highlight=False, markup=False, soft_wrap=True)

    def begin(self, what: str, total: int) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(what, total=total)

    def advance(self, count: int = 1) -> None:
        if self._task is not None:
            self._progress.advance(self._task, count)


class _Lines:
    """A line now and then, for logs."""

    def __init__(self) -> None:
        self._what, self._total, self._done, self._last = "", 0, 0, time.monotonic()

    def say(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def begin(self, what: str, total: int) -> None:
        self._what, self._total, self._done, self._last = what, total, 0, time.monotonic()

    def advance(self, count: int = 1) -> None:
        self._done += count
        if time.monotonic() - self._last >= PLAIN_LINE_EVERY_S:
            self._last = time.monotonic()
            self.say(f"{self._done}/{self._total} {self._what}")


@contextlib.contextmanager
def progress(*, quiet: bool) -> Iterator[Watcher]:
    """Yield the display that fits: nothing when quiet, a bar on a terminal, lines elsewhere."""
    from rich.console import Console

    from mlpo_bench.training.watcher import Silent

    console = Console(stderr=True)
    if quiet:
        yield Silent()
    elif not console.is_terminal:
        yield _Lines()
    else:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console) as bars:
            yield _Bar(bars)
