"""A vote that is to spend another cell's tokens has the fewest ballots that do."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpo_bench.errors import EngineError
from mlpo_bench.log.ledger import read_ledger
from mlpo_bench.matrix.cells import cells
from mlpo_bench.runs.budget import MOST_BALLOTS, matching_samples


Runs = Any
tokens = st.lists(st.integers(1, 400), min_size=1, max_size=40)
budgets = st.integers(0, 10_000)


def samples(budget: int, of_ballots: list[int], **options: int) -> tuple[int, list[int]]:
    """The ballots for a budget where ballots take these tokens, over and over, and how many were drawn each time."""
    drawn: list[int] = []

    async def tokens_of(count: int) -> np.ndarray:
        drawn.append(count)
        return np.resize(np.asarray(of_ballots), count)

    return asyncio.run(matching_samples(budget, tokens_of, **options)), drawn


@given(budgets, tokens)
def test_the_fewest_ballots_whose_tokens_reach_the_budget(budget: int, of_ballots: list[int]) -> None:
    count, drawn = samples(budget, of_ballots)
    spent = np.cumsum(np.resize(np.asarray(of_ballots), max(count, 1)))
    assert count == 1 or spent[-2] < budget
    assert spent[-1] >= budget or count == MOST_BALLOTS
    assert drawn == sorted(set(drawn))


@given(budgets, tokens, st.integers(1, 300))
def test_it_makes_no_difference_how_many_are_drawn_first(budget: int, of_ballots: list[int], first: int) -> None:
    count, _ = samples(budget, of_ballots)
    assert samples(budget, of_ballots, first=first)[0] == count
    assert samples(budget, of_ballots, first=count)[1] == [count]


@given(budgets, budgets, tokens)
def test_more_tokens_never_buy_fewer_ballots(one: int, other: int, of_ballots: list[int]) -> None:
    fewer, more = (samples(budget, of_ballots)[0] for budget in sorted((one, other)))
    assert 1 <= fewer <= more


def test_ballots_end_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlpo_bench.runs.budget.MOST_BALLOTS", 50)
    assert samples(10**9, [1, 3])[0] == 50
    assert samples(10**9, [1, 3])[1][-1] == 50
    assert samples(75, [1, 3])[0] == 38


def test_ballots_without_any_tokens_match_nothing() -> None:
    assert samples(0, [0])[0] == 1
    with pytest.raises(EngineError, match="tells of no tokens"):
        samples(1, [0])


def test_even_ballots_are_not_drawn_in_vain() -> None:
    assert samples(1_000, [10]) == (100, [1, 100])


@pytest.mark.parametrize("over", ["leader", "team"])
def test_a_run_spends_the_tokens_of_the_cell_that_it_matches_and_hardly_more(
    carry: Runs, mixed_team: dict[str, Any], over: str
) -> None:
    matrix = {"protocols": ["leader", {"vote": {"samples": "tokens", "over": over}}], "rounds": [1, 3]}
    run = carry("matched", team=mixed_team, seeds=2, **matrix)
    votes = [cell for cell in cells(run.config) if cell.matched]
    assert len(votes) == 4
    for vote in votes:
        budget = total(run.cell(vote.matched_id))
        found = run.cell(vote.id)
        assert total(found) >= budget
        ballots = read_ledger(run.ledger_path(vote.id)).to_pylist()
        assert len(ballots) == found.calls == found.n * found.samples
        # A question's ballots stand in their order, so its last one is the n-th.
        last = sum(tokens_in(turn) for turn in ballots[found.samples - 1 :: found.samples])
        assert total(found) - last < budget


def total(cell: Any) -> int:
    return int(cell.prompt_tokens + cell.cached_tokens + cell.completion_tokens)


def tokens_in(turn: dict[str, Any]) -> int:
    return int(turn["prompt_tokens"] + turn["cached_tokens"] + turn["completion_tokens"])
