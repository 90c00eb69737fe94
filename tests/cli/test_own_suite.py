"""A file of one's own goes the way of every suite: run, plan, resume, report, compare, lm-eval, leaderboard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlpo_bench.log.seals import sealed
from mlpo_bench.matrix.config import RunConfig
from mlpo_bench.questions import Entry, Generated, Suite, load


Cli = Any


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Eight questions with options, six of them tested."""
    path = tmp_path / "mine.csv"
    rows = [f"Made up {n}?,one,two,{'AB'[n % 2]},part {n % 2},{'train' if n < 2 else 'test'}" for n in range(8)]
    path.write_text("\n".join(["question,a,b,answer,subject,split", *rows, "", ""]))
    return path


def test_two_suites_whose_tasks_would_have_one_name_are_refused(mlpo_bench: Cli) -> None:
    Path("a.csv").write_text("question,answer,subject\n1?,1,b_c\n2?,2,b_c\n")
    Path("a_b.csv").write_text("question,answer,subject\n3?,3,c\n4?,4,c\n")
    Path("bbh_navigate.csv").write_text("question,answer\n5?,5\n6?,6\n")
    assert mlpo_bench("suites", "--suite", "a.csv", "--tasks", "tk").code == 0
    assert mlpo_bench("suites", "--suite", "a.csv", "--tasks", "tk").code == 0  # once more is the same
    said = mlpo_bench("suites", "--suite", "a_b.csv", "--tasks", "tk")
    assert said.code == 2
    assert "lm-eval would know tasks of 'a' and of 'a_b' by one name, mlpo_a_b_c; rename the file" in said.err
    assert not Path("tk/a_b").exists()
    said = mlpo_bench("suites", "--suite", "bbh_navigate.csv", "--tasks", "tk")
    assert "tasks of 'bbh' and of 'bbh_navigate' by one name, mlpo_bbh_navigate" in said.err


def asked(run: Path) -> list[str]:
    return [cell["suite"] for cell in json.loads((run / "results.json").read_text())["cells"]]


def test_a_file_is_run_resumed_compared_and_published(mlpo_bench: Cli, mine: Path, team_file: Path) -> None:
    options = ("--suite", "mine.csv", "--format", "option", "--team", team_file, "--protocol", "solo,leader")
    assert "MINE" in mlpo_bench("plan", *options).out
    said = mlpo_bench("run", *options, "--name", "first")
    assert said.code == 0, said.err
    run = Path("runs/first")
    assert asked(run) == ["mine"] * 3
    assert json.loads((run / "results.json").read_text())["cells"][0]["n"] == 6
    kept = yaml.safe_load((run / "config.yaml").read_text())
    assert kept["suites"] == ["mine"]
    assert kept["own"]["mine"]["at"] == str(mine)
    source = json.loads((run / "manifest.json").read_text())["sources"]["mine"]
    assert source["kind"] == "file"
    assert source["revision"] == f"sha256:{kept['own']['mine']['sha256'][:16]}"

    again = mlpo_bench("run", "--config", run / "config.yaml", "--name", "first")
    assert again.code == 0, again.err
    assert "All these cells were done before" in again.out
    for command in (("show", run), ("report", run), ("compare", run, "--against", "solo"), ("diagnose", run)):
        said = mlpo_bench(*command)
        assert said.code == 0, (command, said.err, said.out)
    manifest = run / "manifest.json"
    told = json.loads(manifest.read_text()) | {"git": {"commit": "c" * 40, "dirty": False}}
    manifest.write_text(json.dumps(sealed(told)))
    said = mlpo_bench("leaderboard", "add", run)
    assert said.code == 0, said.err
    entry = json.loads(min(Path("leaderboards/entries").iterdir()).read_text())
    assert entry["suites"]["mine"]["source"] == source | {"where": None}
    assert str(mine) not in json.dumps(entry)
    assert mlpo_bench("rescore", run).code == 0


