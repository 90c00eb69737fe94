"""Commands that write where a person names a file: none writes over what is not of its kind, or waits."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest


if TYPE_CHECKING:
    from collections.abc import Callable

Cli = Any

WRITE = {
    "report": ("report", "mine", "-o"),
    "compare": ("compare", "mine", "--against", "solo", "-o"),
    "compare json": ("compare", "mine", "--against", "solo", "--format", "json", "-o"),
    "gate junit": ("gate", "mine", "--baseline", "baseline.json", "--junit"),
    "gate summary": ("gate", "mine", "--baseline", "baseline.json", "--summary"),
    "gate baseline": ("gate", "mine", "--update", "--reason", "r", "--baseline"),
    "store export": ("store", "export", "--store", "s.sqlite"),
    "init team": ("init", "--yes", "--force", "--matrix-file", "new.yaml", "--team-file"),
    "init matrix": ("init", "--yes", "--force", "--team-file", "new.yaml", "--matrix-file"),
}


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("once")


@pytest.fixture
def mine(once: Path, mlpo_bench: Cli, made_up: Path, team_file: Path, tmp_path: Path) -> Path:
    """A run, its store and its baseline, in the current folder."""
    if not (once / "runs").exists():
        what = ("--suite", "bbh", "--data", made_up, "--team", team_file, "--subjects", "navigate,snarks")
        how = ("--protocol", "solo,leader", "--rounds", "1", "--name", "mine", "--store", "s.sqlite", "--quiet")
        assert mlpo_bench("run", *what, *how).code == 0
        assert mlpo_bench("gate", "mine", "--baseline", "baseline.json", "--update", "--reason", "r").code == 0
        shutil.copytree(tmp_path, once, dirs_exist_ok=True)
    shutil.copytree(once, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.mark.parametrize("command", WRITE)
def test_nothing_else_is_written_over(
    mine: Path, mlpo_bench: Cli, contents: Callable[[Path], dict[str, bytes]], command: str
) -> None:
    os.mkfifo(mine / "pipe")
    (mine / "link").symlink_to("notes.txt")
    (mine / "notes.txt").write_text("mine")
    shutil.copy(mine / "s.sqlite", mine / "other.sqlite")
    kept = contents(mine / "runs")
    named = ["runs/mine/config.yaml", "runs/mine/cells/bbh.solo.json", "runs/mine/results.json", "runs/mine/cells/new"]
    for place in (*named, "other.sqlite", "pipe", "link"):
        said = mlpo_bench(*WRITE[command], place)
        assert (said.code, said.out, said.err.count("\n")) == (2, "", 1), (place, said)
        assert place in said.err
    assert contents(mine / "runs") == kept
    assert (mine / "notes.txt").read_text() == "mine"
    assert (mine / "other.sqlite").read_bytes() == (mine / "s.sqlite").read_bytes()


def test_the_store_is_not_exported_into_itself(mine: Path, mlpo_bench: Cli) -> None:
    assert mlpo_bench("store", "export", "all.zst", "--store", "s.sqlite").code == 0
    (mine / "same.sqlite").hardlink_to(mine / "s.sqlite")
    for place in ("s.sqlite", "runs/../s.sqlite", "same.sqlite"):
        said = mlpo_bench("store", "export", place, "--store", "s.sqlite")
        assert (said.code, "a database (SQLite) stands there" in said.err) == (2, True)
    before = (mine / "all.zst").read_bytes()
    said = mlpo_bench("store", "export", "all.zst", "--store", "s.sqlite", "--beyond", "all.zst")
    assert (said.code, "--beyond all.zst would be replaced" in said.err) == (2, True)
    assert (mine / "all.zst").read_bytes() == before
    assert "completions in all.zst" in mlpo_bench("store", "export", "all.zst", "--store", "s.sqlite").out


@pytest.mark.parametrize("form", ["terminal", "markdown", "csv", "latex", "json"])
def test_a_table_takes_the_place_of_an_earlier_one(mine: Path, mlpo_bench: Cli, form: str) -> None:
    compare = ("compare", "mine", "--against", "solo", "-o", "table")
    for before in ("terminal", "markdown", "csv", "latex", "json"):
        assert mlpo_bench(*compare, "--format", before).code == 0
        assert mlpo_bench(*compare, "--format", form).code == 0
    assert "leader" in (mine / "table").read_text()


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "lm-eval"])
def test_an_export_replaces_files_of_its_kind(mine: Path, mlpo_bench: Cli, form: str) -> None:
    for _ in range(2):
        assert mlpo_bench("export", "mine", "--format", form, "-o", "out").code == 0
    said = mlpo_bench("export", "mine", "--format", form, "-o", "runs/mine/records")
    assert (said.code, "mine is a run, which keeps its own files there" in said.err) == (2, True)
    for path in [path for path in (mine / "out").rglob("*") if path.is_file()]:
        path.write_text("question,answer\n")
    said = mlpo_bench("export", "mine", "--format", form, "-o", "out")
    assert (said.code, "and is not replaced" in said.err) == (2, True)
    assert {path.read_text() for path in (mine / "out").rglob("*") if path.is_file()} == {"question,answer\n"}


def test_the_files_of_init_are_two(mlpo_bench: Cli, tmp_path: Path) -> None:
    said = mlpo_bench(
        "init", "--yes", "--force", "--team-file", "x.yaml", "--matrix-file", f"../{tmp_path.name}/x.yaml"
    )
    assert (said.code, "--team-file and --matrix-file both name" in said.err) == (2, True)
    assert not (tmp_path / "x.yaml").exists()


@pytest.mark.parametrize("where", [".", "runs", "nowhere"])
def test_a_gate_says_first_that_there_is_no_run(mine: Path, mlpo_bench: Cli, where: str) -> None:
    said = mlpo_bench("gate", where)
    told = " ".join(said.out.split())
    assert (said.code, f"there is no run '{where}'; " in told, "--baseline" in told) == (2, True, False)
    assert ("it holds runs/mine." in told) == (where != "nowhere")
    assert mine.is_dir()


def test_a_changed_baseline_is_told_to_build_servers(mine: Path, mlpo_bench: Cli) -> None:
    update = ("gate", "mine", "--baseline", "baseline.json", "--update", "--junit", "j.xml", "--summary", "s.md")
    assert mlpo_bench(*update, "--reason", "again").code == 0
    assert "the baseline of" in (mine / "j.xml").read_text()
    assert "(again)" in (mine / "s.md").read_text()
    before = (mine / "baseline.json").read_bytes()
    for share in ("inf", "nan", "-1"):
        said = mlpo_bench(*update, "--reason", "more", "--max-tokens-rise", share)
        assert (said.code, said.err.startswith("mlpo-bench: --max-tokens-rise: input should be")) == (2, True)
        assert "<error" in (mine / "j.xml").read_text()
    assert (mine / "baseline.json").read_bytes() == before


def test_a_summary_may_go_to_standard_output(mine: Path, mlpo_bench: Cli) -> None:
    said = mlpo_bench("gate", "mine", "--baseline", "baseline.json", "--summary", "/dev/stdout")
    assert (said.code, "### Gate: All" in said.out) == (0, True)
    assert mine.is_dir()
