"""Results are those of the run that they stand in: of its configuration, and what its cells came to."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from mlpo_bench.log import LoadedRun, RunDirectory
from mlpo_bench.log.files import DamagedFile
from mlpo_bench.log.seals import sealed


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fixtures.runs import Runs  # type: ignore[import-not-found]


@pytest.fixture(scope="module")
def run(carry_for_all: Runs, mixed_team: dict[str, Any]) -> RunDirectory:
    made: RunDirectory = carry_for_all("mine", protocols=["solo", "leader"], rounds=1, peers=1, team=mixed_team)
    return made


@pytest.fixture
def copied(run: RunDirectory, tmp_path: Path) -> RunDirectory:
    return RunDirectory(shutil.copytree(run.path, tmp_path / "copied"))


def change(path: Path, how: Callable[[dict[str, Any]], object]) -> None:
    """Change a file of JSON as if it had been written so."""
    value = orjson.loads(path.read_bytes())
    how(value)
    path.write_bytes(orjson.dumps(sealed(value)))


def test_results_of_another_run_are_not_believed(
    carry_for_all: Runs, mixed_team: dict[str, Any], copied: RunDirectory
) -> None:
    other = carry_for_all(
        "other", protocols=["solo", "leader"], rounds=1, peers=1, team=mixed_team, subjects=["snarks"]
    )
    assert [cell.id for cell in other.cells] == [cell.id for cell in copied.cells]
    shutil.copyfile(other.results_path, copied.results_path)
    with pytest.raises(
        DamagedFile, match=r"copied/results\.json is of another configuration than the run's; `mlpo-bench"
    ):
        copied.results()


@pytest.mark.parametrize("answers", ["all", "not all"])
def test_results_tell_what_the_cells_came_to(copied: RunDirectory, answers: str) -> None:
    cell = copied.cells[0].id

    def right(result: dict[str, Any]) -> None:
        more = result["right"] + 1
        result.update(right=more, accuracy=more / result["n"])

    change(copied.results_path, lambda value: right(value["cells"][0]))
    if answers == "not all":  # it is run again, and its own file is ahead
        change(copied.results_path, lambda value: value["cells"][0].update(errors=1))
        assert copied.results().cells[0].errors == 1
        return
    with pytest.raises(DamagedFile, match=rf"copied/results\.json does not hold what the cell {cell} came to; `mlpo-"):
        copied.results()


def test_results_tell_of_cells_that_are_there(copied: RunDirectory) -> None:
    copied.cell_path(copied.cells[1].id).unlink()
    with pytest.raises(DamagedFile, match=rf"cells/{copied.cells[1].id}\.json is missing; `mlpo-bench run "):
        copied.results()


def test_results_tell_of_every_cell(copied: RunDirectory) -> None:
    change(copied.results_path, lambda value: value["cells"].pop())
    with pytest.raises(DamagedFile, match=rf"results\.json does not tell of the cell {copied.cells[-1].id}; `mlpo-"):
        copied.results()


def test_results_may_be_older_than_a_configuration_that_is_extended(
    carry_for_all: Runs, mixed_team: dict[str, Any], copied: RunDirectory
) -> None:
    before = copied.results()
    more = carry_for_all.config(protocols=["oracle"], rounds=1, peers=1, team=mixed_team)
    extended = RunDirectory.for_run(more, copied.path.parent, "copied", add=True)
    assert len(extended.cells) > len(copied.cells)
    assert extended.results() == RunDirectory(copied.path).results() == before
    change(copied.manifest_path, lambda value: value.update(config_sha256=extended.config.digest))
    assert RunDirectory(copied.path).results() == before


def test_a_configuration_may_have_had_another_identity_in_another_version(copied: RunDirectory) -> None:
    for path in (copied.results_path, copied.manifest_path):
        change(path, lambda value: value.update(config_sha256="0" * 64))
    assert copied.results().cells
    copied.manifest_path.unlink()
    with pytest.raises(DamagedFile, match="is of another configuration"):
        copied.results()


def test_a_manifest_tells_where_questions_came_from(
    carry_for_all: Runs, mixed_team: dict[str, Any], copied: RunDirectory
) -> None:
    change(copied.manifest_path, lambda value: value.update(sources={}))
    with pytest.raises(DamagedFile, match=r"manifest\.json does not tell where the questions of bbh came from; `mlpo-"):
        _ = LoadedRun.open(copied.path).results
    with pytest.raises(DamagedFile, match="does not tell where the questions of bbh came from"):
        copied.check_sources()
    again = RunDirectory.for_run(config_of(carry_for_all, mixed_team), copied.path.parent, "copied")
    assert [cell.id for cell in again.left()] == [cell.id for cell in again.cells]


def config_of(carry: Runs, team: dict[str, Any], **more: Any) -> Any:
    return carry.config(**{"protocols": ["solo", "leader"], "rounds": 1, "peers": 1, "team": team, **more})


def test_a_plan_of_another_run_is_not_believed(
    carry_for_all: Runs, mixed_team: dict[str, Any], copied: RunDirectory
) -> None:
    other = carry_for_all(
        "another", protocols=["solo", "leader"], rounds=1, peers=1, team=mixed_team, subjects=["navigate"]
    )
    shutil.copyfile(other.plan_path, copied.plan_path)
    with pytest.raises(DamagedFile, match=r"copied/plan\.json is of another configuration than the run's; `mlpo-bench"):
        copied.plan()
    change(copied.plan_path, lambda value: value.pop("config_sha256"))  # as an earlier version wrote it
    assert copied.plan() == other.plan()
    shutil.copyfile(other.plan_path, copied.plan_path)
    again = RunDirectory.for_run(config_of(carry_for_all, mixed_team), copied.path.parent, "copied")
    assert again.plan() is None
    assert any("copied/plan.json is of another configuration" in sentence for sentence in again.put_right)


def test_a_plan_that_was_changed_is_told(copied: RunDirectory) -> None:
    value = orjson.loads(copied.plan_path.read_bytes())
    copied.plan_path.write_bytes(orjson.dumps(value | {"seconds": 3.0}))
    with pytest.raises(DamagedFile, match=r"plan\.json is not what was written: it was changed"):
        copied.plan()


def test_a_plan_may_be_older_than_a_configuration_that_is_extended(
    carry_for_all: Runs, mixed_team: dict[str, Any], copied: RunDirectory
) -> None:
    before = copied.plan()
    more = config_of(carry_for_all, mixed_team, protocols=["oracle"])
    assert RunDirectory.for_run(more, copied.path.parent, "copied", add=True).plan() == before
    same = config_of(carry_for_all, mixed_team, protocols=[{"leader": {"rounds": 1}}])
    again = RunDirectory.for_run(same, copied.path.parent, "copied", add=True)
    assert again.plan() == before


@pytest.mark.parametrize("name", ["results.json", "plan.json"])
def test_a_link_that_leads_nowhere_is_no_file_that_is_not_there(
    carry_for_all: Runs, mixed_team: dict[str, Any], copied: RunDirectory, name: str
) -> None:
    path = copied.path / name
    path.unlink()
    path.symlink_to(path.name)
    read = copied.results if name == "results.json" else copied.plan
    with pytest.raises(DamagedFile, match=rf"copied/{name} cannot be read: Too many levels of symbolic links; `mlpo-"):
        read()
    config = carry_for_all.config(protocols=["solo", "leader"], rounds=1, peers=1, team=mixed_team)
    again = RunDirectory.for_run(config, copied.path.parent, "copied")
    assert any(f"copied/{name}" in sentence for sentence in again.put_right)
    assert not os.path.lexists(path)
