from __future__ import annotations

import io
import time
from dataclasses import replace

import pytest

from mlpo_bench.chat import Usage
from mlpo_bench.cli import _display
from mlpo_bench.dispatch import Tally
from mlpo_bench.log.records import Record
from mlpo_bench.log.results import CellResult
from mlpo_bench.matrix.cells import Cell
from mlpo_bench.protocols import Leader, Setting, Solo
from mlpo_bench.reports.terminal.console import Console
from mlpo_bench.teams import Member, Team


CELL = Cell("bbh", Setting(Team(), Solo()), "solo")
RECORD = Record(
    cell="bbh.solo", suite="bbh", subject="navigate", question="q", seed=0, answer="Yes", right=True, unread=False,
    cut_off=False, error=None, calls=1, prompt_tokens=1, cached_tokens=0, completion_tokens=50, seconds=1.0,
    serial_calls=1, serial_seconds=1.0,
)  # fmt: skip


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("mlpo_bench.cli._display.time.monotonic", lambda: now[0])
    return now


def shown(board: _display._Terminal) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(board)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def said(board: _display._Terminal) -> str:
    return " ".join(shown(board).split())


def test_a_terminal_shows_done_rates_accuracy_and_time_left(clock: list[float]) -> None:
    board = _display._Terminal(Console(file=io.StringIO(), height=40))
    assert "Preparing" in shown(board)
    tally = Tally(made=1, found=0, shared=1, paid=Usage(10, 5, 100))
    board.begin([CELL], {"bbh": 4}, tally)
    clock[0] += 10
    board.conversed(CELL, RECORD)
    board.conversed(CELL, replace(RECORD, right=False))
    row = next(line for line in shown(board).splitlines() if "solo" in line).split()
    assert row[0:2] == ["bbh", "solo"]
    assert row[-6:] == ["2/4", "0.2", "10", "50.0%", "10", "s"]
    assert "cells: 1 running | 2/4 conversations, 1 completions made, 1 reused (50%), 10 tokens/s" in said(board)
    assert "33% of prompts cached, 10 s left" in said(board)


def test_the_time_left_is_told_by_requests_while_no_conversation_has_ended(clock: list[float]) -> None:
    """All conversations of many rounds are under way before the first ends; most requests were answered before."""
    board = _display._Terminal(Console(file=io.StringIO(), height=40))
    rounds = Cell("bbh", Setting(Team(peers=(Member(),) * 3), Leader(rounds=5)), "leader, 5 rounds, 3 peers")
    tally = Tally()
    board.begin([rounds], {"bbh": 100}, tally)
    tally.found = 1_000
    clock[0] += 2
    assert "2 s left" in said(board)
    for _ in range(20):
        clock[0] += 10
        tally.made += 10
        assert "0/100 conversations" in said(board)
    assert "13 min 20 s left" in said(board)  # 800 of 2,000 at the one a second of late, not at the six of all


def test_the_first_of_many_conversations_tells_nothing_of_the_others(clock: list[float]) -> None:
    board = _display._Terminal(Console(file=io.StringIO(), height=40))
    board.begin([CELL], {"bbh": 100}, Tally())
    clock[0] += 600
    board.conversed(CELL, RECORD)
    assert shown(board).splitlines()[1].split()[-1] == "-"
    for _ in range(9):
        board.conversed(CELL, RECORD)
    assert shown(board).splitlines()[1].split()[-4:] == ["1", "h", "30", "min"]


def test_a_finished_cells_rates_stay_as_they_are(clock: list[float]) -> None:
    board = _display._Terminal(Console(file=io.StringIO(), height=40))
    board.begin([CELL], {"bbh": 1}, Tally())
    clock[0] += 5
    board.conversed(CELL, RECORD)
    then = shown(board).splitlines()[1]
    clock[0] += 500
    assert shown(board).splitlines()[1] == then


def test_questions_that_failed_are_counted_apart(clock: list[float]) -> None:
    board = _display._Terminal(Console(file=io.StringIO(), height=40))
    board.begin([CELL], {"bbh": 2}, Tally())
    clock[0] += 1
    board.conversed(CELL, replace(RECORD, right=None, error="the engine died"))
    assert "1/2 (1 failed)" in shown(board)
    assert " - " in shown(board)


def test_a_log_gets_plain_lines(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with _display.display(quiet=False) as observer:
        observer.begin([CELL], {"bbh": 2}, Tally())
        observer.conversed(CELL, RECORD)
        assert capsys.readouterr().err == ""
        clock[0] += 11
        observer.conversed(CELL, RECORD)
    said = capsys.readouterr().err
    assert "bbh solo: 2 done, accuracy 100.0%" in said
    assert "2/2 conversations" in said
    assert "\x1b" not in said


def test_a_log_gets_lines_while_no_conversation_ends(
    clock: list[float], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_display, "WATCHED_EVERY_S", 0.01)
    told = ""
    with _display.display(quiet=False) as observer:
        observer.begin([CELL], {"bbh": 2}, Tally())
        clock[0] += 11
        for _ in range(500):
            time.sleep(0.01)
            told += capsys.readouterr().err
            if told:
                break
    assert told.startswith("cells: 1 waiting | 0/2 conversations, 0 completions made")
    assert told.count("\n") == 1


def test_a_log_of_hours_gets_a_line_a_minute(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    board = _display._Plain()
    board.begin([CELL], {"bbh": 2}, Tally())
    for _ in range(3_600):
        clock[0] += 1
        board.tell()
    assert 60 < capsys.readouterr().err.count("\n") < 90


def test_more_cells_than_fit_are_told_by_suite_and_state(clock: list[float]) -> None:
    board = _display._Terminal(Console(file=io.StringIO(), height=12))
    many = [Cell(suite, Setting(Team(), Solo(), seed), "solo") for suite in ("bbh", "math") for seed in range(1, 7)]
    board.begin(many, {"bbh": 1, "math": 2}, Tally())
    clock[0] += 1
    for cell in many[:3]:
        board.conversed(cell, RECORD)
    board.scored(result(many[0]))
    board.conversed(many[3], replace(RECORD, right=None, error="the engine died"))
    board.conversed(many[6], RECORD)
    rows = {line.split()[0]: " ".join(line.split()) for line in shown(board).splitlines()[1:3]}
    assert rows["bbh"].endswith("4/6 0 s 1 done, 2 running, 2 waiting, 1 failed")
    assert "1/12" in rows["math"]
    assert rows["math"].endswith("1 running, 5 waiting")
    assert len(shown(board).splitlines()) < 12


def result(cell: Cell) -> CellResult:
    return CellResult.of(cell, [replace(RECORD, cell=cell.id)], {}, {})
