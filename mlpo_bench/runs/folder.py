"""A run on disk.

config.yaml           all that decides the run; running it again repeats it
manifest.json         versions, git state, hardware, models, data sources, start and end: what differs between
                      two runs of one configuration stands here and nowhere else
transcripts/*.jsonl.zst   every conversation, a file for each cell, in the order of the questions
records.parquet       a row for each question and cell
results.json          a cell's figures beside lm-eval's own results document
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from filelock import FileLock, Timeout

from mlpo_bench.config import RunConfig, read_config
from mlpo_bench.errors import BadInput, nearest
from mlpo_bench.runs.results import Results


if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlpo_bench.matrix import Cell


class RunFolder:
    """The files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_path = path / "config.yaml"
        self.manifest_path = path / "manifest.json"
        self.records_path = path / "records.parquet"
        self.results_path = path / "results.json"
        self.transcripts_path = path / "transcripts"

    @classmethod
    def for_run(cls, config: RunConfig, parent: Path, name: str | None) -> RunFolder:
        """Make the folder of a run, or take it up again.

        Raises:
            BadInput: it cannot be written, or was made with another configuration.
        """
        folder = cls(parent / (name or config.default_name))
        if folder.config_path.exists():
            folder._check_same(config)
            return folder
        if folder.path.exists() and any(folder.path.iterdir()):
            raise BadInput(f"the folder {folder.path} exists and is not a run; choose another --name.")
        try:
            folder.transcripts_path.mkdir(parents=True, exist_ok=True)
            write_whole(folder.config_path, config.to_yaml().encode())
        except OSError as error:
            raise BadInput(
                f"the run folder {folder.path} cannot be written: {error.strerror}. Name another place with --output."
            ) from None
        return folder

    @classmethod
    def open(cls, run: str | Path) -> RunFolder:
        """Return the folder of an existing run, given as a path or as a name under `runs/`.

        Raises:
            BadInput: there is no such run.
        """
        for path in (Path(run), Path("runs") / run):
            if (path / "config.yaml").is_file():
                return cls(path)
        known = [p.parent.name for p in Path("runs").glob("*/config.yaml")]
        hint = nearest(str(run), known) or "; it must be a folder with a config.yaml."
        raise BadInput(f"there is no run {str(run)!r}{hint}")

    def _check_same(self, config: RunConfig) -> None:
        before = read_config(self.config_path)
        if before.digest == config.digest:
            return
        was, now = before.model_dump(mode="json"), config.model_dump(mode="json")
        changed = [name for name in now if was.get(name) != now[name]]
        raise BadInput(
            f"the run folder {self.path} was made with another configuration ({', '.join(changed)} differ). "
            "Choose another --name, or repeat that run with --config."
        )

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Keep the run to this process while inside.

        Raises:
            BadInput: another process is carrying it out.
        """
        lock = FileLock(self.path / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise BadInput(f"another process is carrying out the run {self.path}; wait for it, or end it.") from None
        try:
            yield
        finally:
            lock.release()

    @property
    def config(self) -> RunConfig:
        """The configuration that the run was made with."""
        return read_config(self.config_path)

    def transcript_path(self, cell: Cell) -> Path:
        """Return where a cell's conversations lie."""
        return self.transcripts_path / f"{cell.id}.jsonl.zst"

    def results(self) -> Results:
        """Read the results.

        Raises:
            BadInput: the run has not come to an end yet.
        """
        if not self.results_path.exists():
            raise BadInput(
                f"the run {self.path} has no results yet; `mlpo-bench run --config {self.config_path}` goes on with it."
            )
        return Results.model_validate_json(self.results_path.read_bytes())

    def finished(self) -> Results | None:
        """Return the results if every question of every cell was answered."""
        if not self.results_path.exists():
            return None
        results = self.results()
        return None if results.failed else results

    def write_results(self, results: Results) -> None:
        """Write the results, whole or not at all."""
        write_json(self.results_path, results.model_dump(mode="json"))

    def manifest(self) -> dict[str, Any]:
        """Read the manifest."""
        found: dict[str, Any] = orjson.loads(self.manifest_path.read_bytes())
        return found


def write_json(path: Path, value: object) -> None:
    """Write a value as indented JSON, whole or not at all."""
    write_whole(path, orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place and rename it: nobody ever sees half of it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.replace(path)
