"""Each answer to a question is judged once, and lm-eval's word on it is checked against that."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from mlpo_bench import answers
from mlpo_bench.harness import documents
from mlpo_bench.log import LoadedRun


MATRIX = {"protocols": ["solo", {"vote": {"samples": 4}}, "leader", "oracle"], "rounds": 2, "peers": 2}


def test_an_answer_is_judged_once_and_once_more_by_lm_eval_for_each_cell(
    carry: Any, mixed_team: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: Counter[tuple[str, str, str]] = Counter()
    judge = answers.judge

    def counting(form: str, answer: str, gold: str) -> bool:
        judged[form, answer, gold] += 1
        return judge(form, answer, gold)

    monkeypatch.setattr(answers, "judge", counting)
    run = LoadedRun(carry("judged", team=mixed_team, **MATRIX))
    turns = [
        (line["question"], turn["answer"])
        for cell in run.cells
        for line in run.transcripts(cell)
        for turn in line["turns"]
        if turn["answer"] is not None
    ]
    finals = [record for cell in run.cells for record in run.records(cell.id) if not record.unread]
    assert judged.total() == len(judged) + len(finals)
    assert len(judged) <= len(set(turns)) < len(turns)


def test_where_lm_eval_judges_otherwise_the_question_is_named(
    carry: Any, mixed_team: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(doc: dict[str, Any], results: list[str]) -> dict[str, int]:
        metrics = process_results(doc, results)
        return metrics | {"acc": 1 - metrics["acc"]} if doc["id"].endswith("navigate/1") else metrics

    process_results = documents.process_results
    monkeypatch.setattr("lm_eval.api.task.ConfigurableTask.process_results", lambda _, *found: other(*found))
    with pytest.raises(AssertionError, match=r"bbh/navigate/\d+ in bbh.solo: .* was judged (right|wrong), but lm-eval"):
        carry("other", team=mixed_team, protocols=["solo"], subjects=["navigate"], split="all")
