"""A run on disk.

config.yaml               all that decides the run; running it again repeats it
plan.json                 what it was expected to cost before it began
manifest.json             versions, git state, hardware, models, data sources, sessions: what differs between two
                          runs of one configuration stands here, and in the seconds of the ledger, and nowhere else
suites/*.json             where a suite's questions came from, and lm-eval's configuration of its tasks
transcripts/*.jsonl.zst   every conversation, a file for each cell, in the order of the questions
calibration/*.jsonl.zst   for each cell that weighs its ballots, its members' conversations over train questions
records/*.parquet         a row for each question of a cell
ledger/*.parquet          a row for each turn of a cell: what it cost
cells/*.json              a cell's figures beside lm-eval's own results; written last, so a cell that has it is done
results.json              all cells that are done, and what was paid for them together
unused.jsonl.zst          completions without a conversation: ballots beyond a matched vote, what a re-scoring left over
"""

from __future__ import annotations

import contextlib
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from mlpo_bench import atomic, yamls
from mlpo_bench.errors import UsageError, nearest, reason
from mlpo_bench.log import listing, replacement
from mlpo_bench.log.agreement import Told, check_adapters, check_sources
from mlpo_bench.log.cell_files import CellFiles, read_suite
from mlpo_bench.log.files import DamagedFile, command
from mlpo_bench.log.ledger import shared
from mlpo_bench.log.manifest import CONFIG_FILES, note_config, read_manifest, text_digest
from mlpo_bench.log.names import checked_name
from mlpo_bench.log.plan import Plan, pass_on, read_plan
from mlpo_bench.log.repair import damaged_config, decided_by, put_aside_unfit, put_right, restored
from mlpo_bench.log.results import CellResult, Results, check_alike, read_result, read_results
from mlpo_bench.log.seals import write_sealed
from mlpo_bench.matrix.cells import cells, chosen
from mlpo_bench.matrix.config import KIND, RunConfig, parse_config, read_config


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlpo_bench.matrix.cells import Cell

PARTS = ("suites", "transcripts", "calibration", "records", "ledger", "cells")
_REPLACED_WITHIN_S = 60


