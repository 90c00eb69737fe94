"""Full disks, folders that cannot be written, damaged stores: told in a sentence, and nothing is lost."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from mlpo_bench.chat import Completion, Usage
from mlpo_bench.engines.scripted import ScriptedEngine
from mlpo_bench.errors import UsageError
from mlpo_bench.log import RunDirectory
from mlpo_bench.log.transcripts import TranscriptWriter
from mlpo_bench.store import Store, database, rows


Runs = Any
Read = Any
Run = Callable[..., "subprocess.CompletedProcess[str]"]
MADE = Completion("text " * 100, Usage(3, 0, 5), "stop", 0.1)
LONG = "I think about it at length. " * 40


@pytest.fixture
def run(tmp_path: Path, made_up: Path, team_file: Path, script: Path) -> Run:
    """Carry out a run of long answers as a process: with limits, and the store and the runs where they are to lie."""
    script.write_text(script.read_text().replace("I cannot tell.", LONG).replace("The answer", f"{LONG}The answer"))

    def go(**process: Any) -> subprocess.CompletedProcess[str]:
        store, runs = process.pop("store", tmp_path / "s" / "store.sqlite"), process.pop("runs", tmp_path / "runs")
        command = [
            sys.executable, "-m", "mlpo_bench", "run", "--suite", "bbh", "--data", str(made_up), "--limit", "27",
            "--team", str(team_file), "--protocol", "solo,leader", "--rounds", "2", "--name", "mine", "-q",
            "--store", str(store), "--output", str(runs),
        ]  # fmt: skip
        # What counts the coverage of commands would write its own file where there is no room.
        others = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        environment = others | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120, **process
        )

    return go


def answers(store: Path) -> int:
    with sqlite3.connect(store) as db:
        (count,) = db.execute("SELECT COUNT(*) FROM completions").fetchone()
    db.close()
    return int(count)


def made(run: Path) -> list[int]:
    sessions = orjson.loads((run / "manifest.json").read_bytes())["sessions"]
    return [session["completions"]["made"] for session in sessions if "completions" in session]


def unsaved(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if ".unsaved-" in path.name]


def only_sentence(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a run that failed says: one line, no traceback."""
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    line = done.stderr.strip()
    assert line.startswith("mlpo-bench: ")
    assert "to go on: mlpo-bench run --config " in line
    return line


@pytest.mark.parametrize("size", [70_000, 150_000])
def test_files_that_may_not_grow_stop_the_asking_and_lose_nothing(
    run: Run, tmp_path: Path, contents: Read, size: int
) -> None:
    limited = run(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
    assert "lost" not in only_sentence(limited)
    whole = run(runs=tmp_path / "undisturbed", store=tmp_path / "other.sqlite")
    assert whole.returncode == 0
    assert run().returncode == 0
    assert contents(tmp_path / "runs" / "mine") == contents(tmp_path / "undisturbed" / "mine")
    assert answers(tmp_path / "s" / "store.sqlite") == answers(tmp_path / "other.sqlite")
    assert not unsaved(tmp_path)


def test_what_finds_too_little_room_for_what_is_kept_beside_the_store_asks_nothing(run: Run, tmp_path: Path) -> None:
    store = tmp_path / "s" / "store.sqlite"
    with Store(store):
        pass
    unkept = [(number.to_bytes(32, "big"), rows.written(MADE)) for number in range(400)]
    (place,) = database.save_elsewhere(store, unkept)
    limited = run(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)))
    said = only_sentence(limited)
    assert f"400 answers that it could not take are in {place}; the next run takes them in. Nothing more was" in said
    assert (answers(store), answers(place)) == (0, 400)
    assert not (tmp_path / "runs" / "mine" / "manifest.json").exists()
    again = run()
    assert again.returncode == 0, again.stderr
    assert answers(store) > 400
    assert not unsaved(tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of eight megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "x", place], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("a file system can be mounted by root alone")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("what", ["store", "runs"])
def test_a_full_disk_stops_the_asking_and_loses_nothing(
    run: Run, tmp_path: Path, small_disk: Path, contents: Read, what: str
) -> None:
    (small_disk / "filling").write_bytes(bytes((8 << 20) - 120_000))
    there = {"store": small_disk / "store.sqlite"} if what == "store" else {"runs": small_disk / "runs"}
    said = only_sentence(run(**there))
    assert "full" in said or "No space left" in said
    (small_disk / "filling").unlink()
    assert run(runs=tmp_path / "undisturbed", store=tmp_path / "other.sqlite").returncode == 0
    if places := unsaved(tmp_path):
        command = [sys.executable, "-m", "mlpo_bench", "store", "import", *map(str, places)]
        kept = answers(small_disk / "store.sqlite")
        subprocess.run([*command, "--store", str(small_disk / "store.sqlite")], check=True)
        assert answers(small_disk / "store.sqlite") == kept + sum(map(answers, places)) > kept
    again = run(**there)
    assert again.returncode == 0, again.stderr
    folder = there.get("runs", tmp_path / "runs") / "mine"
    assert contents(folder) == contents(tmp_path / "undisturbed" / "mine")