def test_a_file_that_changed_is_another_suite_and_one_that_moved_is_the_same(
    mlpo_bench: Cli, mine: Path, team_file: Path
) -> None:
    options = ("run", "--suite", "mine.csv", "--team", team_file, "--protocol", "solo", "--name", "first")
    assert mlpo_bench(*options).code == 0
    before = mine.read_text()
    mine.write_text(before.replace("Made up 5?", "Changed 5?"))
    said = mlpo_bench(*options)
    assert said.code == 2
    assert "made with another configuration (not the same: own)" in said.err
    said = mlpo_bench("run", "--config", "runs/first/config.yaml", "--name", "second")
    assert said.code == 2
    assert "mine.csv no longer has the questions that the run was made with" in said.err
    mine.unlink()
    assert mlpo_bench("report", "runs/first").code == 0
    (mine.parent / "elsewhere").mkdir()
    (mine.parent / "elsewhere" / "mine.csv").write_text(before)
    said = mlpo_bench("rescore", "runs/first", "--data", "elsewhere")
    assert said.code == 0, said.err
    again = mlpo_bench("run", "--suite", "elsewhere/mine.csv", *options[3:])
    assert again.code == 0, again.err


def test_a_matrix_names_files_beside_it_with_a_format_for_each(mlpo_bench: Cli, mine: Path, team_file: Path) -> None:
    folder = mine.parent / "matrices"
    folder.mkdir()
    (folder / "numbers.jsonl").write_text('{"question": "One?", "answer": "1", "split": "test"}\n')
    mine.rename(folder / "mine.csv")
    formats = {"numbers": "phrase", "mine": "option"}
    matrix = {"suites": ["mine.csv", "numbers.jsonl"], "format": formats, "team": str(team_file), "protocols": ["solo"]}
    (folder / "m.yaml").write_text(yaml.safe_dump(matrix))
    said = mlpo_bench("run", "--matrix", folder / "m.yaml", "--name", "both")
    assert said.code == 0, said.err
    assert asked(Path("runs/both")) == ["mine", "numbers"]
    kept = yaml.safe_load(Path("runs/both/config.yaml").read_text())["own"]
    assert {name: one["format"] for name, one in kept.items()} == formats
    (folder / "m.yaml").write_text(yaml.safe_dump(matrix | {"format": {"numbrs": "number"}}))
    said = mlpo_bench("plan", "--matrix", folder / "m.yaml")
    assert "a format is named for 'numbrs', which is no file of questions here; did you mean 'numbers'" in said.err


def test_a_subject_of_no_suite_is_told(mlpo_bench: Cli, mine: Path, team_file: Path) -> None:
    options = ("plan", "--suite", mine, "--team", team_file, "--protocol", "solo", "--subjects")
    assert mlpo_bench(*options, "part_0").code == 0
    said = mlpo_bench(*options, "part_0,part_9")
    assert (said.code, "no subject is called 'part_9'; did you mean 'part_" in said.err) == (2, True)


def test_suites_and_validate_tell_of_a_file(mlpo_bench: Cli, mine: Path) -> None:
    said = mlpo_bench("suites", "--suite", "mine.csv", "--subjects")
    assert {"part_0", "part_1"} <= set(said.out.split())
    assert "bbh" not in said.out
    said = mlpo_bench("validate", "--suite", mine)
    assert (said.code, "all read and judged right" in said.out) == (0, True)
    said = mlpo_bench("validate", "--suite", "bbh", "--format", "option")
    assert said.code == 2
    assert "--format is for files of questions" in said.err
    said = mlpo_bench("run", "--suite", "mnie.csv")
    assert said.code == 2
    assert "there is no file" in said.err
    assert "did you mean 'mine.csv'?" in said.err


def test_lm_eval_asks_a_file_by_the_tasks_written_for_it(mlpo_bench: Cli, mine: Path, team_file: Path) -> None:
    said = mlpo_bench("suites", "--suite", mine, "--tasks", "tasks")
    assert "the task mlpo_mine and those of its 2 subjects" in said.out
    arguments = ("--model", "mlpo-team", "--model_args", f"team={team_file},protocol=solo,store=s.sqlite")
    said = mlpo_bench(
        "lm-eval", "run", *arguments, "--tasks", "mlpo_mine", "--include_path", "tasks", "--apply_chat_template",
        "--output_path", "out",
    )  # fmt: skip
    assert said.code == 0, said.err
    (results,) = Path("out").rglob("results_*.json")
    assert json.loads(results.read_text())["n-samples"]["mlpo_mine_part_0"]["effective"] == 3


