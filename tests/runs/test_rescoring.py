"""A run that is judged anew comes to what today's readers would have made of it, asks nothing, and loses nothing."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest
import zstandard

from mlpo_bench import answers
from mlpo_bench.analysis.moves import Moves
from mlpo_bench.engines.scripted import ScriptedEngine
from mlpo_bench.errors import EngineError, Stopped, UsageError
from mlpo_bench.log import RunDirectory, replacement
from mlpo_bench.log.files import write_json
from mlpo_bench.log.seals import sealed
from mlpo_bench.log.transcripts import read_transcripts
from mlpo_bench.matrix.cells import cells
from mlpo_bench.runs.recollection import NOT_RECORDED
from mlpo_bench.runs.rescoring import rescore
from mlpo_bench.store import Store


Runs = Any
Read = Callable[[Path], dict[str, bytes]]
Reader = Callable[[Callable[[str | None, str], str | None]], None]
TWO: dict[str, Any] = {"leader": {"model": "m"}, "peers": [{"model": "m"}]}
NOWHERE = Path("no such store.sqlite")
EVERYTHING: dict[str, Any] = {
    "seeds": 2,
    "calibration": 8,
    "protocols": [
        "solo",
        {"leader": {"rounds": [1, 2]}},
        {"leader": {"rounds": 3, "early_stop": True, "adaptive": 2}},
        {"leader": {"rounds": 2, "share": "answer"}},
        {"vote": {"samples": [3, "tokens"], "over": "team"}},
        {"weighted": {"samples": 5}},
        {"debate": {"rounds": 2}},
        "select",
        "oracle",
    ],
}


class Unwatched:
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def begin(self, *_: object) -> None: ...
    def conversed(self, *_: object) -> None: ...
    def scored(self, *_: object) -> None: ...


def again(run: RunDirectory, store: Path = NOWHERE, **options: Any) -> Moves:
    return asyncio.run(rescore(RunDirectory.open(run.path), store, Unwatched(), **options))


def files(run: RunDirectory) -> dict[str, bytes]:
    """All files of a run but its manifest, its ledgers among them."""
    paths = [path for path in sorted(run.path.rglob("*")) if path.is_file() and path.name != "manifest.json"]
    return {str(path.relative_to(run.path)): path.read_bytes() for path in paths}


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Have texts read otherwise: `reader(change)`, where `change(answer, text)` returns what is read from now on."""
    read = answers.read

    def go(change: Callable[[str | None, str], str | None]) -> None:
        monkeypatch.setattr(answers, "read", lambda name, text, **more: change(read(name, text, **more), text))

    return go


@pytest.fixture
def team(answer_with: Any) -> dict[str, Any]:
    """A leader and three peers whose texts follow from what they are asked alone, wherever the tests run."""
    ways = {"bold": "yes no (A) (B) (A)", "meek": "no no yes (B) (C)", "odd": "(A) (B) perhaps yes no no"}

    def answer(model: str, messages: Any, _sampling: object, seed: int) -> str:
        digest = int(hashlib.sha256(f"{seed}{messages[-1].content}".encode()).hexdigest(), 16)
        said = ways[model].split()[digest % len(ways[model].split())]
        if "<choice>" in messages[-1].content:
            return f"{model}: <choice>{digest % 3 + 1}</choice>"
        return f"{model} says {'word ' * (digest % 7)}<answer>{said}</answer>"

    answer_with(answer, by_model=True)
    return {
        "leader": {"model": "bold"},
        "peers": [{"model": "meek"}, {"model": "odd", "persona": "You doubt."}, {"model": "meek"}],
    }


def unread_odd(answer: str | None, text: str) -> str | None:
    """A reader that cannot make out what one member writes."""
    return None if text.startswith("odd") else answer


