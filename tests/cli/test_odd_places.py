"""A folder has the name that was written, whatever it may look like to others; `~` is a home."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest


Cli = Any


@pytest.mark.parametrize("name", ["exp:1", "s3:x", "file:x", "~nobody-at-all", "split=test", "a b%20c"])
def test_a_folder_s_name_is_no_address(mlpo_bench: Cli, made_up: Path, team_file: Path, name: str) -> None:
    asked = ("--suite", "bbh", "--data", made_up, "--limit", "2", "--protocol", "leader,vote")
    assert mlpo_bench("run", *asked, "--team", team_file, "--output", name, "--name", "mine", "-q").code == 0
    run = f"{name}/mine"
    assert {path.suffix for path in Path(run, "ledger").iterdir()} == {".parquet"}
    for line in (["show", run], ["compare", run, "--against", "vote of 8"], ["rescore", run, "--data", made_up]):
        assert mlpo_bench(*line).code == 0, line
    for form in ("parquet", "csv", "jsonl", "lm-eval", *(["inspect"] if find_spec("inspect_ai") else [])):
        said = mlpo_bench("export", run, "--format", form, "--output", f"{name}/{form}")
        assert said.code == 0, said
        assert list(Path(name, form).iterdir())


def test_a_home_is_the_home_wherever_a_path_stands(
    mlpo_bench: Cli, made_up: Path, team_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    options = ("--suite", "bbh", "--data", made_up, "--team", team_file, "--limit", "2", "--protocol", "solo", "-q")
    assert mlpo_bench("run", *options, "--output=~/runs", "--name", "mine", "--store", "~/store.sqlite").code == 0
    assert mlpo_bench("show", "~/runs/mine").code == 0
    assert mlpo_bench("export", "~/runs/mine", "--format", "csv", "-o", "~/out").code == 0
    assert {path.name for path in (tmp_path / "home").iterdir()} == {"runs", "store.sqlite", "out"}
    assert not Path("~").exists()


@pytest.mark.parametrize("line", ["plan --data ~nobody-at-all/x", "run --team {leader} --data {data}"])
def test_a_home_of_nobody_is_not_there(mlpo_bench: Cli, team_file: Path, line: str, made_up: Path) -> None:
    Path("nobody.yaml").write_text("leader: {model: ~nobody-at-all/x}\n")
    words = line.format(leader="nobody.yaml", data=made_up).split()
    team = [] if "--team" in words else ["--team", team_file]
    said = mlpo_bench(*words, *team, "--suite", "bbh", "--protocol", "solo")
    assert (said.code, "~nobody-at-all" in said.err) == (2, True), said


@pytest.mark.parametrize("line", ["run --output taken", "export mine --format csv -o taken"])
def test_a_file_where_a_folder_is_needed_is_said(mlpo_bench: Cli, made_up: Path, team_file: Path, line: str) -> None:
    options = ("--suite", "bbh", "--data", made_up, "--team", team_file, "--limit", "2", "--protocol", "solo", "-q")
    assert mlpo_bench("run", *options, "--name", "mine").code == 0
    Path("taken").touch()
    said = mlpo_bench(*line.split(), *(options if line.startswith("run") else ()))
    assert (said.code, "a file stands where a folder is needed" in said.err) == (2, True), said
    said = mlpo_bench("plan", *options[:2], "--data", "taken", *options[4:-1])
    assert (said.code, "taken is no folder.\n" in said.err) == (2, True), said
