"""What `results.json` holds, and how that of an earlier version is read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

from mlpo_bench.errors import UsageError
from mlpo_bench.log import LoadedRun, RunDirectory
from mlpo_bench.log.results import SCHEMA_VERSION, schema
from mlpo_bench.log.seals import SEAL, sealed


SCHEMA = Path(__file__).parents[2] / "docs" / "results.schema.json"
NEW = ("settings", "family", "ceiling", "seat")


@pytest.fixture(scope="module")
def run(carry_for_all: Any, mixed_team: dict[str, Any]) -> RunDirectory:
    """A run with a row of every kind."""
    matched = {"vote": {"samples": "tokens"}}
    protocols = ["solo", {"vote": {"samples": 2}}, matched, {"leader": {"share": "answer"}}, "oracle", "debate"]
    made: RunDirectory = carry_for_all("kinds", protocols=protocols, rounds=1, peers=2, team=mixed_team)
    return made


def rewritten(run: RunDirectory, folder: Path, change: Any) -> RunDirectory:
    """Return a copy of what is read of a run, its results changed as if they had been written so."""
    shutil.copytree(run.path / "cells", folder / "cells")
    (folder / "config.yaml").write_bytes(run.config_path.read_bytes())
    value = orjson.loads(run.results_path.read_bytes())
    change(value)
    (folder / "results.json").write_bytes(orjson.dumps(sealed(value) if SEAL in value else value))
    return RunDirectory(folder)


def test_the_file_is_of_the_form_that_is_documented(run: RunDirectory) -> None:
    assert SCHEMA.read_bytes() == schema(), "count SCHEMA_VERSION on, and write the schema anew (see its module)"
    value = orjson.loads(run.results_path.read_bytes())
    assert value["schema_version"] == SCHEMA_VERSION == 2
    jsonschema.validate(value, orjson.loads(SCHEMA.read_bytes()))


def test_a_row_says_what_it_is(run: RunDirectory) -> None:
    rows = {result.label: result for result in LoadedRun(run).results.cells}
    told = {label: (row.protocol, row.family, row.seat, row.ceiling, row.alone) for label, row in rows.items()}
    assert {name: what for name, what in told.items() if not name.startswith("solo, ")} == {
        "solo": ("solo", "solo", "leader", False, True),
        "vote of 2": ("vote", "vote", "leader", False, True),
        "vote at the tokens of leader, 1 round, shares answer, 2 peers": ("vote", "vote", "leader", False, True),
        "leader, 1 round, shares answer, 2 peers": ("leader", "led", "leader", False, False),
        "oracle, 2 peers": ("oracle", "choice", "leader", True, False),
        "debate, 1 round, 2 peers": ("debate", "other", "leader", False, False),
    }
    assert [row.seat for label, row in rows.items() if label.startswith("solo, ")] == ["peer 1", "peer 2"]
    assert not any(row.alone for label, row in rows.items() if label.startswith("solo, "))
    assert rows["leader, 1 round, shares answer, 2 peers"].settings["share"] == "answer"
    matched = rows["vote at the tokens of leader, 1 round, shares answer, 2 peers"]
    assert matched.settings == {"samples": matched.samples, "over": "leader"}


def test_results_of_the_first_version_are_read_as_if_they_were_of_this_one(run: RunDirectory, tmp_path: Path) -> None:
    def first(value: dict[str, Any]) -> None:
        del value["schema_version"], value[SEAL]
        for cell in value["cells"]:
            for name in NEW:
                del cell[name]

    older = rewritten(run, tmp_path / "older", first)
    assert older.results() == run.results()
    for cell in run.cells:
        value = orjson.loads(run.cell_path(cell.id).read_bytes())
        older.cell_path(cell.id).write_bytes(orjson.dumps({k: v for k, v in value.items() if k not in (*NEW, SEAL)}))
        assert older.cell(cell.id) == run.cell(cell.id)


def test_results_of_a_later_version_are_not_guessed_at(run: RunDirectory, tmp_path: Path) -> None:
    later = rewritten(run, tmp_path / "later", lambda value: value.update(schema_version=SCHEMA_VERSION + 1))
    with pytest.raises(UsageError, match=r"results.json is of schema 3, which another .* and this one reads 1 and 2"):
        later.results()


def test_results_that_are_none_are_told(run: RunDirectory, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"results.json does not hold a run's results; `mlpo-bench run "):
        rewritten(run, tmp_path / "broken", lambda value: value.pop("cells")).results()


def _set(path: str, value: Any) -> Any:
    """Return what sets a figure of the results, by its place in them."""
    *way, last = path.split(".")

    def change(held: Any) -> None:
        for step in way:
            held = held[int(step) if isinstance(held, list) else step]
        held[last] = value

    return change


FIGURES = [
    (_set("cells.0.n", "7"), ""),
    (_set("cells.0.n", 7.0), ""),
    (_set("cells.0.right", True), ""),
    (_set("cells.0.accuracy", "0.5"), ""),
    (_set("cells.0.n", -1), "bbh.solo: its n is -1"),
    (_set("cells.0.prompt_tokens", -500), "bbh.solo: its prompt_tokens is -500"),
    (_set("cells.0.seconds", -0.5), "bbh.solo: its seconds is -0.5"),
    (_set("cells.0.right", 400), "bbh.solo: its right is 400 of n = "),
    (_set("cells.0.low", -0.1), "bbh.solo: its low is -0.1"),
    (_set("cells.0.accuracy", 0.123), "bbh.solo: its accuracy is 0.123, with "),
    (lambda value: value["cells"][0].update(right=0, accuracy=0.123), "bbh.solo: its accuracy is 0.123, with 0 of "),
    (_set("cells.0.accuracy", None), "bbh.solo: its accuracy is None, with "),
    (_set("cells.0.seats.leader.completion_tokens", -1), "bbh.solo: one of its costs has completion_tokens -1"),
    (lambda value: value["cells"].append(value["cells"][0]), "the cell bbh.solo stands there twice"),
    (_set("unfinished", ["bbh.solo"]), "the cell bbh.solo stands there twice"),
    (_set("cells.0.cell", "x"), "the run has no cell 'x'"),
    (_set("unfinished", ["x"]), "the run has no cell 'x'"),
    (_set("cells.0.suite", "x"), "bbh.solo: its suite is 'x'"),
    (_set("cells.0.team", "x"), "bbh.solo: its team is 'x'"),
    (_set("cells.0.label", "x"), "bbh.solo: its label is 'x'"),
    (_set("cells.0.matched", "x"), "bbh.solo: its matched is 'x'"),
    (_set("cells.0.plain", "x"), "bbh.solo: its plain is 'x'"),
    (_set("cells.0.intervention", {"a": [1]}), "bbh.solo: its intervention is another"),
    (_set("sources", {}), "it has no source of bbh"),
    (_set("shared.paid", {}), "what "),
]


def test_figures_of_another_cell_are_told(run: RunDirectory, tmp_path: Path) -> None:
    shutil.copytree(run.path, tmp_path / "mine")
    mine = RunDirectory(tmp_path / "mine")
    first, second = mine.cells[0].id, mine.cells[1].id
    shutil.copyfile(mine.cell_path(second), mine.cell_path(first))
    with pytest.raises(
        UsageError, match=rf"cells/{first}\.json does not hold a cell's figures \(its cell is '{second}'"
    ):
        mine.results()
    assert mine.cell(first) is None


@pytest.mark.parametrize(("change", "says"), FIGURES)
@pytest.mark.parametrize("older", [False, True], ids=["sealed", "of an earlier version"])
def test_figures_that_cannot_be_are_told(
    run: RunDirectory, tmp_path: Path, change: Any, says: str, *, older: bool
) -> None:
    def changed(value: dict[str, Any]) -> None:
        change(value)
        if older:
            del value[SEAL]

    with pytest.raises(UsageError) as told:
        rewritten(run, tmp_path / "changed", changed).results()
    assert f"results.json does not hold a run's results{f' ({says}' if says else ''}" in str(told.value)


def test_a_figure_that_was_changed_is_told_whatever_it_is(run: RunDirectory, tmp_path: Path) -> None:
    shutil.copytree(run.path, tmp_path / "mine")
    mine = RunDirectory(tmp_path / "mine")
    cell = mine.cells[0]
    for path in (mine.results_path, mine.cell_path(cell.id)):
        value = orjson.loads(path.read_bytes())
        where = value["cells"][0] if "cells" in value else value
        where["completion_tokens"] += 1
        path.write_bytes(orjson.dumps(value))
    with pytest.raises(
        UsageError, match=r"mine/results\.json is not what was written: it was changed; `mlpo-bench run "
    ):
        mine.results()
    with pytest.raises(
        UsageError, match=rf"mine/cells/{cell.id}\.json is not what was written: it was changed; `mlpo-"
    ):
        mine.files(cell.id).check()
    assert (mine.cell(cell.id), mine.done(cell.id)) == (None, False)
    assert mine.done(mine.cells[1].id)
    path = mine.cell_path(cell.id)
    value = orjson.loads(path.read_bytes())
    del value[SEAL]  # an earlier version's
    path.write_bytes(orjson.dumps(value))
    assert mine.cell(cell.id) is not None
