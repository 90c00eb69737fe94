from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlpo_bench.errors import UsageError
from mlpo_bench.training.folder import TrainingFolder
from mlpo_bench.training.recipe import Recipe


def recipe(**changes: object) -> Recipe:
    return Recipe.model_validate({"name": "small", **changes})


def do(folder: TrainingFolder, stage: str, *names: str) -> None:
    with folder.working(stage) as work:  # type: ignore[arg-type]
        for name in names:
            (folder.path / name).write_text(name)
        work.spent["calls"] = 3


@pytest.fixture
def folder(tmp_path: Path) -> TrainingFolder:
    made = TrainingFolder.for_recipe(recipe(), tmp_path)
    do(made, "rollouts", "rollouts.parquet")
    do(made, "filter", "questions.parquet", "prompts.parquet")
    return made


def test_a_stage_is_to_do_then_begun_then_done(tmp_path: Path) -> None:
    folder = TrainingFolder.for_recipe(recipe(), tmp_path)
    assert folder.state("rollouts") == "to do"
    with pytest.raises(KeyboardInterrupt), folder.working("rollouts"):
        raise KeyboardInterrupt
    assert folder.state("rollouts") == "begun"
    with folder.working("rollouts") as work:
        assert work.resumed
        folder.rollouts.write_text("x")
    assert folder.state("rollouts") == "done"
    assert "seconds" in folder.ledger["rollouts"]


def train_until_killed(folder: TrainingFolder, seconds: float) -> None:
    with folder.working("sft"):
        folder.sft.mkdir(exist_ok=True)
        figures = folder.sft / "curves.jsonl"
        figures.write_text("x")
        last = (folder.path / "stages" / "sft.json").stat().st_mtime + seconds
        os.utime(figures, (last, last))
        raise KeyboardInterrupt


def test_a_session_that_was_killed_counts_until_the_last_that_it_wrote(
    folder: TrainingFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    do(folder, "traces", "completions.parquet", "traces.parquet")
    with monkeypatch.context() as killed:
        killed.setattr(TrainingFolder, "_spend", lambda *_: None)
        for seconds in (40, 20):
            with pytest.raises(KeyboardInterrupt):
                train_until_killed(folder, seconds)
    with pytest.raises(KeyboardInterrupt):
        train_until_killed(folder, 1000)  # this session's end is on record
    do(folder, "sft")
    assert folder.ledger["sft"]["seconds"] == pytest.approx(60, abs=2)
    assert folder.state("sft") == "done"


def test_a_stage_waits_for_those_it_reads(tmp_path: Path) -> None:
    folder = TrainingFolder.for_recipe(recipe(), tmp_path)
    with pytest.raises(UsageError, match="the stage filter reads what rollouts makes, which is not done yet"):
        do(folder, "filter")


def test_a_stage_that_writes_nothing_is_not_done(tmp_path: Path) -> None:
    folder = TrainingFolder.for_recipe(recipe(), tmp_path)
    with pytest.raises(AssertionError, match=r"did not write rollouts\.parquet"):
        do(folder, "rollouts")
    assert folder.state("rollouts") == "begun"


def test_another_setting_makes_what_it_decides_and_what_follows_stale(folder: TrainingFolder) -> None:
    assert folder.state("filter") == "done"
    parent = folder.path.parent
    folder = TrainingFolder.for_recipe(recipe(filter={"rule": "off"}), parent)
    assert (folder.state("rollouts"), folder.state("filter")) == ("done", "stale")
    assert folder.changes("filter") == ("filter",)
    folder = TrainingFolder.for_recipe(recipe(rollouts={"samples": 2}), parent)
    assert (folder.state("rollouts"), folder.state("filter")) == ("stale", "stale")
    assert folder.changes("rollouts") == ("rollouts.samples",)
    assert folder.changes("filter") == ("stage rollouts",)
    folder = TrainingFolder.for_recipe(recipe(mlpo={"steps": 2}), parent)
    assert (folder.state("rollouts"), folder.state("filter")) == ("done", "done")
    assert TrainingFolder(folder.path).recipe == recipe()  # nothing was done by the others


def test_a_changed_file_is_noticed(folder: TrainingFolder) -> None:
    folder.rollouts.write_text("something else")
    assert folder.changes("rollouts") == ("rollouts.parquet",)
    assert folder.state("filter") == "stale"


def test_what_is_gone_is_lost_and_what_follows_waits_for_it(folder: TrainingFolder) -> None:
    folder.rollouts.unlink()
    assert (folder.state("rollouts"), folder.state("filter")) == ("lost", "lost")
    do(folder, "rollouts", "rollouts.parquet")
    assert (folder.state("rollouts"), folder.state("filter")) == ("done", "done")
    folder.questions.unlink()
    assert (folder.state("rollouts"), folder.state("filter")) == ("done", "lost")
    folder.rollouts.write_text("something else")
    assert (folder.state("rollouts"), folder.state("filter")) == ("stale", "stale")


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "thesis.txt").write_text("x")
    with pytest.raises(UsageError, match="is no training"):
        TrainingFolder.for_recipe(recipe(), tmp_path)


def test_a_file_in_a_folders_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "small").write_text("x")
    with pytest.raises(UsageError, match=r"small cannot be written: a file stands where a folder is needed\."):
        TrainingFolder.for_recipe(recipe(), tmp_path)


def test_one_process_at_a_time(folder: TrainingFolder) -> None:
    other = TrainingFolder(folder.path)
    with folder.locked(), pytest.raises(UsageError, match="another process"), other.locked():
        pass


def test_later_processes_of_one_training_write_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = TrainingFolder.for_recipe(recipe(), tmp_path)
    monkeypatch.setenv("RANK", "1")
    with folder.working("rollouts"):
        pass
    assert folder.state("rollouts") == "to do"


def test_a_training_is_opened_by_name_or_path(folder: TrainingFolder) -> None:
    assert TrainingFolder.open("small", folder.path.parent).path == folder.path
    assert TrainingFolder.open(folder.path).recipe == recipe()
    with pytest.raises(UsageError, match="did you mean 'small'"):
        TrainingFolder.open("smal", folder.path.parent)
