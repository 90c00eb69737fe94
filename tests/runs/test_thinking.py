"""Lone thinkers at the tokens of a led row: as much is written, or as much is read and written, as the row spends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.errors import UsageError
from mlpo_bench.log import LoadedRun, RunDirectory
from mlpo_bench.matrix.cells import cells
from mlpo_bench.matrix.config import RunConfig
from mlpo_bench.runs.rescoring import rescore
from mlpo_bench.testing import Answering


Runs = Any
MATCHED = [
    {"leader": {"rounds": 2}},
    {"think": {"budget": ["written", "tokens"]}},
    {"extend": {"budget": ["written", "tokens"]}},
]


def talk(messages: Sequence[Message], _: Sampling, seed: int) -> str:
    """Write between 20 and 60 words, whatever the bound."""
    return f"{'so ' * (20 + (seed + len(messages[-1].content)) % 40)}the answer is {'yes' if seed % 2 else 'no'}."


@pytest.fixture(scope="module")
def run(carry_for_all: Runs) -> RunDirectory:
    folder: RunDirectory = carry_for_all(
        "thinks", protocols=MATCHED, peers=2, split="all", subjects=["navigate"], open_engines=Answering(talk)
    )
    return folder


def test_budgets_are_the_mean_of_the_row_that_they_match(run: RunDirectory) -> None:
    loaded = LoadedRun(run)
    led, *thinkers = loaded.results.cells
    mean = {"written": led.completion_tokens / led.n, "all": (led.prompt_tokens + led.completion_tokens) / led.n}
    assert [(one.protocol, one.settings["counts"]) for one in thinkers] == [
        ("think", "written"), ("think", "all"), ("extend", "written"), ("extend", "all"),
    ]  # fmt: skip
    for one in thinkers:
        assert one.settings["budget"] == one.samples == round(mean[one.settings["counts"]])
        assert one.matched == led.cell
        assert not one.alone
    assert thinkers[0].label == "think at the written tokens of leader, 2 rounds, 2 peers"
    assert thinkers[3].label == "extend at the tokens of leader, 2 rounds, 2 peers"


def test_extended_answers_spend_what_the_row_spends(run: RunDirectory) -> None:
    led, _, _, written, every = LoadedRun(run).results.cells
    assert written.completion_tokens == pytest.approx(led.completion_tokens, rel=0.05)
    spent = [one.prompt_tokens + one.completion_tokens for one in (every, led)]
    assert 0.75 * spent[1] < spent[0] <= spent[1]  # what is left would not pay for another prompt


def test_they_are_judged_anew(run: RunDirectory, tmp_path: Any) -> None:
    import asyncio

    from mlpo_bench.runs.observer import Silent

    moves = asyncio.run(rescore(RunDirectory.open(run.path), tmp_path / "none.sqlite", Silent(), dry_run=True))
    assert (moves.turns_changed, moves.courses, moves.left_out) == (0, 0, [])


def test_the_plan_knows_their_budgets(run: RunDirectory) -> None:
    plan = run.plan()
    assert plan is not None
    planned = {cell.label: cell for cell in plan.cells}
    assert (planned["think at the written tokens of leader, 2 rounds, 2 peers"].samples or 0) > 1


def test_a_matrix_may_ask_for_them_without_a_leader() -> None:
    config = RunConfig.model_validate({"suites": ["bbh"], "protocols": ["solo", {"think": {"budget": "written"}}]})
    with pytest.raises(UsageError, match="asks for a budget that matches each led row, and no leader is in the run"):
        cells(config)
    debate = {"debate": {"rounds": 2}}
    config = RunConfig.model_validate(
        {"suites": ["bbh"], "protocols": [debate, {"extend": {"budget": "tokens", "match": "debate"}}]}
    )
    assert [cell.label for cell in cells(config)][-1] == "extend at the tokens of debate, 2 rounds, 3 peers"
    config = RunConfig.model_validate({"suites": ["bbh"], "protocols": [{"think": {"budget": [256, 512]}}]})
    assert [cell.label for cell in cells(config)] == ["think, 256 tokens", "think, 512 tokens"]


def test_what_no_context_holds_is_refused(carry: Runs) -> None:
    with pytest.raises(UsageError, match=r"4096 for its own words. Let it hold fewer of them: -P think.holds=\d+"):
        carry("small", protocols=[{"think": {"budget": 9999}}],
              team={"leader": {"model": "m", "context": 2000}, "peers": []}, open_engines=_of_context)  # fmt: skip


async def _of_context(specs: Any, **_: object) -> Any:
    from mlpo_bench.engines.scripted import ScriptedEngine

    return {spec: ScriptedEngine(talk, context=2000) for spec in specs}