def test_with_the_same_readers_everything_comes_to_the_same_bytes(carry: Runs, team: dict[str, Any]) -> None:
    run = carry("mine", team=team, **EVERYTHING)
    before, manifest = files(run), run.manifest()
    moves = again(run)
    assert files(run) == before
    assert (moves.right, moves.wrong, moves.turns_changed, moves.courses) == (0, 0, 0, 0)
    assert moves.whole
    assert moves.verdicts == sum(cell.n for cell in run.results().cells) > 100
    assert moves.turns == sum(cell.calls for cell in run.results().cells)
    (noted,) = run.manifest()["rescored"]
    assert {name: value for name, value in run.manifest().items() if name != "rescored"} == manifest
    assert noted["rows"] == []
    assert noted["versions"]["mlpo-bench"]
    again(run)
    assert len(run.manifest()["rescored"]) == 2


def test_with_other_readers_it_comes_to_what_a_new_run_would(
    carry: Runs, team: dict[str, Any], contents: Read, reader: Reader
) -> None:
    fixed = [one for one in EVERYTHING["protocols"] if "leader" not in one] + [{"leader": {"rounds": [1, 2]}}]
    matrix = EVERYTHING | {"protocols": fixed}
    run = carry("mine", team=team, **matrix)
    before = run.results()
    reader(unread_odd)
    moves = again(run)
    assert contents(run.path) == contents(carry("fresh", team=team, **matrix).path)
    assert moves.whole
    assert moves.wrong > 0
    assert moves.courses == 0
    assert 0 < moves.turns_changed < moves.turns
    rows: dict[str, list[int]] = {}
    for old, new in zip(before.cells, run.results().cells, strict=True):
        for place, value in enumerate((old.right, new.right, old.unread, new.unread)):
            rows.setdefault(old.label, [0, 0, 0, 0])[place] += value
    assert rows == {
        row.row: [row.before.right, row.after.right, row.before.unread, row.after.unread] for row in moves.rows
    }
    assert all(row.after.right == row.before.right + row.right - row.wrong for row in moves.rows)
    (noted,) = run.manifest()["rescored"]
    assert noted["wrong"] == moves.wrong
    assert [row["row"] for row in noted["rows"]] == [row.row for row in moves.rows if row.moved]


def test_weights_follow_from_what_is_read_of_train_questions_too(
    carry: Runs, team: dict[str, Any], reader: Reader
) -> None:
    run = carry("mine", team=team, protocols=[{"weighted": {"samples": 5}}], calibration=20)
    (before,) = run.results().cells
    reader(unread_odd)
    assert again(run).weighed_before == []
    (after,) = run.results().cells
    odd = "odd (You doubt.)"
    assert before.scores[odd] > after.scores[odd] == 0
    assert before.scores["bold"] == after.scores["bold"] > 0


def test_a_run_that_did_not_keep_its_train_answers_weighs_as_before_and_says_so(
    carry: Runs, team: dict[str, Any], reader: Reader
) -> None:
    run = carry("mine", team=team, protocols=["solo", {"weighted": {"samples": 5}}], calibration=20)
    path = run.calibration_path("bbh.weighted-vote-of-5-3-peers")
    kept = path.read_bytes()
    path.unlink()
    cell = run.cell_path("bbh.weighted-vote-of-5-3-peers")
    told = orjson.loads(cell.read_bytes())
    del told["files"]["calibration"]
    cell.write_bytes(orjson.dumps(sealed(told)))
    before = run.results().cells
    reader(unread_odd)
    assert again(run).weighed_before == ["bbh.weighted-vote-of-5-3-peers"]
    assert run.results().cells[-1].scores == before[-1].scores
    assert again(run, carry.folder / "mine.sqlite").weighed_before == []  # the store has them
    assert run.results().cells[-1].scores != before[-1].scores
    assert len(list(read_transcripts(path))) == 3 * 20
    assert path.read_bytes() != kept


def test_the_winner_of_a_vote_changes_with_what_is_read(carry: Runs, answer_with: Any, reader: Reader) -> None:
    def ballot(_messages: object, _sampling: object, seed: int) -> str:
        return ["The answer is yes.", "Surely not! The answer is no.", "Surely not! The answer is no."][seed % 3]

    answer_with(ballot)
    run = carry("mine", team=TWO, protocols=[{"vote": {"samples": 7}}], subjects=["navigate"])
    (cell,) = run.results().cells
    reader(lambda answer, text: None if text.startswith("Surely") else answer)
    moves = again(run)
    (line, *_) = read_transcripts(next((run.path / "transcripts").iterdir()))
    assert line["final"] == "The answer is yes."
    assert {turn["answer"] for turn in line["turns"]} == {"Yes", None}
    assert moves.right + moves.wrong > 0
    assert moves.rows[0].before.right == cell.right
    assert run.results().cells[0].right == moves.rows[0].after.right == cell.right + moves.right - moves.wrong


