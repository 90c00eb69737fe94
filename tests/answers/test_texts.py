"""Texts as models write them, each with whether a careful person reads an answer in it and whether it is right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlpo_bench.harness import documents


TEXTS = Path(__file__).with_name("texts.jsonl")


def verdict(case: dict[str, Any]) -> tuple[bool, bool]:
    """Return whether nothing was read from a text, and whether what was read is right."""
    doc = {"answer_format": case["format"], "answer": case["gold"], "question": case.get("question", "")}
    [[answer]] = documents.read([[case["text"]]], [doc])
    metrics = documents.process_results(doc, [answer])
    return bool(metrics["unread"]), bool(metrics["acc"])


def test_texts_are_read_and_judged_as_by_a_careful_person() -> None:
    cases = [json.loads(line) for line in TEXTS.read_text(encoding="utf-8").splitlines()]
    assert len(cases) >= 840
    assert [case for case in cases if verdict(case) != (case["unread"], case["right"])] == []
