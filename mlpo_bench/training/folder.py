"""A training on disk: what each stage made, and whether that still holds.

recipe.yaml            all that decides the training
digests.json           digests of what recipe.yaml is and was here
rollouts.parquet       the peers' openings, judged (stage `rollouts`)
questions.parquet      the questions that are kept, with their share of right openings (`filter`)
prompts.parquet        the prompts that a leader is trained on (`filter`)
completions.parquet    what the leader wrote to these prompts before its training, judged (`traces`)
traces.parquet         what it is first fine-tuned on (`traces`)
sft/  mlpo/  export/   what the stages of these names made
stages/*.json          of each stage: what went into it and what came out, written last
ledger.json            tokens and seconds by stage: with the seconds all that differs between two trainings of one
                       recipe

A stage is done when its record says so, its inputs are those that the recipe and the earlier stages have now, and its
outputs are those that it wrote. Where one of these differs, it is stale, and so is all that follows. Where nothing
differs but files are gone, its record or what it made, it is lost: done again, it comes to the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from filelock import FileLock, Timeout

from mlpo_bench import atomic
from mlpo_bench.errors import UsageError, nearest, reason
from mlpo_bench.log.files import DamagedFile, write_json
from mlpo_bench.training import processes, recipe_file
from mlpo_bench.training.recipe import STAGES, Recipe, Stage
from mlpo_bench.training.records import put_right, read_ledger, read_record


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

State = Literal["to do", "begun", "done", "lost", "stale"]

DATA_STAGES: tuple[Stage, ...] = ("rollouts", "filter", "traces")
"""Those that ask models through the store, and so come to the same when they are done again."""
OUTPUTS: dict[Stage, tuple[str, ...]] = {
    "rollouts": ("rollouts.parquet",),
    "filter": ("questions.parquet", "prompts.parquet"),
    "traces": ("completions.parquet", "traces.parquet"),
    "sft": ("sft",),
    "mlpo": ("mlpo",),
    "export": ("export",),
}
INPUTS: dict[Stage, tuple[str, ...]] = {
    "rollouts": (),
    "filter": ("rollouts.parquet",),
    "traces": ("prompts.parquet",),
    "sft": ("traces.parquet",),
    "mlpo": ("prompts.parquet", "sft"),
    "export": ("sft", "mlpo"),
}
"""What a stage reads; of `sft` and `mlpo` those that the recipe's method has."""

_SAID: dict[State, str] = {
    "to do": "is not done yet",
    "begun": "is begun and not done",
    "lost": "is there no more",
    "stale": "was made otherwise",
    "done": "is done",
}

# Larger files are known by their size and ends: weights are compared often and may take minutes to read.
_READ_WHOLE = 64 << 20
_END = 1 << 20


@dataclass(slots=True)
class Work:
    """A stage under way.

    `resumed` says that an earlier session began it with the same inputs, so that what it left may be used. `spent`
    counts what the stage took (`calls`, `prompt_tokens`, `completion_tokens`; of training, `trained_tokens` and
    `operations`), `facts` what is worth knowing of it; both end up in the training's files.
    """

    resumed: bool
    spent: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


