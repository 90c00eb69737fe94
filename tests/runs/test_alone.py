"""A cell comes to the same files in a matrix of all protocols and when it is run by itself."""

from __future__ import annotations

from typing import Any

import pytest

from mlpo_bench.log import RunDirectory
from mlpo_bench.log.transcripts import read_transcripts
from mlpo_bench.matrix.cells import Cell, cells
from mlpo_bench.protocols import PROTOCOLS, Solo


Runs = Any
SEEDS = (0, 5)
BOTH = {"peers": [1, 3]}
SWEEPS: list[dict[str, Any]] = [
    {"solo": {}},
    {"vote": {"samples": [1, 6]}},
    {"vote": {"over": "team", "samples": 6, **BOTH}},
    {"weighted": {"samples": 6, **BOTH}},
    {"leader": {"rounds": [1, 3], **BOTH}},
    {"leader": {"rounds": 2, "order": "shuffled", "peers": 3}},
    {"leader": {"rounds": 2, "memory": True, "peers": 3}},
    {"leader": {"rounds": 3, "early_stop": True, **BOTH}},
    {"leader": {"rounds": 2, "adaptive": 2, "peers": 3}},
    {"leader": {"rounds": 2, "share": "answer", **BOTH}},
    {"debate": {"rounds": 2, **BOTH}},
    {"mixture": {"layers": 2, **BOTH}},
    {"self-mixture": {"layers": 2, **BOTH}},
    {"refine": {"rounds": 2}},
    {"critique": {"rounds": 2, **BOTH}},
    {"select": BOTH},
    {"pick": BOTH},
    {"oracle": BOTH},
    {"recursive": {"population": 4, "subset": 2, "steps": 2}},
    {"think": {"budget": 64}},
    {"extend": {"budget": 64}},
]
LEADERS = [sweep for sweep in SWEEPS if "leader" in sweep]
MATCHED: list[dict[str, Any]] = [
    {"vote": {"samples": "tokens"}},
    {"vote": {"over": "team", "samples": "tokens"}},
    {"weighted": {"samples": "tokens"}},
]
# What is beside the sweeps of a run, in the matrix and alone.
REST = {"calibration": 5, "subjects": ["navigate", "snarks", "web_of_lies"]}


def named(sweep: dict[str, Any]) -> str:
    ((name, settings),) = sweep.items()
    return " ".join([name, *(f"{key}={value}" for key, value in settings.items() if key != "peers")])


@pytest.fixture(scope="module")
def whole(carry_for_all: Runs, mixed_team: dict[str, Any]) -> RunDirectory:
    """A run of all cells in one matrix."""
    run: RunDirectory = carry_for_all("whole", protocols=SWEEPS + MATCHED, team=mixed_team, seeds=SEEDS, **REST)
    return run


def files(run: RunDirectory, cell: Cell) -> dict[str, bytes]:
    """What must not depend on a cell's company."""
    paths = (run.transcript_path(cell), run.records_path(cell.id), run.cell_path(cell.id))
    return {path.parent.name: path.read_bytes() for path in paths}


def by_itself(cell: Cell) -> dict[str, Any]:
    """A configuration that holds nothing but a cell (and a member's solo its teammates')."""
    protocol = cell.setting.protocol
    peers = {"peers": cell.peers} if protocol.uses_peers else {}
    return {"protocols": [{protocol.name: protocol.settings | peers}], "seeds": [cell.setting.seed]}


def test_every_protocol_is_here() -> None:
    assert {name for sweep in SWEEPS for name in sweep} == set(PROTOCOLS)


def test_another_seed_comes_to_other_conversations(whole: RunDirectory) -> None:
    first: list[list[str]] = []
    second: list[list[str]] = []
    for cell in cells(whole.config):
        texts = [turn["text"] for line in read_transcripts(whole.transcript_path(cell)) for turn in line["turns"]]
        (second if cell.setting.seed else first).append(texts)
    assert len(first) == len(second) > 30
    assert all(one != other for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize("sweep", SWEEPS, ids=named)
def test_a_cell_by_itself_leaves_the_files_that_it_leaves_in_a_matrix(
    carry: Runs, mixed_team: dict[str, Any], whole: RunDirectory, sweep: dict[str, Any]
) -> None:
    for cell in cells(carry.config(protocols=[sweep], team=mixed_team, seeds=SEEDS)):
        again = carry(cell.id, team=mixed_team, **by_itself(cell), **REST)
        assert files(again, cell) == files(whole, cell), cell.id
        company = [path.stem for path in (again.path / "cells").iterdir()]
        assert company == [cell.id] or isinstance(cell.setting.protocol, Solo)


@pytest.mark.parametrize("vote", MATCHED, ids=named)
def test_a_vote_at_the_tokens_of_another_cell_needs_no_company_but_that_cell(
    carry: Runs, mixed_team: dict[str, Any], whole: RunDirectory, vote: dict[str, Any]
) -> None:
    matrix = {"protocols": [*LEADERS, vote], "team": mixed_team, "seeds": SEEDS, **REST}
    matched = [cell for cell in cells(carry.config(**matrix)) if cell.matched]
    ballots = set()
    for cell in matched[::3]:
        again = carry(cell.id, **matrix, only=(cell.id,))
        assert files(again, cell) == files(whole, cell), cell.id
        ballots.add(again.cell(cell.id).samples)
    assert len(ballots) > 2
