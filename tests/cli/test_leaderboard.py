"""`mlpo-bench leaderboard` over real runs of scripted teams."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mlpo_bench.analysis.rows import read_rows
from mlpo_bench.cli.leaderboard import app
from mlpo_bench.errors import UsageError
from mlpo_bench.leaderboard.entry import read_entry
from mlpo_bench.leaderboard.from_run import _command
from mlpo_bench.log import LoadedRun
from mlpo_bench.log.files import digest
from mlpo_bench.log.seals import SEAL, sealed


Cli = Any
MATRIX = """
suites: [bbh]
seeds: 2
team: team.yaml
protocols: [solo, leader: {rounds: 1}, vote: {samples: [2, tokens]}, oracle]
"""


def told(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


def edit(path: Path, **fields: object) -> None:
    """Change a run's file, as if it had been written so."""
    value = json.loads(path.read_text()) | fields
    path.write_text(json.dumps(sealed(value) if SEAL in value else value))


@pytest.fixture
def run(mlpo_bench: Cli, made_up: Path, team_file: Path) -> Path:
    """A finished run, of a clean commit."""
    (team_file.parent / "matrix.yaml").write_text(MATRIX)
    said = mlpo_bench("run", "--matrix", team_file.parent / "matrix.yaml", "--data", made_up, "--name", "mine")
    assert said.code == 0, said.err
    folder = Path("runs/mine")
    edit(folder / "manifest.json", git={"commit": "c" * 40, "dirty": False})
    return folder


def entries() -> dict[str, Any]:
    found = [read_entry(path) for path in sorted(Path("leaderboards/entries").iterdir())]
    return {entry.label: entry for entry in found}


def test_an_entry_from_before_families_were_kept_is_still_the_run_s(run: Path) -> None:
    told("add", run)
    families = {entry.protocol.name: entry.protocol.family for entry in entries().values()}
    assert (families["solo"], families["leader"]) == ("solo", "led")
    for entry in entries().values():
        earlier = entry.model_copy(update={"protocol": entry.protocol.model_copy(update={"family": None})}).signed()
        assert earlier.filename == entry.filename
        (Path("leaderboards/entries") / earlier.filename).write_bytes(earlier.to_json())
    told("build")
    assert told("check", "--run", run) == "leaderboards: 5 entries, and tables that match.\n"


def test_a_run_is_added_built_and_checked(run: Path) -> None:
    said = told("add", run)
    assert "leaderboards/leaderboard.html" in said
    assert told("check") == "leaderboards: 5 entries, and tables that match.\n"
    assert told("check", "--run", run) == "leaderboards: 5 entries, and tables that match.\n"
    rows = {row.label: row for row in read_rows(LoadedRun.open(run))}
    found = entries()
    assert found.keys() == rows.keys()
    for label, entry in found.items():
        (suite,) = entry.suites.values()
        outcomes = rows[label]
        assert suite.accuracy.value == pytest.approx(outcomes.accuracy.value, abs=1e-6)
        assert (suite.accuracy.low, suite.accuracy.high) == pytest.approx(
            (outcomes.accuracy.low, outcomes.accuracy.high), abs=1e-6
        )
        assert (suite.unread, suite.cut_off) == pytest.approx((outcomes.unread, outcomes.cut_off), abs=1e-6)
        assert suite.cost.tokens == pytest.approx(outcomes.cost.tokens, abs=1e-5)
        assert sorted(suite.scores.tolist()) == sorted(outcomes.scores.values())
        assert entry.seeds == (0, 1)
    led = found["leader, 1 round, 3 peers"]
    assert (led.protocol.rounds, led.protocol.peers, len(led.peers)) == (1, 3, 3)
    assert found["oracle, 3 peers"].protocol.ceiling
    matched = found["vote at the tokens of leader, 1 round, 3 peers"]
    assert matched.protocol.matched == led.label
    assert all(answers.samples for answers in matched.suites["bbh"].answers)
    assert led.run.commands[0].startswith("mlpo-bench run --matrix")
    readme = Path("leaderboards/README.md").read_text()
    assert re.search(r"\(p [0-9.]+(e-[0-9]+)?\)", readme)


def test_no_text_of_a_question_is_published(run: Path) -> None:
    told("add", run)
    for path in Path("leaderboards").rglob("*"):
        assert path.is_dir() or b"Made up for" not in path.read_bytes()


