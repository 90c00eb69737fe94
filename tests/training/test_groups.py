"""What a step trains on depends on the seed and the step, and every group has its turn."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.errors import UsageError
from mlpo_bench.training.groups import StepSampler, grouped


if TYPE_CHECKING:
    from types import ModuleType


def test_each_prompt_is_a_group_of_its_own(tiny_leader: ModuleType) -> None:
    groups = grouped([tiny_leader.prompt(n) for n in range(5)], "prompt", generations=3)
    assert groups.completions == 3
    rows = groups.rows(seed=1, step=0, count=5)
    assert Counter(rows) == dict.fromkeys(range(5), 3)
    assert rows != groups.rows(seed=2, step=0, count=5)
    assert all(rows[n] == rows[n + 1] == rows[n + 2] for n in range(0, 15, 3))


def test_variants_of_a_question_share_its_completions_evenly(tiny_leader: ModuleType) -> None:
    # Question 0 has three variants, question 1 only two, as two of its openings were the same.
    prompts = [tiny_leader.prompt(n, question=q) for n, q in enumerate([0, 0, 0, 1, 1])]
    groups = grouped(prompts, "question", generations=2)
    assert groups.members == ((0, 1, 2), (3, 4))
    assert groups.completions == 6
    both = groups.rows(seed=0, step=0, count=2)
    assert sorted(both) == [0, 0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4]


def test_later_rounds_of_a_question_are_compared_among_themselves(tiny_leader: ModuleType) -> None:
    prompts = [tiny_leader.prompt(n, question=0, round=n // 2) for n in range(4)]
    assert grouped(prompts, "question", generations=2).members == ((0, 1), (2, 3))


def test_every_group_is_met_before_any_is_met_again(tiny_leader: ModuleType) -> None:
    groups = grouped([tiny_leader.prompt(n) for n in range(5)], "prompt", generations=2)
    met = [row for step in range(5) for row in groups.rows(seed=3, step=step, count=2)[::2]]
    assert sorted(met[:5]) == sorted(met[5:]) == list(range(5))
    assert met[:5] != met[5:]


def test_a_sampler_reads_a_steps_rows_once_for_each_micro_batch(tiny_leader: ModuleType) -> None:
    groups = grouped([tiny_leader.prompt(n) for n in range(4)], "prompt", generations=2)
    sampler = StepSampler(groups, seed=0, steps=range(3), per_step=2, repeats=2)
    rows = list(sampler)
    assert len(rows) == len(sampler) == 3 * 2 * 2 * 2
    assert rows == list(sampler)
    assert rows[:4] == rows[4:8] == groups.rows(seed=0, step=0, count=2)


def test_a_later_legs_groups_come_behind_the_steps_that_are_done(tiny_leader: ModuleType) -> None:
    groups = grouped([tiny_leader.prompt(n) for n in range(4)], "prompt", generations=2)
    sampler = StepSampler(groups, seed=0, steps=range(2, 3), per_step=2, repeats=2)
    rows = list(sampler)
    assert len(rows) == len(sampler) == 3 * 2 * 2 * 2
    assert rows[16:20] == groups.rows(seed=0, step=0, count=2)


def test_without_prompts_there_is_nothing_to_train_on() -> None:
    nothing: list[Any] = []
    with pytest.raises(UsageError, match="no prompt is left"):
        grouped(nothing, "prompt", generations=2)
