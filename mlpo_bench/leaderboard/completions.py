"""What models wrote for the rows of a run, kept beside the entries: enough to judge them anew, and no benchmark text.

A file of completions (see `runs.completions`) tells which request each one answered by a hash alone. So it takes the
questions to make anything of it; its first line says how they were asked: the run's configuration, and which models
answered. The rows of one run share a file, for equal requests are one completion.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import ValidationError

from mlpo_bench.engines import ModelFacts
from mlpo_bench.errors import UsageError, reason
from mlpo_bench.leaderboard.board import entry_paths
from mlpo_bench.leaderboard.entry import Completions, read_entry
from mlpo_bench.log.completions import Layers, read_completions, read_header, write_completions
from mlpo_bench.matrix.config import RunConfig
from mlpo_bench.runs.recollection import Recollection, pour
from mlpo_bench.teams import ModelSpec


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mlpo_bench.leaderboard.entry import Entry
    from mlpo_bench.log import LoadedRun
    from mlpo_bench.matrix.cells import Cell

_HASH_DIGITS = 8


class Ambiguous(Exception):
    """A model was served in several ways, so that a file cannot tell which of them wrote what."""


@dataclass(frozen=True, slots=True)
class KeptRun:
    """What a file tells of the run whose completions it holds.

    `models` tells which model answered as which that a team names, `layers` in which layer a cell's completions are.
    """

    config: RunConfig
    models: dict[ModelSpec, ModelFacts]
    layers: dict[str, int]

    @property
    def header(self) -> dict[str, Any]:
        """The first line of the file."""
        return {
            "schema_version": 1,
            "config": self.config.model_dump(mode="json"),
            "models": [[spec.model_dump(mode="json"), facts.plain()] for spec, facts in self.models.items()],
            "layers": {cell: layer for cell, layer in self.layers.items() if layer},
        }

    @classmethod
    def read(cls, path: Path) -> KeptRun:
        """Read the first line of a file.

        Raises:
            UsageError: the file cannot be read, or is none of a leaderboard's.
        """
        header = read_header(path)
        try:
            models = {ModelSpec.model_validate(spec): ModelFacts.of(facts) for spec, facts in header["models"]}
            return cls(RunConfig.model_validate(header["config"]), models, dict(header["layers"]))
        except (KeyError, TypeError, ValueError, ValidationError):
            raise UsageError(f"{path} does not tell of which run it is.") from None


def kept_with(leaderboard: Path, run: LoadedRun, entries: Sequence[Entry]) -> list[Entry] | str:
    """Keep what a run's rows were answered, and return their entries with it, and those that share the file.

    Where it cannot be kept, return why.

    Raises:
        UsageError: a file is missing or broken, or cannot be written.
    """
    ids = {one.cell for entry in entries for row in entry.suites.values() for one in row.answers}
    try:
        completions = keep(leaderboard, run, [cell for cell in run.cells if cell.id in ids])
    except Ambiguous as why:
        return f"What {run.path} was answered is not kept: {why}"
    added = {entry.filename for entry in entries}
    sharing = [
        entry
        for entry in map(read_entry, entry_paths(leaderboard))
        if entry.completions and entry.completions.file == completions.file and entry.filename not in added
    ]
    return [entry.keeping(completions) for entry in (*entries, *sharing)]


def keep(leaderboard: Path, run: LoadedRun, some: Sequence[Cell]) -> Completions:
    """Write what some cells of a run were answered beside a leaderboard's entries; what is there of it stays.

    Raises:
        Ambiguous: the file could not tell who answered.
        UsageError: a file is missing or broken, or cannot be written.
    """
    manifest = run.manifest
    models = dict(_models(some, [ModelFacts.of(facts) for facts in manifest["models"]]))
    first = {name: manifest["sessions"][0][name] for name in ("started", "command")}
    names = "-".join(dict.fromkeys(_words(spec.short_name) for spec in models))[:80]
    name = f"completions/{names}.{hashlib.sha256(orjson.dumps(first)).hexdigest()[:_HASH_DIGITS]}.jsonl.zst"
    path = leaderboard / name
    with tempfile.TemporaryDirectory(prefix="mlpo-bench-completions-") as scratch, Layers(Path(scratch)) as layers:
        if path.exists():
            before = KeptRun.read(path)
            models |= {spec: facts for spec, facts in before.models.items() if spec not in models}
            pour_file(path, layers, before.layers)
        pour(run.directory, some, layers)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_completions(path, KeptRun(_public(run.config), models, layers.of_cell).header, layers)
        except OSError as error:
            raise UsageError(f"{leaderboard} cannot be written: {reason(error)}.") from None
    return Completions(file=name, sha256=digest(path))


def pour_file(path: Path, layers: Layers, of_cell: dict[str, int]) -> None:
    """Pour a file's completions into stores."""
    for one in read_completions(path):
        layers.add(one)
    layers.of_cell.update(of_cell)


def recollect(path: Path, run: KeptRun, some: Sequence[Cell], layers: Layers) -> Recollection:
    """Recollect what some cells of a run were answered from the file that was kept of it."""
    pour_file(path, layers, {cell.id: run.layers.get(cell.id, 0) for cell in some})
    answered = {cell.id: {spec: run.models[spec] for spec in cell.setting.team.specs} for cell in some}
    return Recollection(layers, answered=answered)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _models(some: Iterable[Cell], loaded: Sequence[ModelFacts]) -> Iterable[tuple[ModelSpec, ModelFacts]]:
    """Yield which model answered as which that the cells' teams name."""
    for spec in dict.fromkeys(spec for cell in some for spec in cell.setting.team.specs):
        fitting = {
            facts.fingerprint: facts
            for facts in loaded
            if facts.full_name == spec.name and spec.may_be_served_by(facts.engine)
            if spec.dtype in {"auto", facts.dtype}
        }
        if len(fitting) != 1:
            raise Ambiguous(f"{spec.name} was served in {len(fitting)} ways")
        yield spec, next(iter(fitting.values()))


def _public(config: RunConfig) -> RunConfig:
    """Return a configuration without what is of one machine or person."""
    teams = {name: team.model_copy(update={"prices": {}}) for name, team in config.teams.items()}
    own = {name: one.public for name, one in config.own.items()}
    return config.model_copy(update={"data": None, "teams": teams, "own": own})


def _words(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
