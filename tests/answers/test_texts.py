"""Texts as models write them, each with whether a careful person reads an answer in it and whether it is right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlpo_bench.harness import documents


TEXTS = Path(__file__).with_name("texts.jsonl")


@pytest.mark.parametrize("case", [json.loads(line) for line in TEXTS.read_text(encoding="utf-8").splitlines()])
def test_a_text_is_read_and_judged_as_by_a_careful_person(case: dict[str, Any]) -> None:
    doc = {"answer_format": case["format"], "answer": case["gold"], "question": case.get("question", "")}
    [[answer]] = documents.read([[case["text"]]], [doc])
    metrics = documents.process_results(doc, [answer])
    assert (bool(metrics["unread"]), bool(metrics["acc"])) == (case["unread"], case["right"]), answer
