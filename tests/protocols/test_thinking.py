"""The lone long thinker: one call with a budget, and a budget that is spent to its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.chat import Sampling
from mlpo_bench.dispatch import Dispatch
from mlpo_bench.errors import UsageError
from mlpo_bench.protocols import Extend, Setting, Think, build
from mlpo_bench.questions import Question
from mlpo_bench.teams import Member, Team
from mlpo_bench.testing import ScriptedEngine, memory_store


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlpo_bench.protocols import Protocol, Transcript

QUESTION = Question("made up", "made up", "made up/1", "How many legs have 2 hens?", "number")


def hold(
    protocol: Protocol, write: Callable[[int, Sampling], str], overrides: dict[str, Any] | None = None
) -> Transcript:
    """Hold a conversation whose n-th completion is written by a function of n and the sampling."""
    asked: list[Sampling] = []

    def answer(messages: Sequence[Any], sampling: Sampling, seed: int) -> str:  # noqa: ARG001
        asked.append(sampling)
        return write(len(asked) - 1, sampling)

    async def held() -> Transcript:
        member = Member(model="scripted", engine="scripted")
        setting = Setting(Team(leader=member, peers=()), protocol, 0, overrides or {})
        with memory_store() as store:
            dispatch = Dispatch({member.spec: ScriptedEngine(answer)}, store)
            return await setting.converse(QUESTION, dispatch, Sampling(max_tokens=64))

    return asyncio.run(held())


def words(count: int, end: str = "") -> str:
    return " ".join([*["so"] * (count - len(end.split())), *end.split()])


def written(transcript: Transcript) -> int:
    return sum(turn.usage.completion for turn in transcript.turns)


def test_a_thinker_writes_as_much_as_its_budget_in_one_call() -> None:
    held = hold(Think(budget=300), lambda *_: words(1000), {"max_tokens": 32})
    assert [turn.usage.completion for turn in held.turns] == [300]
    assert held.turns[0].max_tokens == 300
    assert held.cut_off
    assert "plenty of time" in held.turns[0].read[-1].content


def test_a_thinker_that_answers_early_is_left_alone() -> None:
    held = hold(Think(budget=300), lambda *_: "The answer is 4.")
    assert len(held.turns) == 1
    assert held.final == "The answer is 4."


def test_an_early_answer_is_continued_until_the_budget_is_spent() -> None:
    held = hold(Extend(budget=300), lambda n, _: words(70, f"The answer is {n}."))
    assert [turn.usage.completion for turn in held.turns] == [70, 70, 70, 70, 20]
    assert written(held) == 300
    assert held.turns[3].text in held.turns[4].read[-1].content
    assert held.turns[0].text in held.turns[4].read[-1].content
    assert held.final == held.turns[3].text  # the last one was cut off before it came to an answer


def test_the_budget_may_count_what_is_read() -> None:
    held = hold(Extend(budget=1000, counts="all"), lambda n, _: words(70, f"The answer is {n}."))
    spent = sum(turn.usage.total for turn in held.turns)
    assert 700 < spent <= 1000 + 120  # the words around what is read are not known beforehand
    assert written(held) < 300


def test_it_ends_where_no_prompt_could_hold_more() -> None:
    held = hold(Extend(budget=5000, holds=200), lambda *_: words(70, "The answer is 4."))
    assert written(held) == 200
    assert hold(Think(budget=5000, holds=200), lambda *_: words(900)).turns[0].max_tokens == 200


def test_it_ends_after_so_many_turns_or_when_nothing_more_comes() -> None:
    assert len(hold(Extend(budget=5000, turns=3), lambda *_: "4").turns) == 4
    assert len(hold(Extend(budget=5000), lambda n, _: "4" if n < 2 else "").turns) == 3


def test_small_remainders_are_left() -> None:
    held = hold(Extend(budget=80), lambda *_: words(70, "The answer is 4."))
    assert len(held.turns) == 1


def test_labels_and_settings() -> None:
    assert Think().label == "think, 2048 tokens"
    assert Extend(budget=512, counts="all", holds=900).label == "extend, 512 tokens in all, holds 900"
    assert Extend().calls(3) == 33
    with pytest.raises(UsageError, match="greater than or equal to 1"):
        build("think", {"budget": 0})