class TrainingFolder:
    """The files of one training."""

    def __init__(self, path: Path, recipe: Recipe | None = None) -> None:
        self.path = path
        self._recipe = recipe
        self.recipe_path = path / recipe_file.NAME
        self.rollouts = path / "rollouts.parquet"
        self.questions = path / "questions.parquet"
        self.prompts = path / "prompts.parquet"
        self.completions = path / "completions.parquet"
        self.traces = path / "traces.parquet"
        self.sft = path / "sft"
        self.mlpo = path / "mlpo"
        self.export = path / "export"
        self.ledger_path = path / "ledger.json"
        self._lock = FileLock(path / ".lock", timeout=0)

    @classmethod
    def for_recipe(cls, recipe: Recipe, parent: Path) -> TrainingFolder:
        """Make the folder of a training, or take it up again, with this recipe.

        A folder that was made with another recipe is taken up all the same: see `state`. The recipe is written when
        the first stage is done by it.

        Raises:
            UsageError: it cannot be written, or is no training's.
        """
        folder = cls(parent / recipe.name, recipe)
        ours = folder.recipe_path.exists() or (folder.path / "stages").is_dir()
        if folder.path.is_dir() and not ours and any(folder.path.iterdir()):
            raise UsageError(f"the folder {folder.path} exists and is no training; choose another name or --output.")
        try:
            (folder.path / "stages").mkdir(parents=True, exist_ok=True)
            if not folder.recipe_path.exists():
                recipe_file.write(folder.path, recipe)
        except OSError as error:
            raise UsageError(
                f"the folder {folder.path} cannot be written: {reason(error)}. Name another place with --output."
            ) from None
        return folder

    @classmethod
    def open(cls, training: str | Path, parent: Path = Path("trainings")) -> TrainingFolder:
        """Return the folder of a training that exists, given as a path or as a name under `parent`.

        Raises:
            UsageError: there is no such training.
        """
        for path in (Path(training), parent / training):
            if (path / recipe_file.NAME).is_file():
                return cls(path)
        if (Path(training).is_dir() and Path(training) != Path()) or (parent / training).is_dir():
            raise UsageError(
                f"the folder of {str(training)!r} has no recipe.yaml, so it is no training, or has lost it; "
                "`mlpo-bench train all` with the recipe it was made by writes it anew."
            )
        known = [path.parent.name for path in parent.glob("*/recipe.yaml")]
        hint = nearest(str(training), known) or "; it must be a folder with a recipe.yaml."
        raise UsageError(f"there is no training {str(training)!r}{hint}")

    @property
    def recipe(self) -> Recipe:
        """The recipe that the training goes by: the one given, or else the one that was last used here.

        Raises:
            UsageError: the one that was last used here is not what was written.
        """
        if self._recipe is None:
            self._recipe = recipe_file.read(self.recipe_path)
        return self._recipe

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep the training to this process, and those that train with it, while inside; may be entered again inside.

        Raises:
            UsageError: another process is at it.
        """
        if not processes.first():
            yield
            return
        try:
            self._lock.acquire()
        except Timeout:
            raise UsageError(f"another process is at the training {self.path}; wait for it, or end it.") from None
        try:
            yield
        finally:
            self._lock.release()

    def put_right(self) -> list[str]:
        """Put aside what is damaged and can be made anew: the data stages' files, the recipe. Say so, a sentence each.

        Of a recipe that is not what was written, the given one takes the place.
        """
        records = [self._record_path(stage) for stage in DATA_STAGES]
        made = [self.path / name for stage in DATA_STAGES for name in OUTPUTS[stage]]
        told = put_right(records, [self.recipe_path, *made])
        return [*told, *recipe_file.put_right(self.path, self.recipe)]

    def state(self, stage: Stage) -> State:
        """Return how a stage stands: see the head of this module.

        Raises:
            DamagedFile: its record is not what was written.
        """
        record = self._record(stage)
        if record is None:  # it is written before anything else of the stage
            return "lost" if any((self.path / name).exists() for name in OUTPUTS[stage]) else "to do"
        if changes := self.changes(stage):
            return "lost" if all(map(self._is_gone, changes)) else "stale"
        return "done" if record["state"] == "done" else "begun"

    def changes(self, stage: Stage) -> tuple[str, ...]:
        """Return what is other now than when a stage was begun or done: settings, inputs, outputs, stages before it."""
        record = self._record(stage)
        if record is None:
            return ()
        before, now = _flat(record["inputs"]), _flat(self.inputs(stage))
        changed = [name for name in dict.fromkeys([*before, *now]) if before.get(name) != now.get(name)]
        if record["state"] == "done":
            outputs = record["outputs"]
            changed += [name for name in OUTPUTS[stage] if digest(self.path / name) != outputs.get(name)]
        earlier = [s for s in self.sources(stage) if self.state(s) != "done"]
        return tuple(dict.fromkeys([*changed, *(f"stage {s}" for s in earlier)]))

    def _is_gone(self, change: str) -> bool:
        """Return whether a change is that a file is there no more, or an earlier stage lost."""
        if change.startswith("stage "):
            return any(change == f"stage {s}" and self.state(s) == "lost" for s in STAGES)
        name = change.removeprefix("files.")
        return any(name in written for written in OUTPUTS.values()) and not (self.path / name).exists()

    def is_done(self, stage: Stage) -> bool:
        """Return whether a stage was done once, whatever may have changed since."""
        record = self._record(stage)
        return record is not None and record["state"] == "done"

    def did(self, stage: Stage, inputs: Mapping[str, Any]) -> bool:
        """Return whether a stage was done with these inputs, and its outputs are as it wrote them."""
        try:
            record = self._record(stage)
        except DamagedFile:
            return False
        if record is None or record["state"] != "done" or record["inputs"] != inputs:
            return False
        return all(digest(self.path / name) == recorded for name, recorded in record["outputs"].items())

    def adopt(self, stage: Stage, other: TrainingFolder) -> None:
        """Take what another training made in a stage, with what it took."""
        recipe_file.write(self.path, self.recipe)
        for name in OUTPUTS[stage]:
            _copy(other.path / name, self.path / name)
        write_json(self.ledger_path, self.ledger | {stage: other.ledger.get(stage, {})})
        write_json(self._record_path(stage), other._record(stage))

    def inputs(self, stage: Stage) -> dict[str, Any]:
        """Return all that decides what a stage makes: the recipe's part in it, and digests of the files it reads."""
        recipe = self.recipe
        files = {name: digest(self.path / name) for name in self._read_by(stage, recipe)}
        return {**recipe.settings_of(stage), "files": files}

    def sources(self, stage: Stage) -> tuple[Stage, ...]:
        """Return the stages whose outputs a stage reads."""
        read = self._read_by(stage, self.recipe)
        return tuple(s for s in STAGES if set(OUTPUTS[s]) & set(read))

    def facts(self, stage: Stage) -> dict[str, Any]:
        """Return what is worth knowing of a stage that is done."""
        record = self._record(stage) or {}
        facts: dict[str, Any] = record.get("facts", {})
        return facts

    @staticmethod
    def _read_by(stage: Stage, recipe: Recipe) -> tuple[str, ...]:
        return tuple(name for name in INPUTS[stage] if name not in {"sft", "mlpo"} or name in recipe.trains)

    @contextlib.contextmanager
    def working(self, stage: Stage) -> Iterator[Work]:
        """Do a stage inside: it is recorded as begun before, and as done after, what is inside.

        Where several processes train together, only the first writes. An exception leaves the stage begun, and what
        it took until then in the ledger.

        Raises:
            UsageError: an earlier stage is not done, or another process is at this training.
        """
        if not processes.first():
            yield Work(resumed=processes.agreed(False))
            return
        with self.locked():
            for source in self.sources(stage):
                if self.state(source) != "done":
                    raise UsageError(f"the stage {stage} reads what {source} makes, which {_SAID[self.state(source)]}.")
            work = Work(resumed=self.state(stage) == "begun")
            if work.resumed:
                self._note_killed(stage)
            inputs, started = self.inputs(stage), time.monotonic()
            recipe_file.write(self.path, self.recipe)
            write_json(self._record_path(stage), {"stage": stage, "state": "begun", "inputs": inputs})
            processes.agreed(work.resumed)
            try:
                yield work
            finally:
                self._spend(stage, work, time.monotonic() - started)
            outputs = {name: digest(self.path / name) for name in OUTPUTS[stage]}
            if missing := [name for name, written in outputs.items() if written is None]:
                raise AssertionError(f"the stage {stage} did not write {', '.join(missing)}")
            record = {"stage": stage, "state": "done", "inputs": inputs, "outputs": outputs, "facts": work.facts}
            write_json(self._record_path(stage), record)

    @property
    def ledger(self) -> dict[str, dict[str, float]]:
        """What each stage took: seconds over all its sessions, and what it counted of its own.

        A session that was killed counts until the last file of the stage's that it wrote.

        Raises:
            DamagedFile: the file is not what was written.
        """
        return read_ledger(self.ledger_path)

    def _spend(self, stage: Stage, work: Work, seconds: float) -> None:
        ledger = self.ledger
        before = ledger.get(stage, {}).get("seconds", 0.0) if work.resumed else 0.0
        ledger[stage] = {"seconds": round(before + seconds, 1), **work.spent}
        write_json(self.ledger_path, ledger)

    def _note_killed(self, stage: Stage) -> None:
        """Put into the ledger the seconds of the last session at a stage, if it ended without doing so itself."""
        begun, ledger = self._record_path(stage).stat().st_mtime, self.ledger
        if self.ledger_path.exists() and self.ledger_path.stat().st_mtime >= begun:
            return
        written = [file.stat().st_mtime for name in OUTPUTS[stage] for file in (self.path / name).rglob("*")]
        spent = ledger.get(stage, {"seconds": 0.0})
        seconds = spent["seconds"] + max(0.0, max(written, default=begun) - begun)
        write_json(self.ledger_path, ledger | {stage: {**spent, "seconds": round(seconds, 1)}})

    def _record_path(self, stage: Stage) -> Path:
        return self.path / "stages" / f"{stage}.json"

    def _record(self, stage: Stage) -> dict[str, Any] | None:
        path = self._record_path(stage)
        return read_record(path) if path.exists() else None


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a folder, whole or not at all."""
    if source.is_dir():
        with atomic.filled(target) as beside:
            shutil.copytree(source, beside, dirs_exist_ok=True)
    else:
        with atomic.written(target) as beside:
            shutil.copyfile(source, beside)


def digest(path: Path) -> str | None:
    """Return a digest of a file's content, or of all files of a folder; None where there is none."""
    if path.is_file():
        return _file_digest(path)
    if not path.is_dir():
        return None
    whole = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        whole.update(f"{file.relative_to(path).as_posix()}\0{_file_digest(file)}\n".encode())
    return whole.hexdigest()


def _file_digest(path: Path) -> str:
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= _READ_WHOLE:
            return hashlib.file_digest(file, "sha256").hexdigest()
        ends = file.read(_END)
        file.seek(-_END, os.SEEK_END)
        return hashlib.sha256(f"{size}\0".encode() + ends + file.read()).hexdigest()


def _flat(value: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return nested settings under dotted names."""
    flat: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, dict):
            flat |= _flat(inner, f"{before}{name}.")
        else:
            flat[f"{before}{name}"] = inner
    return flat
