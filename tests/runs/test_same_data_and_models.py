"""A run never mixes data or weights: it is taken up, extended, added up and published only with those it has."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from mlpo_bench.errors import UsageError
from mlpo_bench.leaderboard.from_run import entries_of
from mlpo_bench.log import LoadedRun
from mlpo_bench.log.seals import sealed
from mlpo_bench.questions import loading


Runs = Any
Read = Any
FEW: dict[str, Any] = {"protocols": ["solo", "debate"], "rounds": [1]}


@pytest.fixture
def own_data(carry: Runs, made_up: Path) -> Path:
    """A data folder that a test may change."""
    folder: Path = carry.folder / "data"
    shutil.copytree(made_up, folder)
    carry.data = folder
    return folder


@pytest.fixture
def read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load suites as another process does."""
    from mlpo_bench.harness.suite import SuiteTasks

    def loaded(*given: Any, **settings: Any) -> SuiteTasks:
        loading.forget()
        return SuiteTasks(*given, **settings)

    for module in ("runner", "calibration"):
        monkeypatch.setattr(f"mlpo_bench.runs.{module}.SuiteTasks", loaded)


def swap_golds(data: Path) -> None:
    """Turn every gold of a suite round: the questions stay as they are."""
    for path in (data / "bbh").glob("*.json"):
        content = json.loads(path.read_text())
        targets = [example["target"] for example in content["examples"]]
        for example, target in zip(content["examples"], [*targets[1:], targets[0]], strict=True):
            example["target"] = target
        path.write_text(json.dumps(content))


def team(script: Path) -> dict[str, Any]:
    member = {"model": str(script), "engine": "scripted"}
    return {"leader": member, "peers": [member]}


def say_otherwise(script: Path) -> None:
    script.write_text(script.read_text().replace("I cannot tell.", "I can tell."))


@pytest.mark.usefixtures("read_anew")
@pytest.mark.parametrize("more", [{}, {"add": True, "rounds": [2]}], ids=["resumed", "extended"])
def test_a_run_is_not_gone_on_with_under_other_golds(
    carry: Runs, own_data: Path, script: Path, contents: Read, more: dict[str, Any]
) -> None:
    run = carry("mine", team=team(script), only=("solo",), **FEW)
    before = contents(run.path)
    swap_golds(own_data)
    with pytest.raises(UsageError, match=r"asked bbh of .*data/bbh \(sha256:\w+\).* is now \S+ \(sha256:\w+\)"):
        carry("mine", team=team(script), **FEW | more)
    assert contents(run.path) == before
    assert not carry("another", team=team(script), **FEW).left()


@pytest.mark.parametrize("more", [{}, {"add": True, "rounds": [2]}], ids=["resumed", "extended"])
def test_a_run_is_not_gone_on_with_by_other_weights(
    carry: Runs, script: Path, contents: Read, more: dict[str, Any]
) -> None:
    run = carry("mine", team=team(script), only=("solo",), **FEW)
    before = contents(run.path)
    say_otherwise(script)
    with pytest.raises(UsageError, match=r"script.yaml answered as \S+sha256:\w+\S*, and is now \S+sha256:\w+"):
        carry("mine", team=team(script), **FEW | more)
    assert contents(run.path) == before
    assert not carry("another", team=team(script), **FEW).left()


@pytest.mark.usefixtures("read_anew")
def test_what_has_no_results_yet_may_change(carry: Runs, own_data: Path, script: Path) -> None:
    run = carry("mine", team=team(script), **FEW)
    for cell in run.cells:
        run.cell_path(cell.id).unlink()
    swap_golds(own_data)
    say_otherwise(script)
    assert not carry("mine", team=team(script), **FEW).left()


def test_two_specs_of_one_model_are_told_apart(carry: Runs, script: Path) -> None:
    member = {"model": str(script), "engine": "scripted"}
    shorter = {"leader": member, "peers": [member | {"context": 900_000}]}
    assert not carry("mine", team=shorter, only=("solo",), **FEW).done("bbh.debate-1-round-1-peers")
    assert not carry("mine", team=shorter, **FEW).left()


def test_cells_that_were_asked_other_data_are_never_added_up(carry: Runs, script: Path) -> None:
    run = carry("mine", team=team(script), **FEW)
    path = run.cell_path(run.cells[0].id)
    path.write_bytes(orjson.dumps(sealed(orjson.loads(path.read_bytes()) | {"data": "sha256:another"})))
    with pytest.raises(UsageError, match=r"bbh.* of sha256:another and of sha256:\w+"):
        run.write_results()


@pytest.mark.parametrize("kept", [True, False], ids=["by this version", "by an earlier version"])
def test_what_mixes_weights_is_not_published(carry: Runs, script: Path, *, kept: bool) -> None:
    run = carry("mine", team=team(script), **FEW)
    manifest = run.manifest()
    (model,) = manifest["models"]
    manifest["models"].append(model | {"revision": "sha256:another"})
    if kept:
        manifest["answered"].append(manifest["answered"][0] | {"identity": "another"})
    else:
        del manifest["answered"]
    run.manifest_path.write_bytes(orjson.dumps(manifest))
    with pytest.raises(UsageError, match=r"script.yaml answered as .*another.* and as |answered as .* and as another"):
        entries_of(LoadedRun(run), anyway=True)


def test_what_mixes_data_is_not_published(carry: Runs, script: Path) -> None:
    run = carry("mine", team=team(script), **FEW)
    content = orjson.loads(run.results_path.read_bytes())
    for path in (run.results_path, run.cell_path(content["cells"][0]["cell"])):
        told = orjson.loads(path.read_bytes())
        told.get("cells", [told])[0]["data"] = "sha256:another"
        path.write_bytes(orjson.dumps(sealed(told)))
    with pytest.raises(UsageError, match="sha256:another"):
        entries_of(LoadedRun(run), anyway=True)
