"""Questions of our own, laid out as the suites are published, teams that answer from scripts, and what runs leave."""

from __future__ import annotations

import atexit
import functools
import gc
import importlib.util
import json
import logging
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
import typer
from fixtures.golds import gold  # type: ignore[import-not-found]
from hypothesis import settings


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from mlpo_bench.registry import Registry

pytest_plugins = ["fixtures.runs"]

# Threads that spin while they wait for each other take cores from whatever runs beside them: so they sleep early, and
# workers, which run beside one another, have one each. Both are read when torch and numpy are imported, and handed down
# to the commands that tests carry out.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


# Each file of a run waits until the disk holds it, ten milliseconds on many machines, thousands of times. What tests
# write lies in memory, where there is as much of it, unless a place is named; the waiting itself is tested on its own.
IN_MEMORY, ROOM = "/dev/shm", 6 * 2**30


def _can_hold_runs(folder: str) -> bool:
    """Return whether a folder takes files, lets programs among them run, and has room for some runs of all tests."""
    if not hasattr(os, "statvfs") or not os.access(folder, os.W_OK):
        return False
    told = os.statvfs(folder)
    return not told.f_flag & getattr(os, "ST_NOEXEC", 0) and told.f_bavail * told.f_frsize >= ROOM


if _can_hold_runs(IN_MEMORY):
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", IN_MEMORY)

# trackio reads it when it is imported, and TRL may import it first.
os.environ["TRACKIO_DIR"] = tempfile.mkdtemp(prefix="trackio-")
atexit.register(shutil.rmtree, os.environ["TRACKIO_DIR"], ignore_errors=True)

# How long an example takes says more of what else the machine does than of the code.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(autouse=True, scope="module")
def _collected_once() -> None:
    """Let the garbage collector pass over what stays: statsmodels has it look at all there is, in each adjustment."""
    gc.collect()
    gc.freeze()


# At its end Python collects all that stays, which extension modules count on.
atexit.register(gc.unfreeze)


@pytest.fixture(autouse=True)
def _names_as_they_were() -> Iterator[None]:
    """Forget the protocols, engines and suites that a test defines."""
    from mlpo_bench.engines import ENGINES
    from mlpo_bench.protocols import PROTOCOLS
    from mlpo_bench.questions import SUITES

    registries: tuple[Registry[Any], ...] = (ENGINES, PROTOCOLS, SUITES)
    before = [(registry, dict(registry._added)) for registry in registries if list(registry)]
    yield
    for registry, added in before:
        registry._added = added


PER_SUBJECT = 11
# The plan is reckoned from earlier runs' speeds; the ledger and the manifest hold seconds of this one.
APART = ("manifest.json", "plan.json", "ledger", ".lock")


def _bbh(folder: Path) -> None:
    from mlpo_bench.questions import SUITES

    folder.mkdir(parents=True)
    for subject in SUITES["bbh"].subjects:
        examples = [
            {"input": f"Made up for {subject}, number {n}: is {n} even?", "target": gold(subject, n)}
            for n in range(PER_SUBJECT)
        ]
        (folder / f"{subject}.json").write_text(json.dumps({"canary": "-", "examples": examples}))


# Started in the background of a script, a process and all its children would be deaf to Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# After `nohup` likewise to the end of their terminal, which the tests themselves are to outlive.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)


@pytest.fixture(autouse=True)
def _quiet_again() -> Iterator[None]:
    """Take away what a command's `-v` has set up of logging."""
    root, ours = logging.getLogger(), logging.getLogger("mlpo_bench")
    before = list(root.handlers), root.level, ours.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])
    logging.captureWarnings(capture=False)


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """The module that makes tiny models (test folders are no packages)."""
    pytest.importorskip("transformers")
    spec = importlib.util.spec_from_file_location("tiny_models", Path(__file__).parent / "engines" / "tiny.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["tiny_models"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose BBH is made up: 11 questions for each of the 27 subtasks, of which 2 are tested.

    No test changes it: what is read of it is read once for all.
    """
    data = tmp_path_factory.mktemp("data").resolve()
    _bbh(data / "bbh")
    return data


SCRIPT = r"""
- when: 'You lead a group'
  say: ["<think>Let me see.</think><answer>(A)</answer>", "<think>Hm.</think><answer>Yes</answer>"]
- when: 'Your last attempt'
  say: ["I stay with it. The answer is (A).", "I was wrong. The answer is (B)."]
- say: ["The answer is (A).", "The answer is (B).", "The answer is Yes.", "I cannot tell."]
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A script whose answers depend on what is asked and on the seed alone."""
    path = tmp_path / "script.yaml"
    path.write_text(SCRIPT)
    return path


@pytest.fixture
def team_file(tmp_path: Path, script: Path) -> Path:
    """A team of a leader and three peers that answer from the script."""
    path = tmp_path / "team.yaml"
    path.write_text(
        f"leader: {{model: {script}, engine: scripted}}\npeers:\n  - {{model: {script}, engine: scripted, count: 3}}\n"
    )
    return path


@dataclass(frozen=True)
class Said:
    """What a command left behind: its exit code and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def _commands_made_once() -> Iterator[None]:
    """Make the tree of commands once: it is the same whenever a command is given, and takes as long as many of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", functools.cache(typer.main.get_command))
        yield


@pytest.fixture
def mlpo_bench(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    _commands_made_once: None,
    suites_loaded_once: None,  # noqa: ARG001
) -> Callable[..., Said]:
    """Run the command line in this process, in an empty folder with an empty cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.delenv("MLPO_BENCH_DATA", raising=False)

    def run(*arguments: object) -> Said:
        from mlpo_bench.cli import main

        monkeypatch.setattr("sys.argv", ["mlpo-bench", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        out, err = capfd.readouterr()
        return Said(code, out, err)

    return run


@pytest.fixture(scope="session")
def contents() -> Callable[[Path], dict[str, bytes]]:
    """Read all files of a run that must not differ between two runs of one configuration."""

    def read(folder: Path) -> dict[str, bytes]:
        paths = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.relative_to(folder).parts[0] not in APART]
        return {str(path.relative_to(folder)): path.read_bytes() for path in paths}

    return read


@pytest.fixture(scope="session")
def records() -> Callable[[Path], list[dict[str, Any]]]:
    """Read the records of all cells of a run."""

    def read(folder: Path) -> list[dict[str, Any]]:
        return [row for path in sorted((folder / "records").iterdir()) for row in pq.read_table(path).to_pylist()]

    return read


@pytest.fixture(scope="session")
def completions() -> Callable[[Path], int]:
    """Count the completions that are safe in a store which another process writes."""

    def count(store: Path) -> int:
        try:
            db = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
            (found,) = db.execute("SELECT COUNT(*) FROM completions").fetchone()
            db.close()
        except sqlite3.OperationalError:  # not made yet
            return 0
        return int(found)

    return count
