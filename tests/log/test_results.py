"""What `results.json` holds, and how that of an earlier version is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

from mlpo_bench.errors import UsageError
from mlpo_bench.log import LoadedRun, RunDirectory
from mlpo_bench.log.results import SCHEMA_VERSION, schema


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
    """Return a copy of what is read of a run, its results changed."""
    folder.mkdir()
    (folder / "config.yaml").write_bytes(run.config_path.read_bytes())
    value = orjson.loads(run.results_path.read_bytes())
    change(value)
    (folder / "results.json").write_bytes(orjson.dumps(value))
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
        del value["schema_version"]
        for cell in value["cells"]:
            for name in NEW:
                del cell[name]

    older = rewritten(run, tmp_path / "older", first)
    assert older.results() == run.results()
    (older.path / "cells").mkdir()
    for cell in run.cells:
        value = orjson.loads(run.cell_path(cell.id).read_bytes())
        older.cell_path(cell.id).write_bytes(orjson.dumps({k: v for k, v in value.items() if k not in NEW}))
        assert older.cell(cell.id) == run.cell(cell.id)


def test_results_of_a_later_version_are_not_guessed_at(run: RunDirectory, tmp_path: Path) -> None:
    later = rewritten(run, tmp_path / "later", lambda value: value.update(schema_version=SCHEMA_VERSION + 1))
    with pytest.raises(UsageError, match=r"results.json is of schema 3, which another .* and this one reads 1 and 2"):
        later.results()


def test_results_that_are_none_are_told(run: RunDirectory, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"results.json does not hold a run's results; `mlpo-bench run "):
        rewritten(run, tmp_path / "broken", lambda value: value.pop("cells")).results()
