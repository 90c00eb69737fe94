"""What a run holds for each of its questions stays small, however many there are: bytes are counted, by tracemalloc."""

from __future__ import annotations

import gc
import json
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.chat import Message, Usage
from mlpo_bench.harness.suite import SuiteTasks, quiet_lm_eval
from mlpo_bench.harness.verdicts import Judged, TurnVerdict, Verdict
from mlpo_bench.log.directory import RunDirectory
from mlpo_bench.matrix.config import RunConfig
from mlpo_bench.protocols import Transcript, Turn
from mlpo_bench.questions import find
from mlpo_bench.runs.progress import CellProgress


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

QUESTIONS = 2_000
TEXT = 300
"""How many characters a question has; compressed with its neighbours it takes less."""


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    return written(tmp_path / "asked.jsonl", QUESTIONS)


def written(path: Path, questions: int) -> Path:
    with path.open("w", encoding="utf-8") as file:
        for n in range(questions):
            question = f"Question {n}: ".ljust(TEXT, "?")
            file.write(json.dumps({"id": n, "question": question, "answer": n % 100, "split": "test"}) + "\n")
    return path


def loaded(asked: Path) -> SuiteTasks:
    with quiet_lm_eval():
        return SuiteTasks(find(str(asked), "number"))


def bytes_of(work: Callable[[], Any], questions: int) -> tuple[float, float]:
    """What some work leaves behind for each question, as long as its result is held, and what it takes at most."""
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        held = work()
        after, most = tracemalloc.get_traced_memory()
        del held
    finally:
        tracemalloc.stop()
    return (after - before) / questions, (most - before) / questions


def test_a_question_that_is_loaded_takes_less_than_its_text(asked: Path) -> None:
    loaded(written(asked.with_name("few.jsonl"), 10))  # what is imported and compiled once
    held, _ = bytes_of(lambda: loaded(asked), QUESTIONS)
    assert 0 < held < TEXT


def test_scoring_holds_no_more_than_a_few_documents(asked: Path) -> None:
    suite = loaded(asked)

    def score(questions: int) -> None:
        with quiet_lm_eval():
            suite.score(range(questions), (f"<answer>{n % 100}</answer>" for n in range(questions)))

    def most(questions: int) -> float:
        """The least of three peaks: whatever else the process does meanwhile, garbage included, only adds to one."""
        return min(bytes_of(lambda: score(questions), 1)[1] for _ in range(3))

    few, every = most(QUESTIONS // 2), most(QUESTIONS)
    assert (every - few) / (QUESTIONS // 2) < 150


@pytest.mark.parametrize(("ended", "most"), [(False, 700), (True, 20)])
def test_a_conversation_that_is_written_leaves_hardly_anything_behind(
    tmp_path: Path, asked: Path, most: int, *, ended: bool
) -> None:
    suite = loaded(asked)
    config = RunConfig.model_validate({"suites": [str(asked)], "format": "number", "protocols": ["solo"]})
    folder = RunDirectory.for_run(config, tmp_path, "run")
    read, turns = (Message("user", "It is asked. " * 50),), 4
    turn = Turn("leader", 0, 0, 0, read, "So it is. " * 100, "7", Usage(9, 1, 90), "stop", 0.5, bytes(32))

    def hold() -> CellProgress:
        progress = CellProgress(folder.cells[0], QUESTIONS, folder)
        for place, sample in enumerate(suite.samples):
            text = f"{place}: {turn.text}"
            done = Transcript(sample.question, (replace(turn, text=text),) * turns, text)
            verdict = Verdict("7", right=place % 100 == 7)
            progress.put(place, Judged(done, verdict, (TurnVerdict("7", right=False),) * turns))
        if ended:
            progress.finish()
            progress.forget()
        return progress

    hold()  # what is imported and compiled once
    held, _ = bytes_of(hold, QUESTIONS)
    assert held < most
