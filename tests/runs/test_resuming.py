"""A run that is taken up again runs what is left of it, and comes to what an undisturbed one comes to."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mlpo_bench.errors import UsageError
from mlpo_bench.log import RunDirectory
from mlpo_bench.matrix.cells import cells
from mlpo_bench.reports.terminal.table import suite_table
from mlpo_bench.runs.observer import Silent
from mlpo_bench.runs.runner import run_cells
from mlpo_bench.teams import Team


Cli = Any
Read = Any
Runs = Any
PARTS = ("transcripts", "records", "ledger", "cells")
MATRIX: dict[str, Any] = {"protocols": ["solo", "debate", "leader", {"vote": {"samples": "tokens"}}], "rounds": [1, 2]}


def touched(run: Any) -> dict[str, tuple[int, int]]:
    """When each file of a run's cells was written, and where it lies."""
    found = {path: path.stat() for part in PARTS for path in (run.path / part).iterdir()}
    return {f"{path.parent.name}/{path.name}": (stat.st_mtime_ns, stat.st_ino) for path, stat in found.items()}


def made(run: Any) -> list[int]:
    """The completions made by each session of a run."""
    return [session["completions"]["made"] for session in run.manifest()["sessions"]]


def test_what_is_done_is_never_run_again(carry: Runs, mixed_team: dict[str, Any]) -> None:
    run = carry("mine", team=mixed_team, **MATRIX)
    before = touched(run)
    assert len(before) == len(PARTS) * len(cells(run.config))
    carry("mine", team=mixed_team, **MATRIX)
    assert touched(run) == before
    assert len(made(run)) == 1  # no engine was started


def test_a_cell_that_lost_its_figures_is_written_again_from_the_store(
    carry: Runs, mixed_team: dict[str, Any], contents: Read
) -> None:
    run = carry("mine", team=mixed_team, **MATRIX)
    before, files = touched(run), contents(run.path)
    run.cell_path("bbh.solo").unlink()
    carry("mine", team=mixed_team, **MATRIX)
    assert {path for path, place in touched(run).items() if place != before[path]} == {
        "transcripts/bbh.solo.jsonl.zst", "records/bbh.solo.parquet", "ledger/bbh.solo.parquet", "cells/bbh.solo.json",
    }  # fmt: skip
    assert made(run)[1:] == [0]
    assert contents(run.path) == files


def test_only_runs_what_is_chosen_and_a_later_command_the_rest(
    carry: Runs, mixed_team: dict[str, Any], contents: Read
) -> None:
    undisturbed = carry("undisturbed", team=mixed_team, **MATRIX)
    run = carry("mine", team=mixed_team, **MATRIX, only=("debate", "tokens of leader, 2"))
    results = run.results()
    assert [cell.label for cell in results.cells] == [
        "debate, 1 round, 3 peers",
        "debate, 2 rounds, 3 peers",
        "leader, 2 rounds, 3 peers",
        "vote at the tokens of leader, 2 rounds, 3 peers",
    ]
    ended = {cell.cell for cell in results.cells}
    assert results.unfinished == tuple(cell.id for cell in cells(run.config) if cell.id not in ended)
    before = touched(run)
    carry("mine", team=mixed_team, **MATRIX)
    assert run.results().unfinished == ()
    assert touched(run).items() >= before.items()
    assert contents(run.path) == contents(undisturbed.path)


def test_a_chosen_cell_that_is_done_leaves_the_command_nothing_to_do(
    mlpo_bench: Cli, made_up: Path, team_file: Path
) -> None:
    options = ("run", "--suite", "bbh", "--data", made_up, "--team", team_file, "--limit", "4", "--name", "mine", "-q")
    assert mlpo_bench(*options, "--only", "solo").code == 0
    said = mlpo_bench(*options, "--only", "solo")
    assert said.code == 0
    assert "nothing was asked" in said.out
    assert "5 of 6 cells have yet to be run: bbh.vote-of-8, " in said.out
    assert mlpo_bench(*options, "--only", "sole").code == 2


def test_add_extends_a_run_and_leaves_its_cells_as_they_are(
    carry: Runs, mixed_team: dict[str, Any], contents: Read
) -> None:
    run = carry("mine", protocols=["solo", "debate"], team=mixed_team)
    before, digest = touched(run), run.config.digest
    run = carry("mine", protocols=["leader", "debate"], team=mixed_team, seeds=2, add=True)
    found = {cell.id for cell in cells(run.config)}
    assert {"bbh.leader-2-rounds-3-peers", "bbh.leader-2-rounds-3-peers.seed-1", "bbh.solo.seed-1"} <= found
    assert {cell.cell for cell in run.results().cells} == found
    assert touched(run).items() >= before.items()
    assert run.results().config_sha256 == run.config.digest != digest
    at_once = carry("at-once", protocols=["solo", "debate", "leader"], team=mixed_team, seeds=2)
    for path, content in contents(at_once.path).items():
        if path.split("/")[0] in PARTS:
            assert contents(run.path)[path] == content, path