class RunDirectory:
    """The files of one run, as a process sees them that carries it out; `run.LoadedRun` is what all others read.

    What decides the run does not change while it is carried out, so it is read once; what it comes to is read anew.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_path = path / "config.yaml"
        self.plan_path = path / "plan.json"
        self.manifest_path = path / "manifest.json"
        self.results_path = path / "results.json"
        self.unused_path = path / "unused.jsonl.zst"
        self._before: tuple[RunConfig, tuple[Cell, ...]] | None = None
        self._taken_up: tuple[int, int] | None = None
        self.store: Path | None = None
        """Where this process keeps answers; None where it is not known, and its last session's stands."""
        self.put_right: list[str] = []
        """What was found damaged when the run was taken up, and what became of it, a sentence each."""
        self._sound: set[str] = set()

    @classmethod
    def for_run(
        cls, config: RunConfig, parent: Path, name: str | None, *, add: bool = False, resume: bool = True
    ) -> RunDirectory:
        """Make the folder of a run, or take it up again; with `add`, extend it by the cells of `config`.

        Raises:
            UsageError: it cannot be written, is there but not to be resumed, or was made with another configuration
                that cannot be extended.
        """
        folder = cls(parent / checked_name(name or config.default_name))
        folder._settle()
        if folder.begun:
            if not resume:
                raise UsageError(f"the run {folder.path} exists; choose another --name, or go on with it (--resume).")
            folder._take_up(config, add=add)
        elif add:
            raise UsageError(f"--add extends a run, but there is none at {folder.path}; give its --name.")
        else:
            folder._make(config)
        return folder

    @property
    def begun(self) -> bool:
        """Whether anything was carried out here: one that was refused before that leaves its name free."""
        return any(path.is_file() for path in (self.manifest_path, *self.path.glob("cells/*.json")))

    def _take_up(self, config: RunConfig, *, add: bool) -> None:
        with self.locked():
            self._put_right(None if add else config)
            before = self.config
            check_adapters(self.path, self.manifest() if self.manifest_path.exists() else {})
            if add:
                self.left()  # reads all files: what another version wrote is refused before anything is changed
                config = before.extended(config)
            else:
                self._check_same(config)
            if config != before:  # more cells, or other prices
                self._before = before, self.cells
                self._write(config, cells(config))
                pass_on(self.plan_path, self._cell, config.digest)
            self._taken_up = self._state()

    def check_as_taken_up(self) -> None:
        """Refuse a run that another process extended since. It must be this process's own by now (see `locked`)."""
        if self._taken_up not in {None, self._state()}:
            raise UsageError(f"another process has extended the run {self.path} meanwhile; give the command once more.")

    def _state(self) -> tuple[int, int]:
        """Return what tells whether the configuration was written anew."""
        state = self.config_path.stat()
        return state.st_ino, state.st_mtime_ns

    def take_back(self) -> None:
        """Leave the run as it was before it was taken up, for it cannot be gone on with as it was to be.

        The run must be this process's own (see `locked`).
        """
        if self._before is not None:
            (config, matrix), self._before = self._before, None
            self._write(config, matrix)

    def _put_right(self, config: RunConfig | None) -> None:
        """Put aside what is damaged; write the configuration anew where it is, and is what the run is taken up with."""
        self.put_right = put_right(self.path, PARTS)
        manifest = self.manifest() if self.manifest_path.exists() else {}
        try:
            self.check_config(manifest)
        except UsageError:
            if config is None or not decided_by(config, manifest):
                raise
            self.put_right.append(restored(self.config_path, config))
            self.config = config
        self.put_right += put_aside_unfit(self.plan, self.check_sources)

    def _write(self, config: RunConfig, matrix: tuple[Cell, ...]) -> None:
        """Write what decides the run. Its cells are known by then: what cannot be run spoils no folder."""
        text = config.to_yaml()
        note_config(self.manifest_path, text)
        atomic.write(self.config_path, text.encode())
        self.config, self.cells, self._cell = config, matrix, {cell.id: cell for cell in matrix}

    def _make(self, config: RunConfig) -> None:
        ours = self.config_path.exists() or all((self.path / part).is_dir() for part in PARTS)
        if self.path.exists() and any(self.path.iterdir()) and not ours:
            raise UsageError(f"the folder {self.path} exists and is not a run; choose another --name.")
        matrix = cells(config)
        try:
            for part in PARTS:
                (self.path / part).mkdir(parents=True, exist_ok=True)
            with self.locked():
                self.put_right = put_right(self.path, PARTS)
                self._write(config, matrix)
                self._taken_up = self._state()
        except OSError as error:
            raise UsageError(
                f"the run folder {self.path} cannot be written: {reason(error)}. Name another place with --output."
            ) from None

    @classmethod
    def open(cls, run: str | Path) -> RunDirectory:
        """Return the folder of an existing run, given as a path or as a name under `runs/`.

        Raises:
            UsageError: there is no such run.
        """
        for path in (Path(run), Path("runs") / run):
            if _is_file(path / "config.yaml"):
                folder = cls(path)
                folder._settle()
                return folder
        known = [p.parent.name for p in Path("runs").glob("*/config.yaml")]
        if lost := next((path for path in (Path(run), Path("runs") / run) if _is_file(path / "manifest.json")), None):
            raise damaged_config(lost)
        hint = nearest(str(run), known) or listing.told(Path(run)) or "; it must be a folder with a config.yaml."
        raise UsageError(f"there is no run {str(run)!r}{hint}")

    def _check_same(self, config: RunConfig) -> None:
        if changed := self.config.changed(config):
            raise UsageError(
                f"the run folder {self.path} was made with another configuration (not the same: {', '.join(changed)}). "
                "Choose another --name, repeat that run with --config, or extend it with --add."
            )

    def _settle(self) -> None:
        """Finish what a process that was killed had begun to replace."""
        if replacement.unsettled(self.path):
            with self.locked(wait=_REPLACED_WITHIN_S):
                if replacement.unsettled(self.path):
                    replacement.settle(self.path)

    @contextlib.contextmanager
    def locked(self, *, wait: float = 0) -> Iterator[None]:
        """Keep the run to this process while inside; wait for another one for so many seconds.

        Raises:
            UsageError: another process is carrying it out.
        """
        lock = FileLock(self.path / ".lock", timeout=wait)
        try:
            lock.acquire()
        except Timeout:
            raise UsageError(f"another process is carrying out the run {self.path}; wait for it, or end it.") from None
        try:
            yield
        finally:
            lock.release()

    def sweep(self) -> None:
        """Remove half-written files that killed processes left. The run must be this process's own (see `locked`)."""
        for folder in (self.path, *(self.path / part for part in PARTS)):
            for path in folder.glob(".*"):
                if path.is_file() and path.name != ".lock":
                    path.unlink(missing_ok=True)

    @property
    def command(self) -> str:
        """The command that goes on with the run."""
        return command(self.path, store=self.store)

    @cached_property
    def config(self) -> RunConfig:
        """The configuration that the run was made with."""
        return read_config(self.config_path)

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """All cells of the configuration, in its order."""
        return cells(self.config)

    @cached_property
    def _cell(self) -> dict[str, Cell]:
        return {cell.id: cell for cell in self.cells}

    def transcript_path(self, cell: Cell) -> Path:
        """Return where a cell's conversations lie."""
        return self.path / "transcripts" / f"{cell.id}.jsonl.zst"

    def calibration_path(self, cell_id: str) -> Path:
        """Return where it lies what a cell's weights were reckoned from."""
        return self.path / "calibration" / f"{cell_id}.jsonl.zst"

    def records_path(self, cell_id: str) -> Path:
        """Return where a cell's records lie."""
        return self.path / "records" / f"{cell_id}.parquet"

    def ledger_path(self, cell_id: str) -> Path:
        """Return where a cell's turns are accounted for."""
        return self.path / "ledger" / f"{cell_id}.parquet"

    def cell_path(self, cell_id: str) -> Path:
        """Return where a cell's figures lie."""
        return self.path / "cells" / f"{cell_id}.json"

    def suite_path(self, suite: str) -> Path:
        """Return where it lies what a suite's cells have in common."""
        return self.path / "suites" / f"{suite}.json"

    def cell(self, cell_id: str) -> CellResult | None:
        """Return a cell's figures, or None where it has not come to an end, or they are not what was written."""
        path = self.cell_path(cell_id)
        with contextlib.suppress(DamagedFile):
            return read_result(path, self._cell[cell_id]) if os.path.lexists(path) else None
        return None

    def files(self, cell_id: str) -> CellFiles:
        """Return where all files of a cell lie."""
        cell = self._cell[cell_id]
        return CellFiles(
            self.cell_path(cell_id),
            self.transcript_path(cell),
            self.records_path(cell_id),
            self.ledger_path(cell_id),
            self.calibration_path(cell_id),
            self.suite_path(cell.suite),
        )

    def sound(self, cell_id: str) -> bool:
        """Whether all files of a cell that has come to an end are what was written."""
        if cell_id not in self._sound:
            with contextlib.suppress(DamagedFile):
                self.files(cell_id).check()
                self._sound.add(cell_id)
        return cell_id in self._sound

    def done(self, cell_id: str) -> bool:
        """Whether every question of a cell was answered, and its files tell so; it is never run again then."""
        result = self.cell(cell_id)
        return result is not None and not result.errors and self.sound(cell_id)

    def left(self, only: tuple[str, ...] = ()) -> list[Cell]:
        """Return the cells that have yet to be run, of all or of those with one of some words in their names.

        Raises:
            UsageError: a word fits no cell.
        """
        begun = self.manifest_path.exists()
        return [cell for cell in chosen(self.cells, only) if not begun or not self.done(cell.id)]

    def results(self) -> Results:
        """Read the results of all cells that have come to an end.

        Raises:
            UsageError: none has yet, or they are not what was written.
        """
        if not os.path.lexists(self.results_path):
            raise UsageError(f"the run {self.path} has no results yet; `{self.command}` goes on with it.")
        results = read_results(self.results_path, self._cell)
        self._told.check_results(self.results_path, results)
        return results

    @property
    def _told(self) -> Told:
        return Told(self._cell, self.config.digest, self.manifest, self.cell_path)

    def write_results(self) -> Results:
        """Put together what the cells of the run have come to so far, and write it.

        Raises:
            UsageError: cells were asked different data.
        """
        results_of_cells = [(cell, self.cell(cell.id)) for cell in self.cells]
        ended = [result for cell, result in results_of_cells if result and self.sound(cell.id)]
        check_alike(ended)
        suites = {name: read_suite(self.suite_path(name)) for name in dict.fromkeys(r.suite for r in ended)}
        results = Results(
            config_sha256=self.config.digest,
            sources={name: suite["source"] for name, suite in suites.items()},
            cells=tuple(ended),
            unfinished=tuple(cell.id for cell in self.cells if cell.id not in {result.cell for result in ended}),
            shared=shared((self.ledger_path(r.cell), r.seats) for r in ended),
        )
        write_sealed(self.results_path, results.model_dump(mode="json"))
        return results

    def plan(self) -> Plan | None:
        """Read what the run was expected to take; None before it began.

        Raises:
            DamagedFile: it is not what was written, or another run's.
        """
        return read_plan(self.plan_path, self._told) if os.path.lexists(self.plan_path) else None

    def seconds(self) -> float:
        """Return how long the run's sessions took, in seconds of conversing and scoring."""
        return sum(float(session.get("seconds", 0)) for session in self.manifest()["sessions"])

    def manifest(self) -> dict[str, Any]:
        """Read the manifest.

        Raises:
            DamagedFile: it is not what was written.
        """
        return read_manifest(self.manifest_path)

    def check_sources(self) -> None:
        """Check that the manifest, where there is one, tells where the questions of cells that have ended came from.

        Raises:
            DamagedFile: it does not.
        """
        if self.manifest_path.exists():
            ended = [cell.suite for cell in self.cells if self.cell_path(cell.id).exists()]
            check_sources(self.manifest_path, self.manifest(), ended)

    def check_config(self, manifest: Mapping[str, Any]) -> None:
        """Read the configuration, and check that it is what a manifest tells.

        Raises:
            UsageError: it is another, or none.
        """
        text = yamls.read_text(self.config_path, KIND)
        told = manifest.get(CONFIG_FILES)
        if told and text_digest(text) not in told:
            raise damaged_config(self.path)
        self.config = parse_config(text, self.config_path)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file can have
        return False
