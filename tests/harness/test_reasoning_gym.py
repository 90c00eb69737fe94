"""Reasoning Gym as lm-eval sees it: its own judge has the word."""

from __future__ import annotations

import pytest

from mlpo_bench import answers
from mlpo_bench.harness import documents, gold
from mlpo_bench.harness.surface_forms import FORMS


pytest.importorskip("reasoning_gym", reason="reasoning-gym is not installed")


def test_every_reference_answer_is_read_and_judged_right_and_another_s_is_not() -> None:
    report = gold.check("reasoning_gym", "test")
    assert [str(failure) for failure in report.failures] == []
    assert report.judgements == report.questions * (len(FORMS) + 1)


def test_a_right_answer_scores_and_a_wrong_one_does_not() -> None:
    doc = documents.build("reasoning_gym", "chain_sum")["test"][0]
    reference = answers.written("gym", doc["answer"])
    assert documents.process_results(doc, [reference])["acc"] == 1
    assert documents.process_results(doc, [f"{reference}0"])["acc"] == 0
