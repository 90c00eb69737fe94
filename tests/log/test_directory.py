from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlpo_bench.errors import UsageError
from mlpo_bench.log import RunDirectory
from mlpo_bench.log.files import write_json
from mlpo_bench.matrix.config import RunConfig


if TYPE_CHECKING:
    from pathlib import Path


def config(**settings: object) -> RunConfig:
    return RunConfig.model_validate({"suites": ["bbh"], "protocols": ["solo"], **settings})


def begin(folder: RunDirectory) -> None:
    content: dict[str, object] = {
        "config_sha256": folder.config.digest,
        "models": [],
        "sources": {},
        "versions": {},
        "git": None,
        "hardware": {},
        "sessions": [{"started": "2026-11-26T09:00:00+00:00", "ended": None, "command": ["mlpo-bench", "run"]}],
    }
    write_json(folder.manifest_path, content)


def test_a_run_that_was_refused_before_it_began_leaves_its_name_free(tmp_path: Path) -> None:
    RunDirectory.for_run(config(limit=1), tmp_path, "mine")
    folder = RunDirectory.for_run(config(limit=2), tmp_path, "mine", resume=False)
    assert folder.config.limit == 2


def test_a_run_that_is_being_made_ready_keeps_its_name(tmp_path: Path) -> None:
    folder = RunDirectory.for_run(config(limit=1), tmp_path, "mine")
    with folder.locked(), pytest.raises(UsageError, match="another process is carrying out"):
        RunDirectory.for_run(config(limit=2), tmp_path, "mine")
    assert folder.config.limit == 1


def test_a_run_that_began_takes_no_other_configuration(tmp_path: Path) -> None:
    folder = RunDirectory.for_run(config(limit=1), tmp_path, "mine")
    begin(folder)
    assert RunDirectory.for_run(config(limit=1), tmp_path, "mine").path == folder.path
    with pytest.raises(UsageError, match="not the same: limit"):
        RunDirectory.for_run(config(limit=2), tmp_path, "mine")
    with pytest.raises(UsageError, match="exists; choose another --name"):
        RunDirectory.for_run(config(limit=1), tmp_path, "mine", resume=False)


def test_new_prices_are_taken_over(tmp_path: Path) -> None:
    team = {"leader": {"model": "m"}, "peers": []}
    folder = RunDirectory.for_run(config(team=team), tmp_path, "mine")
    begin(folder)
    priced = config(team=team | {"prices": {"m": {"prompt": 1, "completion": 2}}})
    assert RunDirectory.for_run(priced, tmp_path, "mine").config.prices["m"].completion == 2


@pytest.mark.parametrize("name", ["manifest.json", "plan.json", "config.yaml", "results.json", "cells/bbh.solo.json"])
@pytest.mark.parametrize("how", ["folder", "garbage", "lost"])
def test_a_run_that_was_damaged_before_it_began_is_made_anew(tmp_path: Path, name: str, how: str) -> None:
    folder = RunDirectory.for_run(config(limit=1), tmp_path, "mine")
    path = folder.path / name
    path.unlink(missing_ok=True)
    if how == "folder":
        path.mkdir()
    elif how == "garbage":
        path.write_text("[\x00")
    again = RunDirectory.for_run(config(limit=1), tmp_path, "mine")
    assert (again.config.limit, again.plan(), [cell.id for cell in again.left()]) == (1, None, ["bbh.solo"])
    assert not again.manifest_path.exists()


@pytest.mark.parametrize("name", ["../../x", "..", ".", "a/b", "/tmp/x", "x" * 300, "a\0b", "a\nb", "a\x1b[2Jb"])
def test_a_name_leaves_no_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="a name is that of one folder"):
        RunDirectory.for_run(config(), tmp_path / "a" / "runs", name)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="is not a run"):
        RunDirectory.for_run(config(), tmp_path, "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_a_run_that_never_began_and_lost_its_configuration_is_made_anew(tmp_path: Path) -> None:
    run = RunDirectory.for_run(config(), tmp_path, "mine")
    run.config_path.unlink()
    assert RunDirectory.for_run(config(), tmp_path, "mine").config_path.exists()


@pytest.mark.parametrize("name", ["-x", "--name", " ", " mine", "mine ", "..", "a/b", "a\nb", "\u202e", "n" * 201])
def test_a_name_is_that_of_one_folder_and_can_be_typed(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="a run cannot be called"):
        RunDirectory.for_run(config(), tmp_path, name)
    assert list(tmp_path.iterdir()) == []
