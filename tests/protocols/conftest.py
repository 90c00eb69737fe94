from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any, cast

import pytest

from mlpo_bench.chat import Sampling
from mlpo_bench.dispatch import Dispatch
from mlpo_bench.engines.scripted import ScriptedEngine
from mlpo_bench.protocols import Setting
from mlpo_bench.questions import Question
from mlpo_bench.store import Store
from mlpo_bench.teams import Member, Team


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from mlpo_bench.chat import Completion, Message
    from mlpo_bench.protocols import Protocol, Transcript
    from mlpo_bench.store import Maker

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


class Memory(dict[bytes, "Completion"]):
    """As much of a store as a conversation needs, gone when it ends."""

    def put(self, key: bytes, made: Completion, by: Maker | None = None) -> None:  # noqa: ARG002
        self[key] = made


def lettered(messages: Sequence[Message], _: Sampling, seed: int) -> str:
    """Answer by content alone: a text of its own for each request, and one of three options."""
    content = "\n".join(m.content for m in messages)
    digest = hashlib.sha256(f"{seed}\n{content}".encode()).hexdigest()
    return f"Attempt {digest[:16]}. The answer is ({'ABC'[int(digest, 16) % 3]})."


@pytest.fixture(scope="session")
def hold() -> Converse:
    """Hold a conversation that nothing outlasts; each model is an engine of its own and answers by content alone."""

    def go(
        protocol: Protocol,
        team: Team | int = 3,
        answer: Answer = lettered,
        *,
        question: Question = QUESTION,
        seed: int = 0,
        weights: Mapping[Member, float] | None = None,
        overrides: dict[str, Any] | None = None,
    ) -> Transcript:
        async def main() -> Transcript:
            seated = (
                Team(leader=Member(model="m"), peers=(Member(model="m"),) * team) if isinstance(team, int) else team
            )
            engines: dict[Any, Any] = {s: ScriptedEngine(answer, fingerprint=s.model) for s in seated.specs}
            dispatch = Dispatch(engines, cast("Store", Memory()))
            setting = Setting(seated, protocol, seed, overrides or {}, weights=weights or {})
            return await setting.converse(question, dispatch, Sampling())

        return asyncio.run(main())

    return go
