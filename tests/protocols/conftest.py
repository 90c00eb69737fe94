from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from mlpo_bench.chat import Sampling
from mlpo_bench.dispatch import Dispatch
from mlpo_bench.engines.scripted import ScriptedEngine
from mlpo_bench.protocols import Setting
from mlpo_bench.questions import Question
from mlpo_bench.store import Store
from mlpo_bench.teams import Member, Team


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from mlpo_bench.chat import Message
    from mlpo_bench.protocols import Protocol, Transcript

    Answer = Callable[[Sequence[Message], Sampling, int], str]
    Converse = Callable[..., Transcript]

QUESTION = Question("bbh", "navigate", "bbh/navigate/1", "Is 1 odd?\n\nAnswer yes or no.", "option")


@pytest.fixture
def converse(tmp_path: Path) -> Converse:
    """Hold a conversation whose completions a function writes; returns its transcript."""

    def go(
        protocol: Protocol, answer: Answer, *, team: Team | None = None, question: Question = QUESTION, seed: int = 0
    ) -> Transcript:
        async def main() -> Transcript:
            seated = team or Team(leader=Member(model="m"), peers=(Member(model="m"),) * 3)
            engine = ScriptedEngine(answer)
            with Store(tmp_path / "store.sqlite") as store:
                dispatch = Dispatch(dict.fromkeys(seated.specs, engine), store)
                return await Setting(seated, protocol, seed).converse(question, dispatch, Sampling())

        return asyncio.run(main())

    return go
