from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from mlpo_bench.chat import Sampling
from mlpo_bench.engines import ScriptedEngine
from mlpo_bench.errors import UsageError
from mlpo_bench.matrix.cells import Cell
from mlpo_bench.protocols import Leader, Setting, Solo
from mlpo_bench.questions import Question
from mlpo_bench.runs.context_check import WORDING, check_context
from mlpo_bench.teams import Member, SamplingChoice, Team


QUESTION = Question("bbh", "x", "bbh/x/1", "How many words stand in this?", "number")


def check(team: Team, protocol: Any, context: int) -> None:
    """Check one question of six words, whose leader holds so many tokens and whose peers hold all.

    Answers may have 10 tokens unless a member says otherwise.
    """
    samples: Any = {"bbh": [SimpleNamespace(question=QUESTION, sampling=Sampling(max_tokens=10))]}
    engines: Any = {
        member.spec: ScriptedEngine(
            lambda *_: "", name=member.model, context=context if member is team.leader else 10**6
        )
        for member in team.members
    }
    check_context([Cell("bbh", Setting(team, protocol), "cell")], samples, engines)


def may_write(tokens: int, model: str) -> Member:
    return Member(model=model, engine="scripted", sampling=SamplingChoice(max_tokens=tokens))


def test_the_longest_prompt_holds_as_much_as_those_who_are_read_may_write() -> None:
    team = Team(leader=may_write(10, "lead"), peers=(may_write(1_000, "long"), may_write(20, "short")))
    need = 6 + 2 * 1_000 + WORDING + 10
    check(team, Leader(rounds=1), need)
    with pytest.raises(
        UsageError, match=f"lead holds {need - 1}: 6 for the longest question, 2 x 1000 for the answers"
    ):
        check(team, Leader(rounds=1), need - 1)


def test_a_persona_is_part_of_the_prompt() -> None:
    member = Member(model="lead", engine="scripted", persona="You check each of the steps.")
    team = Team(leader=member, peers=())
    check(team, Solo(), 6 + 6 + 10)
    with pytest.raises(UsageError, match="may need 22 tokens, but lead holds 21: 12 for the longest question"):
        check(team, Solo(), 21)
