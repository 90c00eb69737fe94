"""What a person sees while a run is under way: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from mlpo_bench.cli._pace import Pace
from mlpo_bench.reports.figures import duration
from mlpo_bench.reports.terminal.console import Console, shown
from mlpo_bench.runs.observer import Silent
from mlpo_bench.visible import visible


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Self

    from rich.console import RenderableType

    from mlpo_bench.dispatch import Tally
    from mlpo_bench.log.records import Record
    from mlpo_bench.log.results import CellResult
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.runs.observer import RunObserver

PLAIN_LINE_EVERY_S = 10.0, 60.0
"""How often a log gets a line: at first, and in a run of hours, whose log people are to read as well."""
LEFT_FROM = 0.05
"""Share of a cell's conversations that have ended before it is told how long the others take: the first of many rounds
end after minutes, and all others soon after."""
BAR_WIDTH = 16
WATCHED_EVERY_S = 1.0
TOLD_AFTER_S = 2.0
"""How long something that is waited for takes before a person is told of it."""
LINES_AROUND = 5
"""Lines of a terminal that the table leaves free: its header, the summary, a message."""

# A cell's states in the order in which they are told, each with its style.
_STYLES = {"done": "green", "running": "default", "waiting": "dim", "failed": "red"}


@dataclass(slots=True)
class _CellState:
    """How far a cell has come."""

    cell: Cell
    total: int
    done: int = 0
    answered: int = 0
    right: int = 0
    errors: int = 0
    calls: int = 0
    tokens: int = 0
    scored: bool = False
    seconds: float | None = None
    """How long it took, once it is finished; its rates then stay as they are."""

    def add(self, record: Record, now: float) -> None:
        self.done += 1
        self.seconds = now if self.done == self.total else None
        self.errors += record.error is not None
        self.answered += record.error is None
        self.right += bool(record.right)
        self.calls += record.calls
        self.tokens += record.completion_tokens

    @property
    def state(self) -> str:
        """Return `waiting`, `running`, `done`, or `failed` where a question could not be asked."""
        if self.errors:
            return "failed"
        if self.scored:
            return "done"
        return "running" if self.done else "waiting"

    @property
    def expected_calls(self) -> int:
        """How many requests it takes in all, as far as is known: at most as many as its protocol makes."""
        return self.calls + (self.total - self.done) * self.cell.calls

    @property
    def accuracy(self) -> str:
        return f"{self.right / self.answered:.1%}" if self.answered else "-"


class _Board:
    """The state of all cells."""

    def __init__(self) -> None:
        self.states: dict[str, _CellState] = {}
        self.tally: Tally | None = None
        self.started = time.monotonic()
        self.pace = Pace(self.started)

    def begin(self, cells: Sequence[Cell], questions: Mapping[str, int], tally: Tally) -> None:
        self.tally = tally
        self.states = {cell.id: _CellState(cell, questions[cell.suite]) for cell in cells}
        self.started = time.monotonic()
        self.pace = Pace(self.started)

    def conversed(self, cell: Cell, record: Record) -> None:
        self.states[cell.id].add(record, self.seconds)

    def scored(self, result: CellResult) -> None:
        self.states[result.cell].scored = True

    @property
    def seconds(self) -> float:
        return max(time.monotonic() - self.started, 1e-9)

    @property
    def done(self) -> int:
        return sum(s.done for s in self.states.values())

    @property
    def total(self) -> int:
        return sum(s.total for s in self.states.values())

    def left(self, asked: int) -> str:
        """Return how long the run still takes at the pace of late, by the requests that it has not made yet.

        Conversations would tell too late: where they are long, all are under way before the first has ended.
        """
        now = time.monotonic()
        self.pace.see(now, asked)
        calls = sum(state.expected_calls for state in self.states.values()) - asked
        left = self.pace.left(now, asked, max(calls, self.total - self.done))
        return "-" if left is None else duration(left)

    def summary(self) -> str:
        """Return one line on the whole run."""
        tally = self.tally
        if tally is None:
            return ""
        reused = tally.found + tally.shared
        prompt = tally.paid.prompt + tally.paid.cached
        return (
            f"{_counted(self.states.values())} | {self.done}/{self.total} conversations, "
            f"{tally.made} completions made, {reused} reused ({_share(reused, tally.asked)}), "
            f"{tally.paid.completion / self.seconds:.0f} tokens/s written, "
            f"{_share(tally.paid.cached, prompt)} of prompts cached, {self.left(tally.asked)} left"
        )


def time_left(seconds: float, done: int, total: int) -> str:
    """Return how long the rest of something takes of which so much was done in some seconds; `-` in its beginning."""
    return duration(seconds / done * (total - done)) if done and done >= total * LEFT_FROM else "-"


def _counted(states: Iterable[_CellState]) -> str:
    """Return how many cells are in which state: `3 done, 12 running`."""
    counts = Counter(state.state for state in states)
    return "cells: " + ", ".join(f"{counts[name]} {name}" for name in _STYLES if counts[name])


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "-"


class _Terminal(_Board):
    """A live table: a row for each cell where they fit, else one for each suite."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._last, self._since = "", time.monotonic()

    def say(self, text: str) -> None:
        self._last, self._since = text, time.monotonic()
        self._console.print(text, style="dim", soft_wrap=True)

    def __rich__(self) -> RenderableType:
        if not self.states:
            return shown(self._preparing(), "dim")
        fits = len(self.states) <= self._console.height - LINES_AROUND
        return Group(self._cells() if fits else self._suites(), shown(self.summary(), "dim"))

    def _preparing(self) -> str:
        """Return what is waited for: what was last begun, and for how long."""
        waited = time.monotonic() - self._since
        since = f" for {waited:.0f} s" if waited >= TOLD_AFTER_S else ""
        return f"Preparing{since} ..." + (f" (since: {self._last})" if since and self._last else "")

    def _cells(self) -> Table:
        table = _table("cell", "done", "questions/s", "tokens/s", "accuracy", "left")
        for state in self.states.values():
            seconds = state.seconds or self.seconds
            cell = state.cell
            seed = f", seed {cell.setting.seed}" if cell.setting.seed else ""
            table.add_row(
                shown(f"{cell.suite}  {cell.name}{seed}", _STYLES[state.state]),
                ProgressBar(total=state.total, completed=state.done, width=BAR_WIDTH),
                f"{state.done}/{state.total}" + (f" ({state.errors} failed)" if state.errors else ""),
                f"{state.done / seconds:.1f}",
                f"{state.tokens / seconds:.0f}",
                state.accuracy,
                time_left(seconds, state.done, state.total),
            )
        return table

    def _suites(self) -> Table:
        table = _table("suite", "conversations", "left", "cells")
        for suite in dict.fromkeys(state.cell.suite for state in self.states.values()):
            states = [state for state in self.states.values() if state.cell.suite == suite]
            done, total = sum(s.done for s in states), sum(s.total for s in states)
            table.add_row(
                suite,
                ProgressBar(total=total, completed=done, width=BAR_WIDTH),
                f"{done}/{total}",
                time_left(self.seconds, done, total),
                _counted(states).removeprefix("cells: "),
            )
        return table


