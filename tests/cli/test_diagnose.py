from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from mlpo_bench.cli.diagnose import diagnose
from mlpo_bench.errors import UsageError


Cli = Any
app = typer.Typer()
app.command()(diagnose)


@pytest.fixture
def folder(mlpo_bench: Cli, made_up: Path, team_file: Path) -> Path:
    """A run of a scripted leader at one and two rounds, and of the leader alone."""
    protocols = ("--protocol", "solo,leader", "--rounds", "1,2")
    said = mlpo_bench("run", "--suite", "bbh", "--data", made_up, "--team", team_file, "--name", "led", *protocols)
    assert said.code == 0, said.err
    return Path("runs/led")


def told(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "120"}, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_a_run_is_diagnosed(folder: Path) -> None:
    overview = told(folder)
    assert "BBH: what leaders make of their peers' last answers" in overview
    assert "Name a leader with --cell for all its figures" in overview
    full = told(folder, "--cell", "leader, 2 rounds")
    assert full.count("What the leader does with its peers' last answers") == 1
    assert "The same by round" in full
    assert "all over solo" in full


def test_json_holds_all_figures(folder: Path) -> None:
    found = json.loads(told(folder, "--json"))["leaders"]
    assert [(one["suite"], one["name"]) for one in found] == [
        ("bbh", "leader, 1 round, 3 peers"), ("bbh", "leader, 2 rounds, 3 peers"),
    ]  # fmt: skip
    final = found[1]["final"]
    assert final["conversations"] == final["accuracy"]["n"] == 54
    assert {"value", "low", "high", "total", "n"} <= final["choices"]["rescue"].keys()
    assert [gain["kind"] for gain in found[1]["over"]] == ["solo", "rounds"]
    (one,) = json.loads(told(folder, "--json", "--cell", "leader, 2 rounds"))["leaders"]
    assert one == found[1]


def test_a_leader_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"no leader has 'solo' in its name. Leaders: leader, 1 round"):
        told(folder, "--cell", "solo")