def test_tasks_take_the_place_of_tasks_and_of_nothing_else(mlpo_bench: Cli, mine: Path, tmp_path: Path) -> None:
    write = ("suites", "--suite", mine, "--tasks", "tasks")
    assert mlpo_bench(*write).code == 0
    folder = tmp_path / "tasks" / "mine"
    first = {path: path.read_bytes() for path in folder.iterdir()}
    assert mlpo_bench(*write).code == 0
    assert {path: path.read_bytes() for path in folder.iterdir()} == first
    (folder / "_base").unlink()
    (folder / "part_1.yaml").write_text("task: my_own\n")
    said = mlpo_bench(*write)
    assert (said.code, said.out) == (2, "")
    assert "part_1.yaml cannot be written: what stands there is no task of a suite, and is not replaced" in said.err
    assert (folder / "part_1.yaml").read_text() == "task: my_own\n"
    assert not (folder / "_base").exists()
    (folder / "part_1.yaml").unlink()
    (folder / "part_1.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    assert mlpo_bench(*write).code == 2
    assert not (tmp_path / "elsewhere.yaml").exists()
    (tmp_path / "file").write_text("mine")
    said = mlpo_bench("suites", "--suite", mine, "--tasks", "file")
    assert (said.code, said.err.count("\n")) == (2, 1)


def test_two_suites_of_one_name_are_refused(mlpo_bench: Cli, mine: Path) -> None:
    (mine.parent / "other").mkdir()
    (mine.parent / "other" / "mine.csv").write_text(mine.read_text().replace("Made", "Thought"))
    said = mlpo_bench("plan", "--suite", "mine.csv,other/mine.csv")
    assert (said.code, "two suites are called 'mine'" in said.err) == (2, True)
    (mine.parent / "twin.py").write_text(
        "from mlpo_bench.questions import Suite\n"
        "BBH = Suite('bbh', 'Mine', ('a',), ())\nMINE = Suite('mine', 'Mine', ('a',), ())\n"
    )
    said = mlpo_bench("plan", "--suite", "mine.csv,twin:MINE")
    assert (said.code, "two suites are called 'mine'" in said.err) == (2, True)
    said = mlpo_bench("plan", "--suite", "twin:BBH")
    assert (said.code, "twin:BBH has the name of the suite 'bbh'" in said.err) == (2, True)
    said = mlpo_bench("plan", "--suite", "twin:BHB")
    assert (said.code, "the module 'twin' has no 'BHB'; did you mean 'BBH'?" in said.err) == (2, True)


def test_code_may_hand_over_a_suite_itself() -> None:
    made = Suite("sums", "Sums", ("sums",), (Generated("mine", lambda: "1", _sums),))
    config = RunConfig.model_validate({"suites": [made, "bbh"]})
    assert config.suites == ("sums", "bbh")
    assert config.suite("sums") is made
    assert [item.gold for item in load(config.suite("sums")).items] == ["0", "2", "4"]
    later = Suite("sums", "Sums again", ("sums",), (Generated("mine", lambda: "2", _sums),))
    assert RunConfig(suites=(later,)).suite("sums") is later  # type: ignore[arg-type]  # what validation turns into names


def _sums() -> list[Entry]:
    return [Entry.of("sums", "sums", n, f"What is {n} + {n}?", str(2 * n), "number", tested=True) for n in range(3)]


def test_names_of_suites_and_subjects_are_never_cut(mlpo_bench: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert "logical_reasoning" in mlpo_bench("suites").out
    assert "high_school_government_and_politics" in mlpo_bench("suites", "--suite", "mmlu", "--subjects").out