def test_what_was_never_asked_is_left_out_and_the_run_goes_on_with_that_alone(
    carry: Runs, team: dict[str, Any], contents: Read, reader: Reader
) -> None:
    run = carry("mine", team=team, **EVERYTHING)
    before = run.results()
    reader(unread_odd)
    emptied = carry.folder / "emptied.sqlite"
    moves = again(run, emptied)
    left_out = {(cell, question) for cell, question in moves.left_out}
    errors = {
        (cell.cell, record["question"]): record["error"]
        for cell in run.results().cells
        for record in _records(run, cell.cell)
        if record["error"]
    }
    assert errors == dict.fromkeys(left_out, NOT_RECORDED)
    assert {cell.rpartition(".seed")[0] or cell for cell, _ in left_out} <= {
        "bbh.leader-3-rounds-early-stop-adaptive-2-3-peers",
        "bbh.leader-2-rounds-shares-answer-3-peers",
    }
    assert moves.waiting
    assert all("at-the-tokens-of" in cell for cell in moves.waiting)
    assert set(run.results().unfinished) == set(moves.waiting)
    assert not any(run.transcript_path(cell).exists() for cell in _cells(run) if cell.id in moves.waiting)
    assert sum(cell.n for cell in run.results().cells) == moves.verdicts - sum(row.left_out for row in moves.rows)
    with Store(emptied) as kept:
        known = len(kept)
    carry("mine", team=team, store="emptied", **EVERYTHING)
    fresh = carry("fresh", team=team, **EVERYTHING)
    assert [cell.cell for cell in run.results().cells] == [cell.cell for cell in before.cells]
    made = run.manifest()["sessions"][-1]["completions"]["made"]
    with Store(emptied) as kept:
        assert made == len(kept) - known
    assert 0 < made < fresh.manifest()["sessions"][0]["completions"]["made"] / 4
    ours, theirs = contents(run.path), contents(fresh.path)
    assert ours.pop("unused.jsonl.zst")
    theirs.pop("unused.jsonl.zst", None)
    assert ours == theirs
    assert len(run.manifest()["rescored"]) == 1  # a later session keeps that