def test_adding_what_is_there_changes_nothing(carry: Runs, mixed_team: dict[str, Any], contents: Read) -> None:
    run = carry("mine", team=mixed_team, **MATRIX)
    ran, results = {c.id for c in cells(run.config)}, run.results().cells
    run = carry("mine", team=mixed_team, **MATRIX, add=True)
    assert {c.id for c in cells(run.config)} == ran
    assert run.results().cells == results
    assert len(made(run)) == 1
    assert contents(run.path)["results.json"]


def test_two_that_extend_a_run_at_once_lose_nothing_of_each_other(carry: Runs, mixed_team: dict[str, Any]) -> None:
    place = carry("mine", protocols=["solo"], team=mixed_team).path
    extended = [
        RunDirectory.for_run(carry.config(protocols=[one], team=mixed_team), place.parent, "mine", add=True)
        for one in ("debate", {"leader": {"rounds": 1}})
    ]
    matrix = RunDirectory.open(place).cells
    assert {cell.setting.protocol.name for cell in matrix} == {"solo", "debate", "leader"}
    with pytest.raises(
        UsageError, match=r"another process has extended the run .* meanwhile; give the command once more"
    ):
        asyncio.run(run_cells(extended[0], place.parent / "mine.sqlite", Silent()))
    assert RunDirectory.open(place).cells == matrix
    asyncio.run(run_cells(extended[1], place.parent / "mine.sqlite", Silent()))
    assert len(RunDirectory.open(place).results().cells) == len(matrix)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"limit": 1}, "limit must stay as the run has them"),
        ({"subjects": ["navigate"]}, "subjects must stay"),
        ({"split": "all"}, "split must stay"),
        ({"generation": {"temperature": 1.0}}, "generation must stay"),
        ({"calibration": 3}, "calibration must stay"),
        ({"deterministic": True}, "deterministic must stay"),
        ({"team": Team()}, "another team called 'team'"),
        ({"protocols": ["leader"], "teams": {"none": {"leader": {"model": "x"}}}}, "names no peers"),
    ],
)
def test_add_refuses_what_would_ask_otherwise_and_spoils_nothing(
    carry: Runs, mixed_team: dict[str, Any], contents: Read, change: dict[str, Any], message: str
) -> None:
    run = carry("mine", protocols=["solo"], team=mixed_team)
    before = contents(run.path)
    settings = {"protocols": ["solo"], **({} if change.keys() & {"team", "teams"} else {"team": mixed_team}), **change}
    with pytest.raises(UsageError, match=message):
        carry("mine", add=True, **settings)
    assert contents(run.path) == before


def test_a_run_that_cannot_be_run_leaves_no_folder(carry: Runs) -> None:
    with pytest.raises(UsageError, match="names no peers"):
        carry("mine", protocols=["leader"], team={"leader": {"model": "x"}, "peers": []})
    assert not (carry.folder / "runs" / "mine").exists()


def test_several_seeds_give_a_mean_and_how_far_they_lie_apart(carry: Runs, answer_with: Any, own_text: Any) -> None:
    answer_with(own_text("yes no (A) (B)"))
    team = {"leader": {"model": "m"}, "peers": [{"model": "p"}]}
    results = carry("mine", protocols=["solo"], team=team, seeds=3, subjects=None, limit=30).results()
    solo = [cell for cell in results.cells if cell.label == "solo"]
    accuracies = [cell.right / cell.n for cell in solo]
    assert [cell.seed for cell in solo] == [0, 1, 2]
    assert len(set(accuracies)) > 1
    mean = sum(accuracies) / 3
    deviation = (sum((accuracy - mean) ** 2 for accuracy in accuracies) / 2) ** 0.5
    table = suite_table("bbh", "made up", results.cells, {}, 200)
    columns = {str(column.header): list(column.cells) for column in table.columns}
    assert columns["protocol"] == ["solo", "solo, peer 1 (p)"]
    assert columns["mean"][0] == f"{mean:.3f}"
    assert columns["smallest, largest, sd"][0] == f"{min(accuracies):.3f}, {max(accuracies):.3f}, {deviation:.3f}"
    assert columns["seeds x n"][0] == "3 x 30"
