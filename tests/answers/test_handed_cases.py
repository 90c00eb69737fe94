"""Texts after public threads of people who evaluate models, each with what a careful person reads in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlpo_bench.harness import documents


CASES = Path(__file__).parents[3] / "shared" / "cases" / "answers.jsonl"


def cases() -> list[dict[str, Any]]:
    if not CASES.exists():
        return []
    return [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]


@pytest.mark.skipif(not CASES.exists(), reason="the collected texts are not beside this checkout")
@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_a_text_is_read_and_judged_as_by_a_careful_person(case: dict[str, Any]) -> None:
    if case["format"] == "gym":
        pytest.importorskip("reasoning_gym", reason="reasoning-gym is not installed")
    doc = {"answer_format": case["format"], "answer": case["gold"], "question": case.get("question", "")}
    [[answer]] = documents.read([[case["text"]]], [doc])
    metrics = documents.process_results(doc, [answer])
    assert bool(metrics["unread"]) == (case["expect_read"] is None), answer
    assert bool(metrics["acc"]) == case["expect_right"], answer
