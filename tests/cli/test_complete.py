"""The shell completes values: suites, protocols, runs, cells, as they are on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from mlpo_bench.cli import _complete as complete


Cli = Any


class Context:
    """What stands in the command already."""

    def __init__(self, *args: str, info_name: object = "show", **params: object) -> None:
        self.args, self.info_name, self.params = list(args), info_name, params


def context(*args: str, **params: object) -> typer.Context:
    stand_in: Any = Context(*args, **params)
    return stand_in  # type: ignore[no-any-return]


@pytest.fixture
def _runs(mlpo_bench: Cli, made_up: Path, team_file: Path) -> None:
    few = ("--suite", "bbh", "--limit", "2", "--rounds", "1", "--only", "solo", "-q", "--data", made_up)
    for name, output in (("first", "runs"), ("second", "runs"), ("other", "elsewhere")):
        assert mlpo_bench("run", *few, "--team", team_file, "--name", name, "-o", output).code == 0


def test_lists_are_completed_at_their_last_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine.csv", "mine.txt", "questions/mine.jsonl", ".hidden.csv"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text("")
    assert complete.suites("")[:3] == ["bbh", "mmlu", "math"]
    assert {"bbh,mmlu", "bbh,math", "bbh,mine.csv"} <= set(complete.suites("bbh,m"))
    assert "bbh,bbh" not in complete.suites("bbh,b")  # it stands there already
    assert complete.suites("q") == ["questions/"]
    assert complete.suites("questions/") == ["questions/mine.jsonl"]
    assert complete.suites(f"{tmp_path}/mi") == [f"{tmp_path}/mine.csv"]
    assert complete.protocols("leader,vo") == ["leader,vote"]
    assert complete.engines("v") == ["vllm"]


def test_subjects_are_those_of_the_suites_that_were_named() -> None:
    assert complete.subjects(context(suite="math"), "alg") == ["algebra"]
    assert complete.subjects(context(suite="bbh"), "alg") == []
    assert complete.subjects(context(), "navigate,sna") == ["navigate,snarks"]


def test_files_of_teams_and_matrices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("team.yaml", "default-of-mine.yml", "notes.md"):
        Path(name).write_text("")
    assert complete.team_files("") == ["default-of-mine.yml", "team.yaml"]
    assert complete.team_files("team.yaml,d") == ["team.yaml,default-of-mine.yml"]
    assert complete.matrices("d") == ["default", "default-of-mine.yml"]
    assert complete.team_files("/no/such/folder/") == []


@pytest.mark.usefixtures("_runs")
def test_runs_are_completed_by_name_and_by_folder_and_cells_by_their_run() -> None:
    assert complete.runs(context(), "") == ["first", "second"]
    assert complete.runs(context(), "else") == ["elsewhere/"]
    assert complete.runs(context(), "elsewhere/") == ["elsewhere/other"]
    assert complete.runs(context(info_name="run", output=Path("elsewhere")), "o") == ["other"]
    cells = ["bbh.solo", "bbh.vote-of-4", "bbh.leader-1-round-3-peers"]
    assert set(cells) <= set(complete.cells(context(run="first"), ""))
    assert complete.cells(context("first", "a-question"), "bbh.l") == cells[2:]
    assert complete.cells(context(name="other", output=Path("elsewhere"), info_name="run"), "bbh.s") == cells[:1]
    assert complete.cells(context(run="none"), "") == []
    Path("runs/first/config.yaml").write_text("{")
    assert complete.cells(context(run="first"), "") == []


@pytest.mark.usefixtures("_runs")
def test_the_shell_is_told(tmp_path: Path) -> None:
    program = "import sys; sys.argv[0] = 'mlpo-bench'; from mlpo_bench.cli import main; main()"
    words = "mlpo-bench transcript first navigate/1 --cell bbh.l"
    environment = os.environ | {
        "_MLPO_BENCH_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout.split(), done.stderr) == (["bbh.leader-1-round-3-peers"], "")
