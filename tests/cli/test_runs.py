"""Runs are listed with how far they are, whatever state their files are in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock


if TYPE_CHECKING:
    from collections.abc import Callable

Cli = Any
FEW = ("--suite", "bbh", "--limit", "6", "--rounds", "1", "-q")


@pytest.fixture
def run(mlpo_bench: Cli, made_up: Path, team_file: Path) -> Callable[..., Any]:
    def go(name: str, *more: str) -> Any:
        return mlpo_bench("run", *FEW, "--data", made_up, "--team", team_file, "--name", name, *more)

    return go


def test_runs_are_listed_with_what_they_ask_and_how_far_they_are(run: Any, mlpo_bench: Cli) -> None:
    assert run("whole").code == 0
    assert run("part", "--only", "solo").code == 0
    for name in ("broken", "begun", "going", "changed", "looped"):
        shutil.copytree("runs/part", f"runs/{name}")
    Path("runs/broken/results.json").write_text("{")
    Path("runs/begun/results.json").unlink()
    changed = Path("runs/changed/results.json")
    held = json.loads(changed.read_text())
    held["cells"][0]["n"] = 4_000
    changed.write_text(json.dumps(held))  # with the seal of what it held before
    Path("runs/looped/results.json").unlink()
    Path("runs/looped/results.json").symlink_to("results.json")
    Path("runs/notes").mkdir()
    with FileLock("runs/going/.lock"):
        listed = {one["name"]: one for one in json.loads(mlpo_bench("runs", "--json").out)}
    assert set(listed) == {"whole", "part", "broken", "begun", "going", "changed", "looped"}
    told = {name: (one["state"], one["rows"], one["cells"], one["of_cells"]) for name, one in listed.items()}
    assert told == {
        "whole": ("done", 4, 4, 4),
        "part": ("stopped", 1, 1, 4),
        "broken": ("unreadable", 0, 0, None),
        "changed": ("unreadable", 0, 0, None),
        "looped": ("unreadable", 0, 0, None),
        "begun": ("empty", 0, 0, None),
        "going": ("running", 1, 1, 4),
    }
    assert (listed["whole"]["suites"], listed["whole"]["answered"], listed["whole"]["faults"]) == (["bbh"], 24, 0)
    assert listed["whole"]["date"].startswith("20")


def test_faults_are_counted(run: Any, mlpo_bench: Cli, script: Path) -> None:
    script.write_text("- when: 'what is never asked'\n  say: ['-']\n")
    assert run("faulty", "--protocol", "solo").code == 1
    (one,) = json.loads(mlpo_bench("runs", "--json").out)
    assert (one["state"], one["faults"]) == ("faults", 6)
    assert "6 faults" in mlpo_bench("runs").out


def test_the_list_holds_at_80_columns(run: Any, mlpo_bench: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("bbh-mmlu-math_a-model-with-a-long-name_0123abcd", "--only", "solo").code == 0
    monkeypatch.setenv("COLUMNS", "80")
    said = mlpo_bench("runs")
    assert said.code == 0
    assert all(len(line) <= 80 for line in said.out.splitlines())
    assert "1/4" in said.out


def test_a_folder_without_runs_says_what_makes_one(mlpo_bench: Cli) -> None:
    assert mlpo_bench("runs").out == "No run lies in runs: `mlpo-bench run` makes one.\n"
    assert json.loads(mlpo_bench("runs", "-o", "elsewhere", "--json").out) == []
