"""Rows as statistics take them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.analysis.rows import by_name, compared, over_suites, read_rows
from mlpo_bench.errors import UsageError
from mlpo_bench.log import LoadedRun
from mlpo_bench.log.records import read_records


if TYPE_CHECKING:
    from mlpo_bench.log import RunDirectory

Runs = Any


@pytest.fixture(scope="module")
def finished(carry_for_all: Runs, mixed_team: dict[str, Any]) -> Any:
    return carry_for_all(
        "finished",
        seeds=2,
        team=mixed_team,
        protocols=[{"vote": {"samples": 1}}, {"vote": {"samples": 3}}],
    )


def test_a_row_holds_the_mean_over_seeds_of_every_question(finished: RunDirectory) -> None:
    rows = read_rows(LoadedRun(finished))
    assert [(row.suite, row.name) for row in rows] == [("bbh", "vote of 1"), ("bbh", "vote of 3")]
    for row in rows:
        by_seed = [{r.question: r.right for r in read_records(finished.records_path(c.cell))} for c in row.cells]
        assert len(by_seed) == 2
        for question, score in row.scores.items():
            assert score == sum(bool(seed[question]) for seed in by_seed) / 2
        assert row.accuracy.value == pytest.approx(sum(cell.right for cell in row.cells) / row.answered)
        assert row.accuracy.subjects == len(set(row.subjects.values()))
        assert row.cost.calls == (1 if row.name == "vote of 1" else 3)
        assert row.cost.tokens == pytest.approx(
            sum(c.prompt_tokens + c.cached_tokens + c.completion_tokens for c in row.cells) / row.answered
        )


def test_rows_of_one_name_stand_together_over_suites(finished: RunDirectory) -> None:
    one, three = read_rows(LoadedRun(finished))
    # Only one suite can be made up here; the other row stands for a second.
    rows = by_name([one, three, replace(three, suite="mmlu", label=one.label)])
    assert {name: list(suites) for name, suites in rows.items()} == {"vote of 1": ["bbh", "mmlu"], "vote of 3": ["bbh"]}
    values = [one.accuracy.value, three.accuracy.value]
    assert over_suites(rows["vote of 1"]).value == pytest.approx(sum(values) / 2)


def test_rows_are_compared_on_the_questions_that_both_answered(finished: RunDirectory) -> None:
    solo, vote = read_rows(LoadedRun(finished))
    kept = dict(list(vote.scores.items())[1:])
    found = compared(solo, replace(vote, scores=kept))
    assert found.difference.questions == len(solo.scores) - 1
    assert found.difference.value == pytest.approx(sum(solo.scores[q] - s for q, s in kept.items()) / len(kept))


def test_rows_without_a_common_question_cannot_be_compared(finished: RunDirectory) -> None:
    solo, vote = read_rows(LoadedRun(finished))
    renamed = {f"other/{question}": score for question, score in vote.scores.items()}
    with pytest.raises(UsageError, match="no question in common"):
        compared(solo, replace(vote, scores=renamed))
