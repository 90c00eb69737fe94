"""Models that take turns on a device: one is awake at a time, nobody waits for ever."""

from __future__ import annotations

import asyncio

import pytest

from mlpo_bench.engines.turns import Turns


class Device:
    """What holds one model at a time, and notes who has it."""

    def __init__(self) -> None:
        self.held: Model | None = None
        self.log: list[str] = []


class Model:
    def __init__(self, device: Device, name: str) -> None:
        self.device, self.name, self.running = device, name, 0

    async def sleep(self) -> None:
        assert self.device.held is self
        assert not self.running
        await asyncio.sleep(0)
        self.device.held = None

    async def wake(self) -> None:
        assert self.device.held is None
        await asyncio.sleep(0)
        self.device.held = self
        self.device.log.append(self.name)

    async def answer(self, turns: Turns, seconds: float = 0.001) -> None:
        async with turns.turn(self):
            assert self.device.held is self
            self.running += 1
            await asyncio.sleep(seconds)
            self.running -= 1


async def opened(longest: float) -> tuple[Device, Turns, list[Model]]:
    device, turns = Device(), Turns(longest)
    models = [Model(device, name) for name in "abc"]
    for model in models:
        await turns.rest()
        device.held = model
        turns.opened(model)
    return device, turns, models


def test_all_are_answered_and_those_of_one_model_together() -> None:
    async def go() -> list[str]:
        device, turns, models = await opened(longest=60)
        await asyncio.wait_for(asyncio.gather(*(models[n % 3].answer(turns) for n in range(90))), 10)
        return device.log

    log = asyncio.run(go())
    assert {"a", "b"} <= set(log)
    assert len(log) == len(set(log))  # nobody was woken twice


def test_one_that_is_always_asked_gives_way_in_time() -> None:
    async def go() -> list[str]:
        device, turns, (one, other, _) = await opened(longest=0.05)
        ended = asyncio.Event()

        async def ask_without_end() -> None:
            while not ended.is_set():
                await one.answer(turns, 0.005)

        asking = [asyncio.create_task(ask_without_end()) for _ in range(3)]
        await asyncio.sleep(0.02)
        await asyncio.wait_for(other.answer(turns), 10)
        ended.set()
        await asyncio.wait_for(asyncio.gather(*asking), 10)
        return device.log

    log = asyncio.run(go())
    assert log[:2] == ["a", "b"]


def test_one_that_cannot_wake_is_a_fault_of_its_own_requests() -> None:
    async def go() -> None:
        _, turns, (one, other, _) = await opened(longest=60)

        async def fails() -> None:
            raise RuntimeError("no memory")

        one.wake = fails  # type: ignore[method-assign]
        made = await asyncio.wait_for(
            asyncio.gather(one.answer(turns), other.answer(turns), other.answer(turns), return_exceptions=True), 10
        )
        assert [str(each) for each in made if each] == ["no memory"]

    asyncio.run(go())


def test_whoever_stops_waiting_holds_nobody_up() -> None:
    async def go() -> None:
        _, turns, (one, other, last) = await opened(longest=60)
        busy = asyncio.create_task(last.answer(turns, 0.05))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(one.answer(turns))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait_for(asyncio.gather(busy, other.answer(turns)), 10)
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(go())


def test_a_closed_model_is_not_sent_to_sleep() -> None:
    async def go() -> None:
        device, turns, (one, _, last) = await opened(longest=60)
        turns.gone(last)
        device.held = None
        await one.answer(turns)

    asyncio.run(go())