def test_adding_again_replaces_and_only_chooses(run: Path) -> None:
    told("add", run, "--only", "bbh.solo,oracle")
    before = {path: path.read_bytes() for path in Path("leaderboards").rglob("*") if path.is_file()}
    assert entries().keys() == {"solo", "oracle, 3 peers"}
    told("add", run, "--only", "bbh.solo,oracle")
    assert {path: path.read_bytes() for path in Path("leaderboards").rglob("*") if path.is_file()} == before
    told("add", run)
    assert len(entries()) == 5


def test_a_row_of_some_seeds_costs_what_these_cost(run: Path) -> None:
    told("add", run, "--only", "seed-1")
    results = {result.cell: result for result in LoadedRun.open(run).results.cells}
    for entry in entries().values():
        (answers,) = entry.suites["bbh"].answers
        (cell, cost) = results[answers.cell], entry.suites["bbh"].cost
        assert (entry.seeds, cell.seed) == ((1,), 1)
        assert cost.completion_tokens == pytest.approx(cell.completion_tokens / cell.n, abs=1e-5)
        assert cost.prompt_tokens == pytest.approx(cell.prompt_tokens / cell.n, abs=1e-5)
    assert told("check", "--run", run) == "leaderboards: 5 entries, and tables that match.\n"
    told("add", run)  # rows of the same names, with other seeds
    told("add", run, "--only", "bbh.solo.seed-1")
    assert told("check", "--run", run) == "leaderboards: 10 entries, and tables that match.\n"


def test_completions_go_with_the_last_row_that_they_were_kept_for(
    mlpo_bench: Cli, run: Path, made_up: Path, team_file: Path
) -> None:
    folder = Path("leaderboards/completions")
    told("add", run)
    (before,) = folder.iterdir()
    stranger = folder / "mine.jsonl.zst"
    stranger.write_bytes(b"mine")
    what = ("--matrix", team_file.parent / "matrix.yaml", "--data", made_up)
    assert mlpo_bench("run", *what, "--name", "again").code == 0
    edit(Path("runs/again/manifest.json"), git={"commit": "c" * 40, "dirty": False})
    said = told("add", "again", "--only", "solo")
    assert "was deleted" not in said
    assert before in folder.iterdir()
    said = told("add", "again")
    assert f"{before} was deleted: all rows that it was kept for have been replaced." in said
    assert before not in folder.iterdir()
    assert stranger.read_bytes() == b"mine"
    assert told("check", code=1).splitlines() == [
        "completions/mine.jsonl.zst belongs to no entry; add its run anew, or delete the file."
    ]
    stranger.unlink()
    assert told("check", "--run", "again") == "leaderboards: 5 entries, and tables that match.\n"


def test_entries_are_held_against_their_run_that_was_extended_since(mlpo_bench: Cli, run: Path) -> None:
    told("add", run)
    said = mlpo_bench("run", "--name", "mine", "--add", "--protocol", "refine", "--seeds", "3", "-q")
    assert said.code == 0, said.err
    edit(run / "manifest.json", git={"commit": "c" * 40, "dirty": False})
    assert told("check", "--run", run) == "leaderboards: 5 entries, and tables that match.\n"
    told("add", run, "--only", "refine")  # of another configuration than the others, and of the same run
    assert told("check", "--run", run) == "leaderboards: 7 entries, and tables that match.\n"
    path = next(Path("leaderboards/entries").glob("*.solo.*"))
    earlier = read_entry(path)
    suites = {"bbh": earlier.suites["bbh"].model_copy(update={"chance": 0.987})}
    path.write_bytes(earlier.model_copy(update={"suites": suites}).signed().to_json())
    told("build")
    assert "bbh: chance is not what runs/mine holds." in told("check", "--run", run, code=1)


def test_code_in_no_commit_is_refused(run: Path) -> None:
    edit(run / "manifest.json", git={"commit": "c" * 40, "dirty": True})
    with pytest.raises(UsageError, match=r"code with changes that are in no commit \(after cccccccc\)"):
        told("add", run)
    edit(run / "manifest.json", git=None)
    with pytest.raises(UsageError, match="made by an installed package, of no known commit"):
        told("add", run)
    assert not Path("leaderboards").exists()
    told("add", run, "--anyway")
    assert told("check").startswith("leaderboards: 5 entries")
    assert "| none |" in " ".join(Path("leaderboards/README.md").read_text().split())


