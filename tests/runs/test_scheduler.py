"""Conversations side by side: a fault ends what is not begun, never what is under way."""

from __future__ import annotations

import asyncio

import pytest

from mlpo_bench.errors import EngineError, Stopped
from mlpo_bench.runs.scheduler import InFlight


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
