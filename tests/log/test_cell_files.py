"""A cell's files hold what it came to; each that does not is named, and made anew."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from mlpo_bench.log import LoadedRun, RunDirectory
from mlpo_bench.log.cell_files import read_suite
from mlpo_bench.log.files import DamagedFile, read_lines
from mlpo_bench.log.seals import SEAL, sealed
from mlpo_bench.runs.recollection import kept


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fixtures.runs import Runs  # type: ignore[import-not-found]

    Line = dict[str, Any]

MATRIX: dict[str, Any] = {
    "protocols": ["solo", {"leader": {"rounds": 1}}, {"weighted": {"samples": 2}}],
    "peers": 2,
    "calibration": 20,
    "interventions": [{"drop": 1}],
}
LEADER = "bbh.leader-1-round-2-peers"
WEIGHTED = "bbh.weighted-vote-of-2-2-peers"


@pytest.fixture(scope="module")
def run(carry_for_all: Runs, mixed_team: dict[str, Any]) -> RunDirectory:
    made: RunDirectory = carry_for_all("mine", team=mixed_team, **MATRIX)
    return made


@pytest.fixture
def copied(run: RunDirectory, carry_for_all: Runs, tmp_path: Path) -> RunDirectory:
    """The run, in a folder where it can be taken up."""
    assert run.path.parent == carry_for_all.folder / "runs"
    return RunDirectory(shutil.copytree(run.path, run.path.parent / tmp_path.name))


def resealed(path: Path) -> None:
    """Have a cell tell the digest of a file that was changed."""
    cell = path.parents[1] / "cells" / f"{path.name.split('.jsonl')[0].removesuffix('.parquet')}.json"
    told = orjson.loads(cell.read_bytes())
    told["files"][path.parent.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    cell.write_bytes(orjson.dumps(sealed(told)))


def said(path: Path, how: Callable[[list[Line]], object]) -> None:
    """Change conversations as if they had been written so."""
    told = list(read_lines(path))
    how(told)
    path.write_bytes(zstandard.compress(b"".join(orjson.dumps(line) + b"\n" for line in told)))
    resealed(path)


def column(path: Path, name: str, values: Callable[[list[Any]], list[Any]]) -> None:
    table = pq.read_table(path)
    place = table.schema.get_field_index(name)
    changed = pa.array(values(table[name].to_pylist()), table.schema.field(name).type)
    pq.write_table(table.set_column(place, name, changed), path)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (lambda told: told[0].update(turns=[]), "is damaged: line 1 is no conversation"),
        (lambda told: told[0].pop("turns"), "is damaged: line 1 is no conversation"),
        (lambda told: told[0].update(altered=[3]), "is damaged: line 1 is no conversation"),
        (lambda told: told[0].update(altered=3), "is damaged: line 1 is no conversation"),
        (lambda told: told[0].update(altered=[{"seat": "peer 1"}]), "is damaged: line 1 is no conversation"),
        (lambda told: told[0].update(question="bbh/x/1"), "is damaged: bbh/x/1 is no question of its cell"),
        (lambda told: told.pop(), "lacks 1 conversations, bbh/"),
    ],
)
def test_conversations_are_those_that_the_records_count(
    copied: RunDirectory, how: Callable[[list[Line]], object], says: str
) -> None:
    cell = next(cell for cell in copied.cells if cell.setting.intervention is not None)
    said(copied.transcript_path(cell), how)
    with pytest.raises(DamagedFile) as told:
        list(LoadedRun(copied).transcripts(cell))
    assert str(told.value).startswith(f"{copied.transcript_path(cell)} {says}")


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("seconds", lambda values: [1000.0] * len(values), "does not hold the turns that its cell counts"),
        ("question", lambda values: ["x", *values[1:]], "does not hold turns of the questions that its cell answered"),
        ("answer", lambda values: [None] * len(values), "has a row that is 'right' without an 'answer'"),
    ],
)
def test_turns_are_those_that_the_cell_counts(
    copied: RunDirectory, name: str, values: Callable[[list[Any]], list[Any]], says: str
) -> None:
    unsealed(copied, LEADER)
    column(copied.ledger_path(LEADER), name, values)
    if name == "answer":
        column(copied.ledger_path(LEADER), "right", lambda values: [True] * len(values))
    for read in (lambda: LoadedRun(copied).turns(LEADER), copied.files(LEADER).check):
        with pytest.raises(DamagedFile) as told:
            read()
        assert str(told.value).startswith(f"{copied.ledger_path(LEADER)} {says}; `mlpo-bench run ")
    assert not RunDirectory(copied.path).done(LEADER)


@pytest.mark.parametrize(
    ("name", "value", "sound"),
    [("answer", "yes", False), ("cut_off", True, False), ("round", 3, False), ("waited", 7.0, True)],
)
def test_a_value_of_a_turn_that_was_changed_is_told_unless_it_is_a_wait(
    copied: RunDirectory, name: str, value: object, *, sound: bool
) -> None:
    column(copied.ledger_path(LEADER), name, lambda values: [value] * len(values))
    if sound:
        LoadedRun(copied).turns(LEADER)
    else:
        with pytest.raises(DamagedFile, match="is not what was written: it was cut short or changed; `mlpo-bench run "):
            LoadedRun(copied).turns(LEADER)
    assert copied.done(LEADER) is sound


def test_two_runs_come_to_the_same_figures_and_digests(
    copied: RunDirectory, carry_for_all: Runs, mixed_team: dict[str, Any]
) -> None:
    other = carry_for_all("anew", team=mixed_team, **MATRIX)
    for cell in copied.cells:
        assert other.cell_path(cell.id).read_bytes() == copied.cell_path(cell.id).read_bytes()


def unsealed(run: RunDirectory, cell: str) -> None:
    """Have a cell tell no digests, as earlier versions wrote it."""
    told = orjson.loads(run.cell_path(cell).read_bytes())
    del told["files"]
    run.cell_path(cell).write_bytes(orjson.dumps(sealed(told)))


@pytest.mark.parametrize("how", ["lost", "folder", "cut"])
def test_what_ballots_were_weighted_by_is_missed_and_made_anew(
    copied: RunDirectory, carry_for_all: Runs, mixed_team: dict[str, Any], how: str
) -> None:
    path = copied.calibration_path(WEIGHTED)
    whole = path.read_bytes()
    path.unlink()
    if how == "folder":
        path.mkdir()
    elif how == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DamagedFile, match=rf"calibration/{WEIGHTED}"):
        copied.files(WEIGHTED).check()
    again = carry_for_all(copied.path.name, team=mixed_team, store="mine", **MATRIX)
    assert path.read_bytes() == whole
    assert again.done(WEIGHTED)


def test_what_earlier_versions_left_of_weights_is_taken(copied: RunDirectory) -> None:
    copied.calibration_path(WEIGHTED).unlink()
    cell = copied.cell_path(WEIGHTED)
    told = orjson.loads(cell.read_bytes())
    del told["files"]["calibration"]
    cell.write_bytes(orjson.dumps(sealed(told)))
    assert copied.done(WEIGHTED)


def test_a_suite_is_what_was_written(copied: RunDirectory) -> None:
    path = copied.suite_path("bbh")
    value = orjson.loads(path.read_bytes())
    path.write_bytes(orjson.dumps(value | {"source": "elsewhere"}))
    with pytest.raises(
        DamagedFile, match=r"suites/bbh\.json is not what was written: it was changed; `mlpo-bench run "
    ):
        read_suite(path)
    del value[SEAL]
    path.write_bytes(orjson.dumps(value))  # as an earlier version wrote it
    assert read_suite(path) == value
    others: tuple[Any, ...] = (None, 3, [])
    for other in others:
        path.write_bytes(orjson.dumps(value | {"lm_eval": {"bbh_navigate": other}}))
        with pytest.raises(DamagedFile, match="does not tell of a suite"):
            read_suite(path)


def test_what_a_run_was_answered_is_taken_as_far_as_it_is_sound(copied: RunDirectory) -> None:
    def requests() -> tuple[set[bytes], list[str]]:
        left_out: list[Any] = []
        return {one.request for one in kept(RunDirectory(copied.path), left_out)}, list(map(str, left_out))

    whole, none = requests()
    assert (len(whole) > 0, none) == (True, [])
    transcripts, cell = copied.path / "transcripts" / f"{LEADER}.jsonl.zst", copied.cell_path(WEIGHTED)
    transcripts.unlink()
    cell.write_bytes(b"{")
    some, left_out = requests()
    assert some < whole
    assert [fault.split(" is ")[0] for fault in left_out] == [str(transcripts), str(cell)]
    cell.unlink()
    copied.transcript_path(next(one for one in copied.cells if one.id == WEIGHTED)).unlink()  # it has yet to be run
    copied.calibration_path(WEIGHTED).write_bytes(b"")
    assert [fault.split(" ")[0] for fault in requests()[1]] == [
        str(transcripts), str(copied.calibration_path(WEIGHTED)),
    ]  # fmt: skip
    copied.config_path.write_text("{}")
    some, (fault,) = requests()
    assert not some
    assert "config.yaml is not what the run was made with" in fault
