"""What is said of figures whose questions a limit spread over subjects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlpo_bench.analysis import limits
from mlpo_bench.analysis.rows import read_rows
from mlpo_bench.analysis.verdict import Verdicts
from mlpo_bench.log import LoadedRun
from mlpo_bench.log.seals import SEAL


SUBJECTS = ["a", "b", "c", "a"]


def test_suites_that_a_limit_cut_are_named_with_their_questions_and_subjects() -> None:
    asked = [("bbh", SUBJECTS), ("math", ["a"] * 4), ("mmlu", ["a", "b"])]
    cut = limits.limited(4, asked)
    assert cut == {"bbh": (4, 3)}  # math has one subject, and of mmlu all was asked
    assert limits.limited(None, asked) == {}
    assert limits.told({}) is None
    told = "Questions were limited, and spread evenly over subjects (4 of BBH over 3, 1,000 of MMLU over 57): "
    assert str(limits.told({"bbh": (4, 3), "mmlu": (1000, 57)})).startswith(told)


def test_a_limit_that_the_suite_does_not_exceed_cuts_nothing() -> None:
    assert limits.limited(4, [("bbh", SUBJECTS)], {"bbh": 4}) == {}
    assert limits.limited(5, [("bbh", SUBJECTS)], {"bbh": 4}) == {}
    assert limits.limited(4, [("bbh", SUBJECTS)], {"bbh": 5, "mmlu": 4}) == {"bbh": (4, 3)}


@pytest.mark.parametrize(("limit", "cut"), [(3, True), (4, False), (5, False), (None, False)])
def test_a_run_of_all_questions_was_not_limited(carry: Any, script: Path, limit: int | None, *, cut: bool) -> None:
    member = {"model": str(script), "engine": "scripted"}
    run = LoadedRun(carry("mine", protocols=["solo"], limit=limit, teams={"team": {"leader": member, "peers": []}}))
    assert bool(limits.of_rows(run, read_rows(run))) == cut
    told = json.loads(run.directory.suite_path("bbh").read_text())
    assert told.pop("whole") == 4  # of two subjects
    del told[SEAL]
    run.directory.suite_path("bbh").write_text(json.dumps(told))  # as an earlier version wrote it
    assert bool(limits.of_rows(run, read_rows(run))) == (limit in {3, 4})


def test_a_verdict_says_so_before_it_answers() -> None:
    assert Verdicts(()).warnings == ()
    (warning,) = Verdicts((), limited={"bbh": (4, 3)}).warnings
    assert warning == limits.told({"bbh": (4, 3)})
    assert warning in str(Verdicts((), limited={"bbh": (4, 3)}))
