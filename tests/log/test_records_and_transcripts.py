from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_bench.chat import Message, Usage
from mlpo_bench.harness.verdicts import Judged, TurnVerdict, Verdict
from mlpo_bench.log.directory import PARTS, RunDirectory
from mlpo_bench.log.ledger import read_ledger
from mlpo_bench.log.records import Record, read_records, write_records
from mlpo_bench.log.results import CellResult
from mlpo_bench.log.transcripts import FRAME_BYTES, TranscriptWriter, failed_line, read_transcripts
from mlpo_bench.matrix.cells import Cell
from mlpo_bench.protocols import Setting, Solo, Transcript, Turn
from mlpo_bench.questions import Question
from mlpo_bench.runs.progress import CellProgress
from mlpo_bench.teams import Team


if TYPE_CHECKING:
    from pathlib import Path

CELL = Cell("bbh", Setting(Team(), Solo()), "solo")
QUESTION = Question("bbh", "navigate", "bbh/navigate/1", "Is 1 odd?", "yes-no")


def turn(text: str, stage: int, seconds: float, reason: str = "stop") -> Turn:
    read = (Message("user", "Is 1 odd?"),)
    return Turn("leader", 0, stage, 0, read, text, None, Usage(5, 2, 3), reason, seconds)  # type: ignore[arg-type]


def question(n: int) -> Question:
    return replace(QUESTION, id=f"bbh/navigate/{n}")


def run_folder(path: Path) -> RunDirectory:
    for part in PARTS:
        (path / part).mkdir()
    return RunDirectory(path)


def record(right: bool | None, **changes: object) -> Record:
    done = Transcript(QUESTION, (turn("a", 0, 1.0), turn("b", 0, 3.0), turn("c", 1, 2.0, "length")), "c")
    made = Record.of(CELL, done, Verdict("Yes" if right else None, bool(right)))
    return replace(made, **changes)  # type: ignore[arg-type]


def unread(transcript: Transcript) -> Judged:
    return Judged(transcript, Verdict(None, right=False), (TurnVerdict(None, right=False),) * len(transcript.turns))


def test_a_record_counts_the_whole_conversation() -> None:
    made = record(right=True)
    assert (made.calls, made.prompt_tokens, made.cached_tokens, made.completion_tokens) == (3, 15, 6, 9)
    assert (made.seconds, made.serial_calls, made.serial_seconds) == (6.0, 2, 5.0)
    assert made.cut_off
    assert not made.unread


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    records = [record(right=True), record(right=False), Record.failed(CELL, QUESTION, "the engine died")]
    write_records(tmp_path / "records.parquet", records)
    assert list(read_records(tmp_path / "records.parquet")) == records


def test_a_fault_is_in_no_figure_but_its_own() -> None:
    records = [record(right=True), record(right=False), Record.failed(CELL, QUESTION, "the engine died")]
    result = CellResult.of(CELL, records, {}, {})
    assert (result.n, result.right, result.accuracy, result.errors, result.unread) == (2, 1, 0.5, 1, 1)
    assert result.calls == 6


def test_a_fault_without_a_word_is_a_fault_all_the_same() -> None:
    records = [record(right=True), Record.failed(CELL, QUESTION, "")]
    result = CellResult.of(CELL, records, {}, {})
    assert (result.n, result.right, result.errors, result.causes) == (1, 1, 1, {"": 1})


def test_a_cell_without_any_answer_has_no_accuracy() -> None:
    result = CellResult.of(CELL, [Record.failed(CELL, QUESTION, "x")], {}, {})
    assert (result.accuracy, result.low, result.high, result.errors) == (None, None, None, 1)


@given(st.permutations(range(6)))
def test_conversations_stand_in_the_order_of_their_places(
    tmp_path_factory: pytest.TempPathFactory, order: list[int]
) -> None:
    folder = run_folder(tmp_path_factory.mktemp("t"))
    with CellProgress(CELL, 6, folder) as progress:
        for place in order:
            assert not progress.complete
            done = Transcript(question(place), (turn(f"text {place} \N{SNOWMAN}", 0, 0),), f"text {place}")
            progress.put(place, unread(done))
        assert progress.complete
        assert not folder.transcript_path(CELL).exists()
        progress.finish()
    assert [line["final"] for line in read_transcripts(folder.transcript_path(CELL))] == [f"text {n}" for n in range(6)]
    ids = [question(n).id for n in range(6)]
    assert [record.question for record in progress.records] == ids
    assert read_ledger(folder.ledger_path(CELL.id))["question"].to_pylist() == ids


def test_every_turn_is_told_with_what_it_came_to(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    turns = (turn("one", 0, 0), turn("two", 1, 1), turn("three", 2, 1))
    verdicts = (TurnVerdict("yes", right=True), TurnVerdict(None, right=False), TurnVerdict("no", right=False))
    with CellProgress(CELL, 1, folder) as progress:
        done = Transcript(question(0), turns, "three")
        progress.put(0, Judged(done, Verdict("No", right=False), verdicts))
        progress.finish()
    (line,) = read_transcripts(folder.transcript_path(CELL))
    assert [(told["key"], told["right"]) for told in line["turns"]] == [("yes", True), (None, False), ("no", False)]
    ledger = read_ledger(folder.ledger_path(CELL.id))
    assert ledger["answer"].to_pylist() == ["yes", None, "no"]
    assert ledger["right"].to_pylist() == [True, False, False]
    assert ledger["cut_off"].to_pylist() == [one.cut_off for one in turns]


def test_a_cell_that_did_not_end_leaves_no_file(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    long = "x" * (2 * FRAME_BYTES)
    with CellProgress(CELL, 2, folder) as progress:  # and then something went wrong before finish()
        progress.put(0, unread(Transcript(question(0), (turn(long, 0, 0),), long)))
        assert list((tmp_path / "transcripts").iterdir()) != []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_cell_whose_conversations_were_not_all_written_is_never_complete(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    with CellProgress(CELL, 3, folder) as progress:
        place = tmp_path / "transcripts"
        place.rename(tmp_path / "away")
        with pytest.raises(FileNotFoundError):
            progress.put(0, unread(Transcript(question(0), (turn("x" * FRAME_BYTES, 0, 0),), "x")))
        (tmp_path / "away").rename(place)
        for n in (1, 2):
            progress.put(n, unread(Transcript(question(n), (turn("a", 0, 0),), "a")))
        assert not progress.complete


def test_transcripts_of_many_frames_are_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "cell.jsonl.zst"
    writer = TranscriptWriter(path)
    for n in range(5):
        writer.put(failed_line(str(n), "x" * FRAME_BYTES))
    writer.finish()
    assert [line["question"] for line in read_transcripts(path)] == list("01234")
