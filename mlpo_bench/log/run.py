"""A run that is looked at: each of its files is read once, and handed around from then on."""

from __future__ import annotations

import contextlib
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlpo_bench.errors import UsageError, nearest
from mlpo_bench.log.agreement import check_sources
from mlpo_bench.log.directory import RunDirectory
from mlpo_bench.log.files import DamagedFile


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

    import pyarrow as pa

    from mlpo_bench.log.plan import Plan
    from mlpo_bench.log.records import Records
    from mlpo_bench.log.results import CellResult, Results
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.matrix.config import RunConfig


_LEAST_SHARE = 0.1


class LoadedRun:
    """What a run holds: its configuration and cells, what they came to, its manifest and plan.

    All this is read when it is first asked for, and stays as it was then; records and conversations, of which there
    may be millions, are read each time. Where a run goes on, load it again.

    Args:
        directory: Where it lies.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self.directory = directory

    @classmethod
    def open(cls, run: str | Path) -> Self:
        """Return an existing run, given as a path or as a name under `runs/`.

        Raises:
            UsageError: there is no such run.
        """
        loaded = cls(RunDirectory.open(run))
        if (manifest := loaded._sound_manifest()) is not None:
            loaded.directory.check_config(manifest)
        return loaded

    def _sound_manifest(self) -> dict[str, Any] | None:
        """Return the manifest where there is one that can be read: what needs it says why where there is none."""
        with contextlib.suppress(DamagedFile):
            return self.manifest
        return None

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.directory.path

    @property
    def command(self) -> str:
        """The command that goes on with the run."""
        return self.directory.command

    @property
    def config(self) -> RunConfig:
        """What decides the run."""
        return self.directory.config

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All cells of the configuration, those that have yet to be run among them."""
        return self.directory.cells

    @cached_property
    def cell(self) -> dict[str, Cell]:
        """The cells by their names."""
        return {cell.id: cell for cell in self.cells}

    @cached_property
    def results(self) -> Results:
        """What the cells came to that have ended.

        Raises:
            UsageError: none has yet, or another version wrote them in another form.
        """
        results = self.directory.results()
        if (manifest := self._sound_manifest()) is not None:
            check_sources(self.directory.manifest_path, manifest, results.sources)
        return results

    @cached_property
    def result(self) -> dict[str, CellResult]:
        """What the cells came to that have ended, by their names."""
        return {result.cell: result for result in self.results.cells}

    @property
    def ended(self) -> list[Cell]:
        """The cells that have come to an end, in the order of the configuration."""
        return [cell for cell in self.cells if cell.id in self.result]

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The circumstances of the run."""
        return self.directory.manifest()

    @cached_property
    def plan(self) -> Plan | None:
        """What the run was expected to take; None before it began."""
        return self.directory.plan()

    @property
    def seconds(self) -> float:
        """How long the run's sessions took, in seconds of conversing and scoring."""
        return sum(float(session.get("seconds", 0)) for session in self.manifest["sessions"])

    @property
    def made(self) -> int:
        """How many completions the run's own sessions asked for; what it uses besides was known before it began."""
        return sum(int(session.get("completions", {}).get("made", 0)) for session in self.manifest["sessions"])

    @cached_property
    def paces(self) -> dict[str, float]:
        """How many seconds of wall time the models' engines took for each token that they wrote, by model.

        A model of whose tokens the run's own sessions wrote few, the others having been known before, has none: from
        ten tokens, an engine's start among them, nothing is reckoned for ten thousand.
        """
        worked: dict[str, list[float]] = {}
        for session in self.manifest.get("sessions", ()):
            for model, (seconds, tokens) in session.get("worked", {}).items():
                before = worked.setdefault(model, [0.0, 0.0])
                worked[model] = [before[0] + seconds, before[1] + tokens]
        paid = self.results.shared.paid
        return {
            model: seconds / tokens
            for model, (seconds, tokens) in worked.items()
            if tokens and model in paid and tokens >= _LEAST_SHARE * paid[model].completion_tokens
        }

    def done(self, cell_id: str) -> bool:
        """Whether every question of a cell was answered."""
        return cell_id in self.result and not self.result[cell_id].errors

    def records(self, cell_id: str) -> Records:
        """Read a cell's records, a question each.

        Raises:
            DamagedFile: the file is not what was written.
        """
        return self.directory.files(cell_id).read_records()

    def has_conversed(self, cell: Cell) -> bool:
        """Whether a cell's conversations were written; where it has figures they were, though they may be lost."""
        return self.directory.transcript_path(cell).exists() or self.directory.cell_path(cell.id).exists()

    def transcripts(self, cell: Cell) -> Iterator[dict[str, Any]]:
        """Read a cell's conversations one by one.

        Raises:
            DamagedFile: the file is not what was written.
        """
        return self.directory.files(cell.id).read_transcripts()

    def turns(self, cell_id: str) -> pa.Table:
        """Read a cell's ledger, a turn each.

        Raises:
            DamagedFile: the file is not what was written.
        """
        return self.directory.files(cell_id).read_turns()


def find_cells(run: LoadedRun, part: str | None) -> list[Cell]:
    """Return the cells with something in their label or id; all without it.

    Where some labels or ids begin so, those are meant: `leader, 2` is no vote at the tokens of that leader.

    Raises:
        UsageError: there are none.
    """
    named = [cell for cell in run.cells if not part or part in cell.label or part in cell.id]
    found = [cell for cell in named if part and (cell.label.startswith(part) or cell.id.startswith(part))] or named
    if not found:
        listed = ", ".join(sorted({cell.label for cell in run.cells}))
        raise UsageError(f"no cell of this run has {part!r} in its name. Cells: {listed}.")
    return found


def find_transcripts(
    run: LoadedRun, question: str, part_of_cell: str | None = None
) -> list[tuple[Cell, dict[str, Any]]]:
    """Return a question's conversations in a run: `question` is an id or the end of one.

    Raises:
        UsageError: the run has no such cell or question, or more than one question whose id ends so.
    """
    written = [cell for cell in find_cells(run, part_of_cell) if run.has_conversed(cell)]
    conversations, known = [], set()
    for cell in written:
        for line in run.transcripts(cell):
            known.add(line["question"])
            if line["question"] == question or line["question"].endswith(f"/{question}"):
                conversations.append((cell, line))
    ids = sorted({line["question"] for _, line in conversations})
    if not conversations:
        raise UsageError(
            f"no question of the run {run.path} is called {question!r}{nearest(question, known) or '.'} "
            f"`mlpo-bench transcript {run.path}` lists them."
        )
    if len(ids) > 1:
        raise UsageError(f"{question!r} may be {', '.join(ids)}; name one of them.")
    return conversations
