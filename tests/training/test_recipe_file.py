"""The recipe that a training keeps is read as it was written there, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlpo_bench import atomic
from mlpo_bench.errors import UsageError
from mlpo_bench.log.files import DamagedFile
from mlpo_bench.training import recipe_file
from mlpo_bench.training.folder import TrainingFolder
from mlpo_bench.training.recipe import Recipe, read_recipe


Change = Callable[[Path], Any]


def recipe(**changes: object) -> Recipe:
    return Recipe.model_validate({"name": "small", **changes})


@pytest.fixture
def folder(tmp_path: Path) -> TrainingFolder:
    return TrainingFolder.for_recipe(recipe(), tmp_path)


def is_recipe(path: Path) -> bool:
    try:
        read_recipe(path)
    except UsageError:
        return False
    return True


def test_a_recipe_that_was_cut_short_is_never_another_one(folder: TrainingFolder) -> None:
    text, shorter = folder.recipe_path.read_text(), 0
    for end in range(len(text)):
        folder.recipe_path.write_text(text[:end])
        with pytest.raises(DamagedFile, match=r"small/recipe\.yaml is not what the training was made with: it was cut"):
            assert not TrainingFolder(folder.path).recipe
        shorter += is_recipe(folder.recipe_path)
    assert shorter > 10  # of these it would not be seen otherwise
    folder.recipe_path.write_text(text)
    assert TrainingFolder(folder.path).recipe == recipe()


def test_each_recipe_that_a_training_goes_on_by_is_noted(folder: TrainingFolder, tmp_path: Path) -> None:
    other = TrainingFolder.for_recipe(recipe(seed=3), tmp_path)
    assert TrainingFolder(folder.path).recipe == recipe()  # nothing was done by the other yet
    for one in (other, folder, other):
        with one.working("rollouts"):
            one.rollouts.write_text("x")
        assert TrainingFolder(folder.path).recipe == one.recipe
    assert len(json.loads((folder.path / "digests.json").read_text())["recipe.yaml"]) == 2


@pytest.mark.parametrize("noted", [True, False])
def test_a_process_that_is_killed_while_it_writes_leaves_one_of_both(
    folder: TrainingFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noted: bool
) -> None:
    """Also where an earlier version made the training, which noted nothing."""
    if not noted:
        (folder.path / "digests.json").unlink()
    write, left = atomic.write, [1]

    def killed(path: Path, content: bytes) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        write(path, content)

    other = TrainingFolder.for_recipe(recipe(seed=3), tmp_path)
    monkeypatch.setattr(atomic, "write", killed)
    with pytest.raises(KeyboardInterrupt), other.working("rollouts"):
        pass
    assert TrainingFolder(folder.path).recipe == recipe()
    monkeypatch.undo()
    with other.working("rollouts"):
        other.rollouts.write_text("x")
    assert TrainingFolder(folder.path).recipe == recipe(seed=3)


def test_a_training_of_an_earlier_version_has_no_digest_and_goes_on(folder: TrainingFolder) -> None:
    (folder.path / "digests.json").unlink()
    folder.recipe_path.write_text("name: small\nseed: 3\n")
    assert TrainingFolder(folder.path).recipe == recipe(seed=3)
    assert TrainingFolder(folder.path, recipe(seed=3)).put_right() == []
    folder.recipe_path.write_text("name: small\n")  # noted when it was taken up
    with pytest.raises(DamagedFile):
        assert not TrainingFolder(folder.path).recipe


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_text(""),
        lambda path: path.write_text("{}"),
        lambda path: path.write_text('{"recipe.yaml": []}'),
        lambda path: path.write_text('{"recipe.yaml": [3]}'),
        lambda path: (path.unlink(), path.mkdir()),
    ],
)
def test_digests_that_are_none_are_told_and_made_anew(folder: TrainingFolder, change: Change) -> None:
    digests = folder.path / "digests.json"
    change(digests)
    with pytest.raises(DamagedFile, match=r"digests\.json .*; once it is deleted, recipe\.yaml is taken as it is\.$"):
        assert not TrainingFolder(folder.path).recipe
    (told,) = folder.put_right()
    assert "digests.json" in told
    assert "made anew" in told
    assert TrainingFolder(folder.path).recipe == recipe()
    assert digests.is_file()


def test_what_was_changed_is_kept_beside_the_recipe_that_is_given(folder: TrainingFolder) -> None:
    folder.recipe_path.write_text("name: small\nseed: 3\n")
    (told,) = folder.put_right()
    assert told == (
        f"{folder.recipe_path} is not what the training was made with: it was cut short or changed; it is kept as "
        "recipe.yaml.damaged-1, and made anew."
    )
    assert TrainingFolder(folder.path).recipe == recipe()
    assert folder.recipe_path.with_name("recipe.yaml.damaged-1").read_text() == "name: small\nseed: 3\n"
    assert folder.put_right() == []


def test_a_recipe_of_ones_own_is_held_against_nothing(folder: TrainingFolder) -> None:
    (folder.path / "mine.yaml").write_text("name: mine")
    assert recipe_file.read(folder.path / "mine.yaml").name == "mine"
    folder.recipe_path.write_text("name: mine")
    with pytest.raises(DamagedFile, match=r"`mlpo-bench train all --recipe FILE` writes it anew"):
        recipe_file.read(folder.recipe_path)
