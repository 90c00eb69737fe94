"""Commands that go on with a run name the store that it was made with, where that is not the person's own."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

import mlpo_bench as package
from mlpo_bench.log.files import command, in_store


Cli = Any
STORE = "their completions.sqlite"


@pytest.fixture
def asked(made_up: Path, team_file: Path) -> tuple[object, ...]:
    """A run of one row, called `mine`."""
    return (
        "run", "--suite", "bbh", "--data", made_up, "--team", team_file, "--limit", "9", "--protocol", "solo",
        "--name", "mine", "-q",
    )  # fmt: skip


def test_the_command_of_a_run_with_a_store_of_its_own_finds_its_answers(
    mlpo_bench: Cli, asked: tuple[object, ...], tmp_path: Path
) -> None:
    assert mlpo_bench(*asked, "--store", STORE).code == 0
    (tmp_path / "runs" / "mine" / "results.json").unlink()
    (told,) = re.findall(r"`mlpo-bench (.*)` goes on with it", mlpo_bench("show", "mine").err)
    assert told.endswith(f"--name mine --store {shlex.quote(str(tmp_path / STORE))}")
    (tmp_path / "runs" / "mine" / "cells" / "bbh.solo.json").unlink()
    assert mlpo_bench(*shlex.split(told), "-q").code == 0
    sessions = json.loads((tmp_path / "runs" / "mine" / "manifest.json").read_text())["sessions"]
    assert [session["completions"]["made"] for session in sessions] == [9, 0]
    assert not (tmp_path / "cache" / "mlpo-bench" / "completions.sqlite").exists()


def test_a_run_with_the_persons_own_store_names_none(mlpo_bench: Cli, asked: tuple[object, ...]) -> None:
    assert mlpo_bench(*asked, "--store", STORE).code == 0
    run = Path("runs/mine")
    assert in_store(run) == ("--store", str(Path(STORE).absolute()))
    (run / "cells" / "bbh.solo.json").unlink()
    assert mlpo_bench(*asked).code == 0
    assert in_store(run) == ()  # the last session counts
    assert command(run) == "mlpo-bench run --config runs/mine/config.yaml --output runs --name mine"
    assert command(run, store=Path("s")).endswith(" --name mine --store s")


@pytest.mark.parametrize("manifest", ["", "[]", "{", '{"sessions": [1]}', '{"sessions": [{"store": 1}]}', "\xff"])
def test_a_damaged_manifest_notes_no_store(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "manifest.json").write_text(manifest, encoding="latin-1")
    assert in_store(tmp_path) == ()


def test_a_run_of_python_tells_its_store_likewise(
    made_up: Path, team_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    package.run(["bbh"], ["solo"], str(team_file), data=str(made_up), limit=9, name="mine", folder="runs", store=STORE)
    assert in_store(Path("runs/mine")) == ("--store", str(tmp_path / STORE))
