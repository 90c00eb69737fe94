"""What may not be read or written is told as that: nothing is wrong with the files, and nothing is passed over."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


Cli = Any
# Root may read everything, unless it is without these.
DROPPED = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


def bound(*words: object) -> subprocess.CompletedProcess[str]:
    """Carry out a command line that is bound by what files allow."""
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root may read everything here: setpriv is not installed")
    command = [*(DROPPED if os.geteuid() == 0 else ()), sys.executable, "-m", "mlpo_bench", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def run(mlpo_bench: Cli, made_up: Path, team_file: Path) -> Path:
    words = ("--suite", "bbh", "--limit", "2", "--protocol", "solo", "--data", made_up, "--team", team_file)
    assert mlpo_bench("run", *words, "--name", "mine", "--store", "store.sqlite", "-q").code == 0
    return Path("runs/mine")


def test_a_run_that_may_not_be_looked_into_is_listed(run: Path) -> None:
    shutil.copytree(run, "runs/closed")
    Path("runs/closed").chmod(0)
    listed = {one["name"]: one["state"] for one in json.loads(bound("runs", "--json").stdout)}
    assert listed == {"mine": "done", "closed": "unreadable"}


@pytest.mark.parametrize(("place", "why"), [("folder", "not readable"), ("pipe", "cannot be read: Not a directory.")])
def test_a_place_that_cannot_be_read_is_not_an_empty_one(tmp_path: Path, place: str, why: str) -> None:
    if place == "pipe":
        os.mkfifo(tmp_path / place)
    else:
        (tmp_path / place).mkdir(mode=0)
    said = bound("runs", "-o", tmp_path / place)
    assert (said.returncode, said.stdout) == (2, "")
    assert why in " ".join(said.stderr.replace("│", " ").split())


@pytest.mark.parametrize("name", ["manifest.json", "records/bbh.solo.parquet", "transcripts/bbh.solo.jsonl.zst"])
@pytest.mark.parametrize("command", ["report RUN -o page.html", "leaderboard add RUN --folder board --anyway", "run"])
def test_a_file_of_a_run_that_may_not_be_read_is_not_damaged(
    run: Path, name: str, command: str, made_up: Path, team_file: Path
) -> None:
    words = ("--suite", "bbh", "--limit", "2", "--protocol", "solo", "--data", made_up, "--team", team_file)
    again = (*words, "--name", "mine", "--store", "store.sqlite") if command == "run" else ()
    (run / name).chmod(0)
    said = bound(*command.replace("RUN", str(run)).split(), *again)
    assert said.returncode == 2, said
    assert f"{run}/{name} cannot be read: Permission denied; see who may (ls -l)." in said.stderr
    assert "Traceback" not in said.stderr
    assert not list(run.rglob("*.damaged-*"))


def test_a_store_that_may_not_be_written_to_is_not_to_be_moved_away(run: Path) -> None:  # noqa: ARG001 - makes one
    Path("closed").mkdir()
    shutil.copy("store.sqlite", "closed/store.sqlite")
    Path("closed/store.sqlite").chmod(0o444)
    Path("closed").chmod(0o555)
    said = bound("store", "export", "all.zst", "--store", "closed/store.sqlite")
    Path("closed").chmod(0o755)
    assert said.returncode == 2
    assert "may not be written to. Copy it to a folder that may, or name another with --store." in said.stderr


def test_a_store_that_is_not_there_is_not_to_be_moved_away(mlpo_bench: Cli, team_file: Path, made_up: Path) -> None:
    Path("taken").write_text("a file")
    words = ("--suite", "bbh", "--limit", "2", "--data", made_up, "--team", team_file, "--store", "taken/x.sqlite")
    said = mlpo_bench("run", *words)
    assert said.code == 2
    assert (
        "taken/x.sqlite cannot be opened: a file stands where a folder is needed. Name another with --store."
        in said.err
    )