def test_a_folder_that_is_taken_away_in_mid_run_is_a_sentence(carry: Runs) -> None:
    async def open_engines(specs: Any, **_: object) -> dict[Any, ScriptedEngine]:
        def answer(*_: object) -> str:
            for path in sorted((carry.folder / "runs" / "mine").glob("[tr]*/")):
                path.rmdir() if not list(path.iterdir()) else None
            return "The answer is yes."

        return dict.fromkeys(specs, ScriptedEngine(answer, name="m", fingerprint="m"))

    team = {"leader": {"model": "m"}, "peers": []}
    with pytest.raises(UsageError, match=r"cannot be written or read: No such file.*to go on: mlpo-bench run --config"):
        carry("mine", protocols=["solo"], team=team, open_engines=open_engines)


def test_a_conversation_that_could_not_be_written_is_not_lost_to_its_cell(
    carry: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others of the cell end after the fault, and none of them makes the cell complete."""
    asked = asyncio.Barrier(4)

    class Together(ScriptedEngine):
        async def complete(self, *request: Any) -> Completion:
            await asked.wait()
            return await super().complete(*request)

    async def open_engines(specs: Any, **_: object) -> dict[Any, ScriptedEngine]:
        return dict.fromkeys(specs, Together(lambda *_: "The answer is yes.", name="m", fingerprint="m"))

    monkeypatch.setattr("mlpo_bench.log.transcripts.FRAME_BYTES", 1)
    append, tried = TranscriptWriter._append, []

    def fails_once(writer: TranscriptWriter) -> None:
        tried.append(writer)
        if len(tried) == 2:
            raise OSError(errno.EMFILE, "Too many open files", str(writer._beside))
        append(writer)

    monkeypatch.setattr(TranscriptWriter, "_append", fails_once)
    team = {"leader": {"model": "m"}, "peers": []}
    with pytest.raises(UsageError, match=r"cannot be written or read: Too many open files.*to go on: mlpo-bench run"):
        carry("mine", protocols=["solo"], team=team, open_engines=open_engines)
    assert not list((carry.folder / "runs" / "mine" / "cells").iterdir())
    run = carry("mine", protocols=["solo"], team=team, open_engines=open_engines)
    assert [(cell.n, cell.errors) for cell in run.results().cells] == [(4, 0)]


def test_a_damaged_store_is_rebuilt_from_the_run(carry: Runs, mixed_team: dict[str, Any]) -> None:
    carry("mine", protocols=["solo", "debate"], team=mixed_team)
    store = carry.folder / "mine.sqlite"
    before = answers(store)
    store.write_bytes(store.read_bytes()[:5_000])
    run = carry("mine", protocols=["leader"], team=mixed_team, add=True)
    (said,) = [line for line in carry.said if "was damaged and is set aside as" in line]
    assert f"; {before} answers of this run are taken from its transcripts" in said
    undisturbed = carry("undisturbed", protocols=["solo", "debate", "leader"], team=mixed_team)
    assert made(run.path)[1] == made(undisturbed.path)[0] - before


def test_a_store_that_was_lost_is_filled_from_the_run(carry: Runs, mixed_team: dict[str, Any]) -> None:
    carry("mine", protocols=["solo", "debate"], team=mixed_team)
    store = carry.folder / "mine.sqlite"
    before = answers(store)
    store.unlink()
    run = carry("mine", protocols=["leader"], team=mixed_team, add=True)
    (said,) = [line for line in carry.said if "are taken from its transcripts" in line]
    assert f"{store} is new; {before} answers of this run" in said
    undisturbed = carry("undisturbed", protocols=["solo", "debate", "leader"], team=mixed_team)
    assert made(run.path)[1] == made(undisturbed.path)[0] - before


def test_half_written_files_of_killed_processes_are_removed(carry: Runs, mixed_team: dict[str, Any]) -> None:
    run: RunDirectory = carry("mine", protocols=["solo"], team=mixed_team)
    left = [
        run.path / ".manifest.json.12345",
        run.path / "transcripts" / ".bbh.debate.jsonl.zst",
        run.path / "cells" / ".bbh.solo.json.7",
        run.path / "records" / ".bbh.solo.parquet.999",
    ]
    for path in left:
        path.write_bytes(b"half")
    carry("mine", protocols=["solo"], team=mixed_team)
    assert not [path for path in left if path.exists()]


def test_a_store_that_fails_only_when_everything_was_asked_says_how_to_go_on(
    carry: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def open_engines(specs: Any, **_: object) -> dict[Any, ScriptedEngine]:
        return dict.fromkeys(specs, ScriptedEngine(lambda *_: "The answer is yes.", name="m", fingerprint="m"))

    settle = Store.settle

    def too_late(store: Store) -> str | None:
        if store.path is not None:  # a plan's rehearsal has one that lies in memory
            store.trouble = "the store cannot be written: database or disk is full."
        return settle(store)

    monkeypatch.setattr(Store, "settle", too_late)
    team = {"leader": {"model": "m"}, "peers": []}
    with pytest.raises(UsageError, match=r"disk is full\. Everything was asked; to go on: mlpo-bench run --config "):
        carry("late", protocols=["solo"], team=team, open_engines=open_engines)
