"""`mlpo-bench rescore` as a person meets it: the answer first, tables that hold at 80 columns, one sentence a fault."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlpo_bench import answers
from mlpo_bench.log.seals import sealed


Cli = Any
Read = Callable[[Path], Any]


SCRIPT = """
- when: "number 6:"
  say: The answer is (A).
- say: The answer is (B).
"""
TEAM = """
leader: {model: script.yaml, engine: scripted}
peers: [{model: script.yaml, engine: scripted, count: 3}]
"""
ASKED = 3 * 2 * 3
"""Two questions of each of three subjects, in three cells: number 1 and number 6, all answered right."""


@pytest.fixture
def run(mlpo_bench: Cli, made_up: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    """The command that made a run whose members always agree, on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    Path("script.yaml").write_text(SCRIPT)
    Path("team.yaml").write_text(TEAM)
    command: tuple[object, ...] = (
        "run",
        "--suite",
        "bbh",
        "--data",
        made_up,
        "--team",
        "team.yaml",
        "--name",
        "mine",
        "-q",
    )
    command += ("--subjects", "snarks,ruin_names,hyperbaton", "--rounds", "2", "--samples", "8")
    command += ("-P", "early_stop=true")
    assert mlpo_bench(*command).code == 0
    return command


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that can no longer read the letter A."""
    read = answers.read

    def deaf_to_a(name: str, text: str, **more: Any) -> str | None:
        return None if "(A)" in text else read(name, text, **more)

    monkeypatch.setattr(answers, "read", deaf_to_a)


def test_with_the_readers_that_it_was_read_with_nothing_moves(mlpo_bench: Cli, run: tuple[object, ...]) -> None:
    shown = mlpo_bench("show", "mine").out
    said = mlpo_bench("rescore", "mine")
    assert said.code == 0
    assert said.out.startswith("None of 18 verdicts changed.")
    assert "0 are read or judged otherwise." in said.out
    assert "Files: runs/mine" in said.out
    assert "Reading what was recorded" in said.err
    assert mlpo_bench("show", "mine").out == shown
    assert mlpo_bench(*run).out.count("nothing was asked") == 1


@pytest.mark.usefixtures("run", "deaf")
def test_what_moved_is_told_and_what_is_missing_can_be_asked(mlpo_bench: Cli, records: Read) -> None:
    before = {(r["cell"], r["question"]): r for r in records(Path("runs/mine"))}
    would = mlpo_bench("rescore", "mine", "--dry-run", "-q")
    assert would.err == ""
    assert "Nothing was written." in would.out
    assert {(r["cell"], r["question"]): r for r in records(Path("runs/mine"))} == before
    said = mlpo_bench("rescore", "mine", "-q")
    after = {(r["cell"], r["question"]): r for r in records(Path("runs/mine"))}
    assert sum(bool(r["right"]) for r in before.values()) == ASKED
    assert sum(r["right"] is False for r in after.values()) == sum(r["unread"] for r in after.values()) == 6
    assert sum(r["error"] is not None for r in after.values()) == 3
    assert said.out.startswith("6 of 18 verdicts changed: 0 turned right, 6 wrong; solo on bbh 1.000 -> 0.500.")
    unbroken = " ".join(said.out.split())
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.out.splitlines() if "│" in line]
    assert rows == [
        ["solo", "1.000 -> 0.500", "0 -> 3", "+0 -3", "0"],
        ["vote of 8", "1.000 -> 0.500", "0 -> 3", "+0 -3", "0"],
        ["leader, 2 rounds, early stop,", "1.000 -> 1.000", "0 -> 0", "+0 -0", "3"],
        ["3 peers", "", "", "", ""],
    ]
    assert "3 conversations would now go on with what was never asked, and are in no figure: bbh/" in unbroken
    assert said.code == would.code == 1
    assert all(len(line) <= 80 for line in said.out.splitlines() if "To ask what" not in line)
    assert said.out.partition("Files:")[0] == would.out.partition("Nothing was")[0]
    (command,) = re.findall(r"To ask what is missing: mlpo-bench (.*)", said.out)
    assert command == "run --config runs/mine/config.yaml --output runs --name mine"
    assert mlpo_bench(*command.split(), "-q").code == 0
    assert mlpo_bench("rescore", "mine", "-q").out.startswith("None of 18 verdicts changed.")


@pytest.mark.usefixtures("run", "deaf")
def test_json_is_what_the_manifest_keeps(mlpo_bench: Cli) -> None:
    said = mlpo_bench("rescore", "mine", "--json")
    found = json.loads(said.out)
    (kept,) = json.loads(Path("runs/mine/manifest.json").read_text())["rescored"]
    assert [row for row in found["rows"] if row["row"] == "solo"] == [r for r in kept["rows"] if r["row"] == "solo"]
    assert found["left_out"] == kept["left_out"]
    assert kept["git"] is None or kept["git"].keys() == {"commit", "dirty"}


@pytest.mark.usefixtures("run")
def test_questions_that_are_not_at_hand_are_asked_for(mlpo_bench: Cli, made_up: Path, tmp_path: Path) -> None:
    config = Path("runs/mine/config.yaml")
    config.write_text(config.read_text().replace(str(made_up), str(tmp_path / "gone")))
    manifest = Path("runs/mine/manifest.json")
    told = json.loads(manifest.read_text())
    assert told.pop("config_files")  # else it is told that the configuration was changed
    manifest.write_text(json.dumps(sealed(told)))
    said = mlpo_bench("rescore", "mine")
    assert said.code == 2
    assert "Name its folder with --data." in said.err.splitlines()[-1]
    assert mlpo_bench("rescore", "mine", "--data", made_up).code == 0


@pytest.mark.usefixtures("run")
def test_a_run_that_is_not_there(mlpo_bench: Cli) -> None:
    said = mlpo_bench("rescore", "mime")
    assert (said.code, said.out) == (2, "")
    assert "there is no run 'mime'; did you mean 'mine'?" in said.err


def test_cells_that_other_readers_read_are_told_until_all_are_judged_alike(
    mlpo_bench: Cli, run: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (*run[: run.index("--name")], "--name", "mixed", *run[run.index("--name") + 2 :])
    assert mlpo_bench(*whole, "--only", "solo").code == 0
    told = "Cells were read by different readers. To judge all alike: mlpo-bench rescore runs/mixed"
    assert told not in mlpo_bench("show", "mixed").out
    monkeypatch.setattr("mlpo_bench.harness.readers.identity", lambda: "of another day")
    assert told in mlpo_bench(*whole).out
    assert told in mlpo_bench("show", "mixed").out
    said = mlpo_bench("leaderboard", "add", "mixed", "--only", "solo,vote")
    assert "were read by different readers; `mlpo-bench rescore runs/mixed` judges all alike" in said.err
    assert mlpo_bench("rescore", "mixed", "-q").code == 0
    assert told not in mlpo_bench("show", "mixed").out
    assert {cell["readers"] for cell in json.loads(mlpo_bench("show", "mixed", "--json").out)["cells"]} == {
        "of another day"
    }