def test_what_is_not_finished_is_refused(run: Path) -> None:
    results = json.loads((run / "results.json").read_text())
    first = results["cells"][0]
    edit(run / "results.json", cells=[first | {"errors": 2}, *results["cells"][1:]])
    with pytest.raises(UsageError, match=r"bbh\.solo: 2 questions have no answer"):
        told("add", run, "--anyway")
    edit(run / "results.json", cells=results["cells"][1:], unfinished=[first["cell"]])
    with pytest.raises(
        UsageError, match=r"1 of 10 cells have yet to be run, bbh\.solo first; `mlpo-bench run --config"
    ):
        told("add", run, "--anyway")
    told("add", run, "--only", "oracle")
    assert entries().keys() == {"oracle, 3 peers"}
    with pytest.raises(UsageError, match="no cell has 'nobody' in its name"):
        told("add", run, "--only", "nobody")


@pytest.mark.parametrize(
    ("word", "published"),
    [
        ("/home/me/data", "data"),
        ("--data=/home/me/data", "--data=data"),
        ("/home/me/a.yaml,/home/me/b.yaml", "a.yaml,b.yaml"),
        ("team.yaml", "team.yaml"),
        ("bbh,mmlu", "bbh,mmlu"),
        ("base_url=https://example.com/v1", "base_url=https://example.com/v1"),
    ],
)
def test_a_published_command_tells_no_place_of_the_machine(word: str, published: str) -> None:
    assert _command(["/usr/bin/mlpo-bench", "run", word]) == f"mlpo-bench run {published}"


def test_entries_are_held_against_their_run(run: Path) -> None:
    told("add", run)
    records = run / "records" / "bbh.solo.parquet"
    other = (run / "records" / "bbh.vote-of-2.parquet").read_bytes()
    records.write_bytes(other)
    files = json.loads((run / "cells" / "bbh.solo.json").read_text())["files"]
    edit(run / "cells" / "bbh.solo.json", files=files | {"records": digest(records)})
    told("check")
    said = told("check", "--run", run, code=1)
    assert "bbh.solo: its records in runs/mine are others" in said
    assert all(".solo." in line for line in said.splitlines())
    (model,) = json.loads((run / "manifest.json").read_text())["models"]
    edit(run / "manifest.json", models=[model | {"revision": "sha256:other"}])
    assert "models is not what runs/mine holds." in told("check", "--run", run, code=1)
    edit(run / "manifest.json", models=[])
    with pytest.raises(UsageError, match="does not tell which weights of"):
        told("check", "--run", run)


def test_a_run_of_which_nothing_was_added_cannot_be_checked(run: Path) -> None:
    Path("leaderboards/entries").mkdir(parents=True)
    told("build")
    with pytest.raises(UsageError, match="no entry in leaderboards was made from runs/mine"):
        told("check", "--run", run)


@pytest.mark.parametrize("command", ["build", "rescore"])
def test_a_folder_that_is_no_leaderboard_is_told_and_stays_away(run: Path, command: str) -> None:
    with pytest.raises(UsageError, match="there is no leaderboard nowhere; `mlpo-bench leaderboard add RUN` begins"):
        told(command, "--folder", "nowhere")
    told("add", run)
    with pytest.raises(UsageError, match="there is no leaderboard leaderbord; did you mean 'leaderboards'"):
        told(command, "--folder", "leaderbord")
    assert not Path("nowhere").exists()
    assert not Path("leaderbord").exists()
    Path("README.md").write_text("mine")
    for folder, why in ((".", r"its README\.md would be replaced"), (run / "cells", "is a run, which keeps its own")):
        with pytest.raises(UsageError, match=why):
            told("add", run, "--folder", folder)
    assert Path("README.md").read_text() == "mine"


def test_faults_are_told_a_line_each(run: Path) -> None:
    told("add", run)
    Path("leaderboards/README.md").write_text("Mine is best.")
    Path("leaderboards/entries/x.json").write_text("{")
    said = told("check", code=1).splitlines()
    assert len(said) == 1
    assert said[0].startswith("x.json does not match the schema: the file: Invalid JSON")
    Path("leaderboards/entries/x.json").unlink()
    assert told("check", code=1).splitlines() == [
        "README.md is not what its entries come to; `mlpo-bench leaderboard build` makes it again."
    ]
