"""A run, for Python code and notebooks: its figures as data frames, its verdict, its page."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, get_args

from mlpo_bench.analysis.interventions import effects
from mlpo_bench.analysis.matches import verdicts
from mlpo_bench.analysis.rows import read_rows
from mlpo_bench.analysis.sides import Equal
from mlpo_bench.api import frames
from mlpo_bench.errors import unknown
from mlpo_bench.log import LoadedRun
from mlpo_bench.paths import expanded


if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from mlpo_bench.analysis.rows import ResultRow
    from mlpo_bench.analysis.verdict import Verdicts
    from mlpo_bench.matrix.config import RunConfig


class Verdict:
    """Does the team beat what the same compute buys otherwise? `sentence` answers, and `frame` has the figures.

    Printed, it is a sentence for each row, what to know before they are believed, and the answer.
    """

    def __init__(self, verdicts: Verdicts) -> None:
        self._verdicts = verdicts

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The figures, a row for each row of a team on each suite, led ones first (`docs/python.md`)."""
        return frames.verdict(self._verdicts)

    @property
    def sentence(self) -> str:
        """The answer."""
        return self._verdicts.sentence

    def __str__(self) -> str:
        return str(self._verdicts)

    __repr__ = __str__


class Run:
    """A run as it lies on disk, read when it is first asked for: `run` and `load_run` return one.

    Example:
        >>> run = load_run("runs/mine")
        >>> run
        <Run 'mine': 4 of 4 cells>
        >>> run.results[["suite", "row", "n"]]
          suite                                              row   n
        0   bbh                                             solo  27
        1   bbh                                        vote of 4  27
        2   bbh  vote at the tokens of leader, 1 round, 3 peers  27
        3   bbh                         leader, 1 round, 3 peers  27
    """

    def __init__(self, loaded: LoadedRun) -> None:
        self._loaded = loaded

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self._loaded.path

    @property
    def name(self) -> str:
        """The run's name."""
        return self.path.resolve().name

    @property
    def config(self) -> RunConfig:
        """All that decides the run."""
        return self._loaded.config

    @property
    def unfinished(self) -> tuple[str, ...]:
        """The names of the cells that have yet to be run."""
        return self._loaded.results.unfinished

    @cached_property
    def _rows(self) -> list[ResultRow]:
        return read_rows(self._loaded)

    @cached_property
    def results(self) -> pd.DataFrame:
        """What each row reached on each suite and what a question cost, its seeds pooled (`docs/python.md`)."""
        return frames.results(self._loaded, self._rows)

    @cached_property
    def interventions(self) -> pd.DataFrame:
        """What each intervention did to each row, held against the row without it (`docs/interventions.md`)."""
        return frames.interventions(effects(self._loaded))

    @cached_property
    def records(self) -> pd.DataFrame:
        """How each question went in each cell (`docs/python.md`)."""
        return frames.records(self._loaded)

    @cached_property
    def turns(self) -> pd.DataFrame:
        """What each seat read and wrote in each conversation (`docs/python.md`): the whole run, texts and all."""
        return frames.turns_of(self._loaded)

    def verdict(self, equal: Equal = "tokens") -> Verdict:
        """Hold each row of a team against the vote of its leader's own answers that takes as much.

        Args:
            equal: what the vote takes as much of: `tokens`, `operations`, `price` or `calls`.

        Raises:
            UsageError: it is none of these.
        """
        if equal not in get_args(Equal):
            raise unknown("measure of a vote", str(equal), get_args(Equal))
        return Verdict(verdicts(self._loaded, self._rows, equal))

    def compare(self, row: str) -> pd.DataFrame:
        """Compare every other row with one, question by question (`docs/python.md`).

        Args:
            row: its name (`solo`, `vote of 4`), or a part that no other row has.

        Raises:
            UsageError: no row or more than one is called so, or there is nothing to compare it with.
        """
        from mlpo_bench.reports.terminal.comparisons import against

        return frames.comparison(against(self._loaded, row))

    def report(self, path: str | Path = "report.html") -> Path:
        """Write the run as one HTML page that needs no network, and return where it lies.

        Raises:
            UsageError: there is nothing to show yet, plotly is not installed, or the file cannot be written.
        """
        from mlpo_bench.reports.html import write_page

        write_page(self._loaded, expanded(path))
        return expanded(path)

    def __repr__(self) -> str:
        results = self._loaded.results
        return f"<Run {self.name!r}: {len(results.cells)} of {len(self._loaded.cells)} cells>"


def load_run(run: str | Path) -> Run:
    """Return a run that was carried out before, given as a path or as a name under `runs/`.

    Example:
        >>> load_run("runs/mine").unfinished
        ()

    Raises:
        UsageError: there is no such run.
    """
    return Run(LoadedRun.open(expanded(run)))
