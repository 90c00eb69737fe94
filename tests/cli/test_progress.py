"""A training's progress in a log: what is done, and how long the rest takes."""

from __future__ import annotations

import pytest

from mlpo_bench.cli._progress import progress


def test_a_log_is_told_how_far_a_stage_is_and_what_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [100.0]
    monkeypatch.setattr("mlpo_bench.cli._progress.time.monotonic", lambda: now[0])
    with progress(quiet=False) as observer:
        observer.begin("steps", 24)
        for _ in range(3):
            now[0] += 300
            observer.advance()
        told = capsys.readouterr().err.splitlines()
        assert told == ["1/24 steps, 1 h 55 min left", "2/24 steps, 1 h 50 min left", "3/24 steps, 1 h 45 min left"]
        now[0] += 1
        observer.advance()
        assert capsys.readouterr().err == ""
        observer.begin("questions", 2)
        now[0] += 20
        observer.advance(2)
        assert capsys.readouterr().err == "2/2 questions\n"


def test_a_terminal_tells_what_is_left_of_steps_that_take_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("rich.console.monotonic", lambda: now[0])
    monkeypatch.setattr("mlpo_bench.reports.terminal.console.Console.is_terminal", True)
    with progress(quiet=False) as observer:
        observer.begin("steps", 24)
        for _ in range(3):
            now[0] += 300
            observer.advance()
        (task,) = observer._progress.tasks  # type: ignore[attr-defined]
        assert task.time_remaining == 21 * 300


def test_nothing_is_told_when_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(quiet=True) as observer:
        observer.begin("steps", 1)
        observer.advance()
    assert capsys.readouterr().err == ""
