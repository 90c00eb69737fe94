from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from mlpo_bench import dispatch as dispatching
from mlpo_bench.chat import Completion, Message, Sampling, Usage
from mlpo_bench.dispatch import TRIES, Dispatch
from mlpo_bench.engines import ModelFacts
from mlpo_bench.errors import EngineFault
from mlpo_bench.store import Store
from mlpo_bench.teams import Member


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

MEMBER = Member(model="m")


class Counting:
    """An engine that waits a moment, counts its calls, and fails as it is told to."""

    facts = ModelFacts("m", "scripted", "1", "none", 1_000)

    def __init__(self, fail: Callable[[int], EngineFault | None] = lambda _: None) -> None:
        self.calls = 0
        self.seeds: list[int] = []
        self._fail = fail

    async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:  # noqa: ARG002
        self.calls += 1
        self.seeds.append(seed)
        call = self.calls
        await asyncio.sleep(0.01)
        if fault := self._fail(call):
            raise fault
        return Completion(f"{messages[-1].content} {seed} \ud800", Usage(1, 0, 1), "stop", 0.0)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return len(messages)

    async def close(self) -> None:
        pass


async def ask(dispatch: Dispatch, text: str = "Why?", *, sample: int = 0, seed: int = 0) -> Completion:
    reply = await dispatch.ask(MEMBER, (Message("user", text),), Sampling(), sample=sample, seed=seed)
    return reply.completion


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store.sqlite")


def test_equal_requests_in_flight_are_made_once(store: Store) -> None:
    engine = Counting()

    async def go() -> list[Completion]:
        dispatch = Dispatch({MEMBER.spec: engine}, store)
        done = await asyncio.gather(*(ask(dispatch) for _ in range(50)), ask(dispatch, sample=1))
        assert (dispatch.tally.made, dispatch.tally.shared, dispatch.tally.found) == (2, 49, 0)
        assert dispatch.tally.paid == Usage(2, 0, 2)
        return done

    done = asyncio.run(go())
    assert engine.calls == 2
    assert len({c.text for c in done[:50]}) == 1
    assert done[50].text != done[0].text


def test_a_second_run_with_the_same_seed_asks_nothing(store: Store) -> None:
    first, second = Counting(), Counting()

    async def go(engine: Counting, seed: int) -> Completion:
        return await ask(Dispatch({MEMBER.spec: engine}, store), seed=seed)

    assert asyncio.run(go(first, 5)) == asyncio.run(go(second, 5))
    assert second.calls == 0
    asyncio.run(go(second, 6))
    assert second.calls == 1
    assert second.seeds != first.seeds


def test_half_a_surrogate_pair_never_reaches_the_store(store: Store) -> None:
    made = asyncio.run(ask(Dispatch({MEMBER.spec: Counting()}, store)))
    assert made.text.encode()


def test_a_passing_fault_is_retried(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatching, "FIRST_WAIT_S", 0.0)
    engine = Counting(lambda call: EngineFault("once") if call == 1 else None)
    dispatch = Dispatch({MEMBER.spec: engine}, store)
    assert asyncio.run(ask(dispatch)).text.startswith("Why?")
    assert dispatch.tally.retried == 1


@pytest.mark.parametrize(("transient", "calls"), [(True, TRIES), (False, 1)])
def test_a_lasting_fault_reaches_everybody_who_waits_and_is_not_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch, transient: bool, calls: int
) -> None:
    monkeypatch.setattr(dispatching, "FIRST_WAIT_S", 0.0)
    engine = Counting(lambda _: EngineFault("broken", transient=transient))

    async def go() -> list[Completion | BaseException]:
        dispatch = Dispatch({MEMBER.spec: engine}, store)
        return await asyncio.gather(*(ask(dispatch) for _ in range(3)), return_exceptions=True)

    assert [str(e) for e in asyncio.run(go())] == ["broken"] * 3
    assert engine.calls == calls
    assert len(store) == 0