def test_what_a_course_no_longer_needs_is_kept_for_readers_that_need_it_again(
    carry: Runs, team: dict[str, Any], contents: Read, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = carry("mine", team=team, **EVERYTHING)
    before = contents(run.path)
    read, store = answers.read, carry.folder / "passed on.sqlite"
    reader(lambda answer, _: answer and "Yes")  # everybody agrees at once
    first = again(run, store)
    assert first.courses > 0 < len(first.left_out)
    assert run.unused_path.exists()
    monkeypatch.setattr(answers, "read", read)
    second = again(run)
    assert (second.whole, second.regained) == (True, len(first.left_out))
    assert (second.right, second.wrong) == (first.wrong, first.right)
    carry("mine", team=team, store="passed on", **EVERYTHING)  # the votes that had to wait
    assert run.manifest()["sessions"][1:] == [] or run.manifest()["sessions"][1]["completions"]["made"] == 0
    after = contents(run.path)
    assert after.pop("unused.jsonl.zst")
    before.pop("unused.jsonl.zst", None)
    assert after == before


def test_a_run_that_is_not_finished_is_judged_as_far_as_it_goes(
    carry: Runs, team: dict[str, Any], contents: Read, reader: Reader
) -> None:
    matrix = EVERYTHING | {"protocols": ["solo", "debate", "oracle", {"vote": {"samples": 3}}]}
    run = carry("mine", team=team, only=("bbh.solo", "debate"), **matrix)
    left = run.results().unfinished
    assert left
    reader(unread_odd)
    again(run)
    assert run.results().unfinished == left
    carry("mine", team=team, **matrix)
    assert contents(run.path) == contents(carry("fresh", team=team, **matrix).path)


@pytest.mark.parametrize("fault", ["out of memory", ""])
def test_what_the_machinery_failed_to_answer_stays_without_an_answer(
    carry: Runs, answer_with: Any, reader: Reader, fault: str
) -> None:
    def answer(messages: Any, _sampling: object, _seed: int) -> str:
        if "number 1:" in messages[-1].content:
            raise EngineError(fault, transient=False)
        return "The answer is yes."

    answer_with(answer)
    run = carry("mine", protocols=["solo"], team=TWO)
    failed = [line for line in read_transcripts(run.transcript_path(_cells(run)[0])) if "error" in line]
    assert failed
    reader(lambda *_: "No")
    moves = again(run)
    assert (moves.left_out, moves.regained, moves.whole) == ([], 0, True)
    assert moves.right + moves.wrong > 0
    assert [line for line in read_transcripts(run.transcript_path(_cells(run)[0])) if "error" in line] == failed
    assert run.results().cells[0].errors == len(failed)


def test_a_model_that_was_served_otherwise_when_an_earlier_version_took_the_run_up(
    carry: Runs, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlpo_bench.log.origins.check_models", lambda *_: None)  # it did not look
    for fingerprint, only in (("first", "solo"), ("second", "vote")):

        async def open_engines(specs: Any, *, kind: str = fingerprint, **_: object) -> dict[Any, ScriptedEngine]:
            made = ScriptedEngine(lambda *_: f"{kind}. The answer is yes.", name="m", fingerprint=kind)
            return dict.fromkeys(specs, made)

        run = carry(
            "mine", protocols=["solo", {"vote": {"samples": 2}}], team=TWO, only=(only,), open_engines=open_engines
        )
        manifest = run.manifest()
        del manifest["answered"]
        write_json(run.manifest_path, manifest)
    before = files(run)
    assert again(run).whole
    assert files(run) == before
    assert {facts["revision"] for facts in run.manifest()["models"]} == {"first", "second"}
    reader(lambda *_: "No")
    assert again(run).turns_changed > 0


def test_cells_that_were_answered_otherwise_when_the_run_was_taken_up_keep_their_own_answers(
    carry: Runs, reader: Reader
) -> None:
    for said, only in (("yes", "solo"), ("no", "vote")):

        async def open_engines(specs: Any, *, words: str = said, **_: object) -> dict[Any, ScriptedEngine]:
            made = ScriptedEngine(lambda *_: f"The answer is {words}.", name="m", fingerprint="m")
            return dict.fromkeys(specs, made)

        matrix = {"protocols": ["solo", {"vote": {"samples": 2}}], "subjects": ["navigate"]}
        run = carry("mine", **matrix, team=TWO, only=(only,), store=said, open_engines=open_engines)
    texts = {turn["text"] for cell in _cells(run) for turn in _turns(run, cell)}
    assert texts == {"The answer is yes.", "The answer is no."}
    before = files(run)
    assert (again(run).turns_changed, files(run)) == (0, before)
    reader(lambda answer, _: None if answer == "No" else answer)
    again(run)
    assert [(cell.label, cell.unread) for cell in run.results().cells] == [("solo", 0), ("vote of 2", 2)]


def test_a_rehearsal_writes_nothing(carry: Runs, team: dict[str, Any], reader: Reader) -> None:
    run = carry("mine", team=team, **EVERYTHING)
    before, manifest = files(run), run.manifest()
    reader(unread_odd)
    nowhere = carry.folder / "nowhere.sqlite"
    would = again(run, nowhere, dry_run=True)
    assert would.wrong > 0 < len(would.left_out)
    assert files(run) == before
    assert run.manifest() == manifest
    assert not nowhere.exists()
    assert again(run, nowhere).told() == would.told()


@pytest.mark.parametrize("place", range(1, 14, 4))
def test_a_process_that_is_killed_while_it_replaces_files_leaves_the_rest_to_the_next(
    carry: Runs, team: dict[str, Any], tmp_path: Path, place: int
) -> None:
    run = carry("mine", team=team, protocols=["solo", "debate"])
    killed(run, tmp_path, "path.replace(place)", place)
    assert replacement.unsettled(run.path)
    opened = RunDirectory.open(run.path)
    assert not replacement.unsettled(run.path)
    assert len(opened.manifest()["rescored"]) == 1
    assert all(cell.unread == cell.n for cell in opened.results().cells)
    assert all(record["unread"] for cell in opened.results().cells for record in _records(opened, cell.cell))
    assert not [path for path in run.path.iterdir() if path.name.startswith((".prep", ".repl"))]


def test_a_process_that_is_killed_before_that_leaves_the_run_as_it_was(
    carry: Runs, team: dict[str, Any], tmp_path: Path
) -> None:
    run = carry("mine", team=team, protocols=["solo", "debate"])
    before, manifest = files(run), run.manifest()
    killed(run, tmp_path, "write_json(run / _PREPARED / _GONE, sorted(gone))", 1)
    opened = RunDirectory.open(run.path)
    found = {path: content for path, content in files(run).items() if not path.startswith(".preparing")}
    assert (found, opened.manifest()) == (before, manifest)
    assert again(opened).whole  # what the killed one prepared is no hindrance
    assert files(run) == before


def test_an_interruption_leaves_the_run_as_it_was(
    carry: Runs, team: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = carry("mine", team=team, protocols=["solo", "debate"])
    before, manifest = files(run), run.manifest()

    async def stopped(*_: object) -> None:
        raise Stopped

    monkeypatch.setattr("mlpo_bench.runs.cell_runner.CellRunner.run", stopped)
    with pytest.raises(Stopped):
        again(run)
    assert (files(run), run.manifest()) == (before, manifest)


def forget_digests(run: RunDirectory) -> None:
    """Leave out of a run's cells what an earlier version did not tell."""
    for path in (run.path / "cells").iterdir():
        told = json.loads(path.read_text())
        assert told.pop("files")
        assert told.pop("sha256")
        path.write_text(json.dumps(told))


def test_files_that_cannot_be_read_are_named(carry: Runs, team: dict[str, Any]) -> None:
    run = carry("mine", team=team, protocols=["solo", "debate"])
    before, path = files(run), run.transcript_path(_cells(run)[0])
    kept = path.read_bytes()
    lines = zstandard.ZstdDecompressor().decompressobj().decompress(kept).splitlines(keepends=True)
    first, rest = json.loads(lines[0]), lines[1:]
    path.write_bytes(zstandard.compress(b"".join(rest)))
    with pytest.raises(UsageError, match=r"solo\.jsonl\.zst is not what was written: it was cut short or changed"):
        again(run)
    forget_digests(run)
    before = files(run) | {"transcripts/bbh.solo.jsonl.zst": kept}
    for spoiled, message in (
        ([lines[0], b'{"question": \n', *lines[2:]], r"bbh\.solo\.jsonl\.zst is damaged: line 2 is not JSON"),
        ([b'{"answer": 3}\n', *rest], "line 1 is no conversation"),
        ([b"[1]\n", *rest], "line 1 is no conversation"),
        ([turned(first, seat="judge"), *rest], "line 1, is no conversation that this version reads"),
        ([turned(first, request="00" * 32), *rest], "none of the run's models was asked bbh/.* as it is asked"),
        ([turned(first, read=[{"role": "user", "content": "?"}]), *rest], "was worded otherwise"),
        ([json.dumps(first | {"question": "bbh/x/1"}).encode() + b"\n", *rest], "bbh/x/1 is no question of its cell"),
        (rest, "lacks 1 conversations, bbh/"),
    ):
        path.write_bytes(zstandard.compress(b"".join(spoiled)))
        with pytest.raises(UsageError, match=message):
            again(run)
    path.write_bytes(kept[:40])
    with pytest.raises(UsageError, match=r"solo\.jsonl\.zst"):
        again(run)
    path.unlink()
    with pytest.raises(UsageError, match=r"solo\.jsonl\.zst is missing"):
        again(run)
    path.write_bytes(kept)
    assert files(run) == before
    assert "rescored" not in run.manifest()


def test_other_questions_than_those_that_were_asked_are_refused(
    carry: Runs, team: dict[str, Any], tmp_path: Path, made_up: Path
) -> None:
    run = carry("mine", team=team, protocols=["solo"])
    moved, other = tmp_path / "moved", tmp_path / "other"
    for folder in (moved, other):
        shutil.copytree(made_up, folder)
    subject = other / "bbh" / "snarks.json"
    subject.write_text(subject.read_text().replace("snarks, number 3", "sharks, number 3"))
    with pytest.raises(UsageError, match=r"asked bbh of .* Name its folder with --data"):
        again(run, data=other)
    assert again(run, data=moved).whole


def test_a_disk_that_is_full_is_told_and_the_run_is_as_it_was(
    carry: Runs, team: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = carry("mine", team=team, protocols=["solo"])
    before, manifest = files(run), run.manifest()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "ledger.parquet")

    monkeypatch.setattr("mlpo_bench.runs.rescoring.keep_waits", full)
    with pytest.raises(UsageError, match=r"could not be judged anew, for ledger\.parquet: No space left on device"):
        again(run)
    assert (files(run), run.manifest()) == (before, manifest)


def test_a_run_of_which_nothing_has_ended_is_refused(carry: Runs, team: dict[str, Any]) -> None:
    run = carry("mine", team=team, protocols=["solo"])
    for path in (run.path / "cells").iterdir():
        path.unlink()
    with pytest.raises(UsageError, match=r"no cell of the run .* has come to its end; `mlpo-bench run"):
        again(run)


def turned(line: dict[str, Any], **change: object) -> bytes:
    """A conversation with something else in its first turn."""
    turns = [line["turns"][0] | change, *line["turns"][1:]]
    return json.dumps(line | {"turns": turns}).encode() + b"\n"


KILLED = """
import asyncio, inspect, os, signal
from pathlib import Path
from mlpo_bench import answers
from mlpo_bench.log import RunDirectory, replacement
from mlpo_bench.runs.rescoring import rescore

class Unwatched:
    def __getattr__(self, name):
        return lambda *_: None

left, line = {place}, {line!r}
def step():
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

source = inspect.getsource(replacement)
assert line in source
replacement.step = step
exec(compile(source.replace(line, f"(step(), {{line}})"), replacement.__file__, "exec"), vars(replacement))
answers.read = lambda *_, **__: None
asyncio.run(rescore(RunDirectory.open({run!r}), Path("nowhere"), Unwatched()))
"""


def killed(run: RunDirectory, folder: Path, line: str, place: int) -> None:
    """Judge a run anew with a reader that reads nothing, in a process that kills itself before a line of `replacement`.

    It does so when it gets there for the `place`-th time.
    """
    code = KILLED.format(line=line, place=place, run=str(run.path))
    environment = os.environ | {"TMPDIR": str(folder)}  # it leaves there what it cannot clear away
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def _records(run: RunDirectory, cell: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(run.records_path(cell)).to_pylist()
    return found


def _turns(run: RunDirectory, cell: Any) -> list[dict[str, Any]]:
    return [turn for line in read_transcripts(run.transcript_path(cell)) for turn in line["turns"]]


def _cells(run: RunDirectory) -> Any:
    return cells(run.config)


def test_what_was_altered_is_altered_again(carry: Runs, mixed_team: Any) -> None:
    interventions = [{"plant": ["right", "wrong"], "pool": 6}, {"swap": "noise"}, {"fault": "injection"}, {"drop": 1}]
    protocols = [{"debate": {"rounds": 2}}, "select"]
    run = carry("mine", team=mixed_team, protocols=protocols, interventions=interventions)
    before = files(run)
    assert any(line.get("drawn") for cell in run.cells for line in read_transcripts(run.transcript_path(cell)))
    moves = again(run)
    assert moves.turns > 0
    assert (moves.turns_changed, moves.courses, moves.left_out) == (0, 0, [])
    assert files(run) == before
