"""Conversations side by side: a fault ends what is not begun, never what is under way."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.dispatch import AHEAD, Dispatch
from mlpo_bench.engines import ScriptedEngine
from mlpo_bench.errors import EngineError, Stopped
from mlpo_bench.runs.scheduler import InFlight


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mlpo_bench.chat import Completion, Message, Sampling
    from mlpo_bench.engines import Engine, ModelSpec

Runs = Any
SLOTS = 8
MEMBER = {"model": "served", "base_url": "http://127.0.0.1:9/v1", "concurrency": SLOTS}
TEAM = {"leader": MEMBER, "peers": [{**MEMBER, "count": 3}]}
SUBJECTS = ["navigate", "snarks", "web_of_lies", "ruin_names", "hyperbaton", "sports_understanding"]


@pytest.mark.parametrize("fault", [EngineError("broken"), Stopped()], ids=["fault", "stop"])
def test_what_is_under_way_ends_before_a_fault_is_raised(fault: Exception) -> None:
    done = []

    async def fails() -> None:
        raise fault

    async def answers(name: str) -> None:
        await asyncio.sleep(0.01)
        done.append(name)

    async def go() -> None:
        async with InFlight(most=2) as flights:
            await flights.start(answers("under way"))
            for conversation in (fails(), answers("begun too late"), answers("later still")):
                await flights.start(conversation)

    with pytest.raises(type(fault)) as raised:
        asyncio.run(go())
    assert raised.value is fault
    assert done == ["under way"]


def test_a_conversation_that_something_in_it_cancelled_is_a_fault_of_its_own() -> None:
    done = []

    async def gives_itself_up() -> None:
        nothing = asyncio.get_running_loop().create_future()
        nothing.cancel()
        await nothing

    async def answers() -> None:
        await asyncio.sleep(0.01)
        done.append(True)

    async def go() -> None:
        async with InFlight() as flights:
            await flights.start(answers())
            await flights.start(gives_itself_up())

    with pytest.raises(EngineError, match="was given up within its protocol"):
        asyncio.run(go())
    assert done


def test_a_mistake_of_ours_ends_all_at_once_as_it_is() -> None:
    done = []

    async def mistaken() -> None:
        raise KeyError("seat")

    async def answers() -> None:
        await asyncio.sleep(5)
        done.append(True)

    async def go() -> None:
        async with InFlight() as flights:
            await flights.start(answers())
            await flights.start(mistaken())

    with pytest.raises(KeyError, match="seat"):
        asyncio.run(asyncio.wait_for(go(), 2))
    assert not done


def test_no_more_are_under_way_than_there_is_room_for() -> None:
    together = [0]
    most = [0]

    async def converse() -> None:
        together[0] += 1
        most[0] = max(most[0], together[0])
        await asyncio.sleep(0)
        together[0] -= 1

    async def go() -> None:
        async with InFlight(most=3) as flights:
            for _ in range(20):
                await flights.start(converse())

    asyncio.run(go())
    assert most == [3]


class Stepped(ScriptedEngine):
    """Answers so many requests in a step, those first that came first; a step begins when nothing else goes on."""

    def __init__(self, answer: Any) -> None:
        super().__init__(answer)
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.steps = self.answered = self.most_waiting = 0

    async def __call__(self, specs: Iterable[ModelSpec], **_: object) -> dict[ModelSpec, Engine]:
        self._clock = asyncio.create_task(self._tick())
        return dict.fromkeys(specs, self)

    async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        await turn
        return await super().complete(messages, sampling, seed)

    async def _tick(self) -> None:
        while True:
            for _ in range(300):
                await asyncio.sleep(0)
            self.most_waiting = max(self.most_waiting, len(self.waiting))
            some = [self.waiting.popleft() for _ in range(min(SLOTS, len(self.waiting)))]
            self.steps += bool(some)
            self.answered += len(some)
            for turn in some:
                turn.set_result(None)

    async def close(self) -> None:
        self._clock.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._clock

    @property
    def idle(self) -> float:
        return 1 - self.answered / (self.steps * SLOTS)


def test_long_chains_begin_first_and_short_ones_fill_the_gaps(
    carry: Runs, own_text: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"vote": {"samples": 24}}, "solo", {"leader": {"rounds": 5}}]
    engine = Stepped(own_text("yes no (A) (B)"))
    carry("ours", team=TEAM, protocols=rows, subjects=SUBJECTS, open_engines=engine)
    assert engine.answered > 300
    assert engine.idle < 0.03
    assert engine.most_waiting < AHEAD * SLOTS + 2 * 24  # the vote that begins, and what goes on meanwhile

    async def always(_: Dispatch) -> None:
        """Let every conversation begin at once."""

    monkeypatch.setattr(Dispatch, "hungry", always)
    other = Stepped(own_text("yes no (A) (B)"))
    carry("all at once", team=TEAM, protocols=rows, subjects=SUBJECTS, open_engines=other)
    assert other.answered == engine.answered
    assert other.most_waiting > 2 * engine.most_waiting
