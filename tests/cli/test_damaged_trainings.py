"""A training's files, each empty, cut short, garbage, missing, or a folder: a sentence, and no traceback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fixtures.damages import DAMAGES  # type: ignore[import-not-found]


Cli = Callable[..., Any]

RECORDS = ("rollouts", "filter", "traces")
FILES = (
    "recipe.yaml", "digests.json", "ledger.json", *(f"stages/{stage}.json" for stage in (*RECORDS, "sft")),
    "questions.parquet", "traces.parquet", "sft/curves.jsonl", "sft/checkpoint-2/trainer_state.json",
)  # fmt: skip
COMMANDS = (
    ("train", "filter", "-r", "small.yaml"),
    ("train", "traces", "-r", "small.yaml", "--redo"),
    ("train", "all", "-r", "small.yaml"),
    ("train", "plan", "-r", "small.yaml"),
    ("train", "curves", "small", "--plot", "curves.svg"),
    ("train", "pack", "small", "small.tar.zst"),
    ("train", "verl", "small", "verl"),
)


def _of_other_kinds(path: Path) -> None:
    """What it holds has the right names, and other values."""
    if path.suffix == ".json":
        path.write_text('{"state": 3, "inputs": [], "outputs": 5, "global_step": null, "sft": "an hour"}')
    elif path.suffix == ".jsonl":
        path.write_text('{"step": 1, "loss": "low"}\n{"loss": null}\n')
    else:
        path.write_bytes(b"\xff\xfe")


@pytest.fixture
def training(mlpo_bench: Cli, recipe: Path, tmp_path: Path) -> Path:
    """A training whose data are made, and whose fine-tuning was interrupted."""
    for stage in RECORDS:
        assert mlpo_bench("train", stage, "-r", recipe, "-q").code == 0
    folder = tmp_path / "trainings" / "small"
    checkpoint = folder / "sft" / "checkpoint-2"
    checkpoint.mkdir(parents=True)
    (checkpoint / "trainer_state.json").write_text('{"global_step": 2}')
    (folder / "sft" / "curves.jsonl").write_text('{"step": 1, "loss": 2.5}\n{"step": 2, "loss": 1}\n')
    (folder / "stages" / "sft.json").write_text(json.dumps({"stage": "sft", "state": "begun", "inputs": {}}))
    return folder


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_of_a_training_ends_no_command_in_a_traceback(
    training: Path, mlpo_bench: Cli, tmp_path: Path, name: str
) -> None:
    whole = shutil.copytree(training, tmp_path / "whole")
    for damage in (*DAMAGES, _of_other_kinds):
        for command in COMMANDS:
            shutil.rmtree(training)
            shutil.copytree(whole, training)
            damage(training / name)
            said = mlpo_bench(*command)
            where = f"{damage.__name__} {' '.join(command)}: {said.err}"
            assert "Traceback" not in said.out + said.err, where
            assert said.code in {0, 2}, where
            assert said.code == 0 or "mlpo-bench: " in said.err, where


@pytest.mark.parametrize("stage", RECORDS)
def test_a_stage_whose_record_is_damaged_is_done_again_out_of_the_store(
    training: Path, mlpo_bench: Cli, tmp_path: Path, completions: Callable[[Path], int], stage: str
) -> None:
    shutil.rmtree(training / "sft")
    (training / "stages" / "sft.json").unlink()
    made = {path.name: path.read_bytes() for path in training.glob("*.parquet")}
    store = tmp_path / "cache" / "mlpo-bench" / "completions.sqlite"
    asked = completions(store)
    for damage in DAMAGES:
        damage(training / "stages" / f"{stage}.json")
        for step in RECORDS:
            said = mlpo_bench("train", step, "-r", "small.yaml")
            assert said.code == 0, f"{damage.__name__}: {said.err}"
        assert {path.name: path.read_bytes() for path in training.glob("*.parquet")} == made
        assert json.loads((training / "stages" / f"{stage}.json").read_text())["state"] == "done"
    assert completions(store) == asked


def test_a_recipe_that_cannot_be_read_is_written_anew(training: Path, mlpo_bench: Cli) -> None:
    written = (training / "recipe.yaml").read_bytes()
    (training / "recipe.yaml").write_bytes(b"")
    assert "recipe.yaml is not what the training was made with" in mlpo_bench("train", "curves", "small").err
    assert mlpo_bench("train", "traces", "-r", "small.yaml").code == 0
    assert (training / "recipe.yaml").read_bytes() == written
    (training / "recipe.yaml").unlink()
    said = mlpo_bench("train", "curves", "small")
    assert (said.code, "has no recipe.yaml" in said.err) == (2, True)


@pytest.mark.parametrize(
    "command",
    [
        ("train", "curves", "small"),
        ("train", "pack", "small", "small.tar.zst"),
        ("train", "verl", "small", "verl"),
        ("train", "plan", "-r", "trainings/small/recipe.yaml"),
        ("train", "all", "-r", "trainings/small/recipe.yaml", "--redo"),
    ],
)
def test_a_shorter_recipe_is_no_other_recipe(
    training: Path, mlpo_bench: Cli, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """What was cut off says nothing of a recipe: all that it said would be what it is where nobody says so."""
    written = (training / "recipe.yaml").read_text()
    (training / "recipe.yaml").write_text(written.partition("\nfilter:")[0])
    before = sorted(tmp_path.rglob("*"))
    said = mlpo_bench(*command)
    assert said.code == 2
    assert "small/recipe.yaml is not what the training was made with: it was cut short or changed" in said.err
    assert "`mlpo-bench train all --recipe FILE` writes it anew" in said.err
    assert sorted(tmp_path.rglob("*")) == before
    (training / "digests.json").unlink()  # as an earlier version left it
    assert "is not what" not in mlpo_bench(*command).err


def test_a_shorter_recipe_is_written_anew_where_all_was_done(
    training: Path, mlpo_bench: Cli, tmp_path: Path, completions: Callable[[Path], int]
) -> None:
    written = (training / "recipe.yaml").read_text()
    asked = completions(tmp_path / "cache" / "mlpo-bench" / "completions.sqlite")
    (training / "recipe.yaml").write_text(written.partition("\nfilter:")[0])
    said = mlpo_bench("train", "traces", "-r", "small.yaml")
    assert said.code == 0
    assert "recipe.yaml is not what the training was made with" in said.out + said.err
    assert (training / "recipe.yaml").read_text() == written
    assert completions(tmp_path / "cache" / "mlpo-bench" / "completions.sqlite") == asked
    assert mlpo_bench("train", "curves", "small").code == 0


def test_what_was_trained_is_done_again_only_when_somebody_says_so(training: Path, mlpo_bench: Cli) -> None:
    """A record of hours of training is not put aside by itself."""
    for damage in DAMAGES[:3]:
        damage(training / "stages" / "sft.json")
        said = mlpo_bench("train", "all", "-r", "small.yaml")
        assert said.code == 2
        assert "stages/sft.json" in said.err
        assert "delete it, and `mlpo-bench train sft` does the stage again" in said.err


def test_curves_say_which_line_is_none(training: Path, mlpo_bench: Cli, tmp_path: Path) -> None:
    curves = training / "sft" / "curves.jsonl"
    kept = curves.read_text()
    curves.write_text(kept + '{"step": 3, "lo')  # as a process leaves it that was killed
    assert mlpo_bench("train", "curves", "small").code == 0
    curves.write_text("[1]\n" + kept)
    said = mlpo_bench("train", "curves", "small")
    assert (said.code, "curves.jsonl holds no figures of a step in line 1" in said.err) == (2, True)
    curves.write_text(kept)
    (tmp_path / "link.svg").symlink_to(tmp_path / "elsewhere.svg")
    said = mlpo_bench("train", "curves", "small", "--plot", "link.svg")
    assert (said.code, "a symbolic link stands there" in said.err) == (2, True)


@pytest.mark.parametrize("command", [("train", "pack", "small"), ("train", "curves", "small", "--plot")])
def test_nothing_else_is_written_over(training: Path, mlpo_bench: Cli, tmp_path: Path, command: tuple[str]) -> None:
    recipe = (training / "recipe.yaml").read_bytes()
    (tmp_path / "notes.txt").write_text("mine")
    for place, why in {
        training / "recipe.yaml": "is a training, which keeps its own files there",
        training / "sft" / "new": "is a training, which keeps its own files there",
        "notes.txt": "and is not replaced",
    }.items():
        said = mlpo_bench(*command, place)
        assert (said.code, said.out, why in said.err) == (2, "", True)
    assert (training / "recipe.yaml").read_bytes() == recipe
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert [mlpo_bench(*command, "made").code for _ in range(2)] == [0, 0]