def _table(first: str, *rest: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(first, overflow="fold")
    table.add_column("")
    for title in rest:
        table.add_column(title, justify="right")
    return table


class _Plain(_Board):
    """A line now and then, for logs: also while no conversation ends, for others would take it for dead."""

    def __init__(self) -> None:
        super().__init__()
        self._last = time.monotonic()
        self._ended = threading.Event()

    def say(self, text: str) -> None:
        sys.stderr.write(f"{visible(text)}\n")
        sys.stderr.flush()

    def conversed(self, cell: Cell, record: Record) -> None:
        super().conversed(cell, record)
        state = self.states[cell.id]
        if state.done == state.total:
            failed = f", {state.errors} failed" if state.errors else ""
            self.say(f"{cell.suite} {cell.name}: {state.done} done, accuracy {state.accuracy}{failed}")
        self.tell()

    def tell(self) -> None:
        """Tell how far the run is, if it is time to."""
        soonest, latest = PLAIN_LINE_EVERY_S
        if self.states and time.monotonic() - self._last >= min(max(soonest, self.seconds / 10), latest):
            self._last = time.monotonic()
            self.say(self.summary())

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, name="progress", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(WATCHED_EVERY_S):
            with contextlib.suppress(OSError, ValueError):  # nobody reads any more
                self.tell()


@contextlib.contextmanager
def display(*, quiet: bool) -> Iterator[RunObserver]:
    """Yield the display that fits: nothing when quiet, a live table on a terminal, lines elsewhere.

    Progress goes to standard error, so that a result on standard output can be piped on.
    """
    console = Console(stderr=True)
    if quiet:
        yield Silent()
    elif not console.is_terminal:
        with _Plain() as plain:
            yield plain
    else:
        board = _Terminal(console)
        with Live(board, console=console, refresh_per_second=4, get_renderable=lambda: board):
            yield board
