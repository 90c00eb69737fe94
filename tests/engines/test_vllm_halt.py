"""What waits in vLLM's queue when a person stops, on an imitation of vLLM: starting the real one takes a minute."""

from __future__ import annotations

import asyncio
import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.chat import Completion, Message, Sampling
from mlpo_bench.engines.base import ModelFacts
from mlpo_bench.engines.turns import Turns
from mlpo_bench.engines.vllm import VLLMEngine
from mlpo_bench.engines.vllm_process import Served
from mlpo_bench.errors import Stopped


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

AT_ONCE = 2
IMITATED: dict[str, dict[str, Any]] = {
    "vllm": {"SamplingParams": SimpleNamespace},
    "vllm.inputs": {"tokens_input": list},
    "vllm.sampling_params": {"RequestOutputKind": SimpleNamespace(FINAL_ONLY="final")},
    "vllm.v1.engine.exceptions": {"EngineDeadError": RuntimeError, "EngineGenerateError": ArithmeticError},
}


@pytest.fixture(autouse=True)
def _vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, held in IMITATED.items():
        module = ModuleType(name)
        module.__dict__.update(held)
        monkeypatch.setitem(sys.modules, name, module)
    for package in ("vllm.v1", "vllm.v1.engine"):
        monkeypatch.setitem(sys.modules, package, ModuleType(package))


class Frontend:
    """Answers two requests at a time, each once `go` is set; drops those whose generators are cancelled."""

    def __init__(self) -> None:
        self.output_processor = SimpleNamespace(request_states={})
        self.go = asyncio.Event()
        self.dropped: list[str] = []
        self._room = asyncio.Semaphore(AT_ONCE)

    async def generate(self, _ids: Any, _params: Any, number: str, **_: Any) -> AsyncIterator[Any]:
        states = self.output_processor.request_states
        states[f"{number}-x"] = state = SimpleNamespace(external_req_id=number, is_prefilling=True)
        try:
            async with self._room:
                state.is_prefilling = False
                await self.go.wait()
        except asyncio.CancelledError:
            self.dropped.append(number)
            raise
        finally:
            del states[f"{number}-x"]
        for __ in range(5):  # the answer is there, and whoever asked has yet to take it
            await asyncio.sleep(0)
        made = SimpleNamespace(finish_reason="stop", token_ids=[1], text="Yes.")
        yield SimpleNamespace(outputs=[made], num_cached_tokens=0)


class Watchdog:
    def close(self) -> None:
        pass


def engine(llm: Frontend, turns: Turns | None = None) -> VLLMEngine:
    chats = SimpleNamespace(
        ids=lambda _: [1, 2], stops=(), tokenizer=None, marks=frozenset(), turn_end=7, opened=lambda _: ""
    )
    served = Served(llm, Watchdog(), turns)  # type: ignore[arg-type]
    facts = ModelFacts(name="m", engine="vllm", revision="r", dtype="float32", context=64)
    return VLLMEngine(served, chats, facts)  # type: ignore[arg-type]


async def begun() -> None:
    """Let tasks go as far as they can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def stopped(one: VLLMEngine, llm: Frontend) -> list[type]:
    """Ask six questions, stop, and let what was begun go on."""
    asked = [asyncio.create_task(one.complete([Message("user", "?")], Sampling(max_tokens=4), n)) for n in range(6)]
    await begun()
    one.halt(Stopped())
    await asyncio.sleep(0)
    llm.go.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    with pytest.raises(Stopped):
        await one.complete([Message("user", "?")], Sampling(max_tokens=4), 0)
    assert not llm.output_processor.request_states
    assert not one._asked
    return [type(answer) for answer in answers]


def test_what_waits_in_the_queue_is_dropped_and_what_is_written_arrives() -> None:
    async def go() -> None:
        llm = Frontend()
        kinds = await stopped(engine(llm), llm)
        assert (kinds.count(Completion), kinds.count(Stopped)) == (AT_ONCE, 4)
        assert len(llm.dropped) == 4

    asyncio.run(go())


def test_an_answer_that_is_there_is_kept_though_nobody_has_taken_it_yet() -> None:
    async def go() -> None:
        llm = Frontend()
        one = engine(llm)
        asked = asyncio.create_task(one.complete([Message("user", "?")], Sampling(max_tokens=4), 0))
        await begun()
        llm.go.set()
        for _ in range(3):
            await asyncio.sleep(0)
        assert not llm.output_processor.request_states
        assert not asked.done()
        one.halt(Stopped())
        assert isinstance(await asked, Completion)

    asyncio.run(go())


def test_what_waits_for_the_model_s_turn_is_not_begun() -> None:
    class Other:
        async def sleep(self) -> None:
            pass

        async def wake(self) -> None:
            pass

    async def go() -> None:
        llm, turns, other = Frontend(), Turns(), Other()
        one = engine(llm, turns)
        turns.opened(other)
        async with turns.turn(other):
            kinds = await stopped(one, llm)
        assert set(kinds) == {Stopped}
        assert not llm.dropped

    asyncio.run(go())


def test_whoever_asked_and_is_cancelled_takes_the_request_along() -> None:
    async def go() -> None:
        llm = Frontend()
        asked = asyncio.create_task(engine(llm).complete([Message("user", "?")], Sampling(max_tokens=4), 0))
        await begun()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await asyncio.sleep(0)
        assert llm.dropped == ["0"]

    asyncio.run(go())


def test_whoever_asked_ends_as_cancelled_even_where_nothing_more_is_begun() -> None:
    """A loop that shuts down cancels all tasks; one that ends otherwise is shown with its traceback."""

    async def go() -> None:
        llm = Frontend()
        one = engine(llm)
        asked = asyncio.create_task(one.complete([Message("user", "?")], Sampling(max_tokens=4), 0))
        await begun()
        one.halt(Stopped())
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

    asyncio.run(go())


def test_refusing_many_requests_with_one_fault_does_not_pile_up_its_traceback() -> None:
    async def go() -> None:
        one = engine(Frontend())
        one.halt(Stopped())
        for n in range(50):
            with pytest.raises(Stopped) as refused:
                await one.complete([Message("user", "?")], Sampling(max_tokens=4), n)
        assert len(refused.traceback) < 10

    asyncio.run(go())


def test_what_a_prompt_opens_and_a_tokenizer_would_hide_stands_in_an_answer() -> None:
    async def go() -> tuple[str, bool]:
        llm = Frontend()
        one = engine(llm)
        one._chats = SimpleNamespace(  # type: ignore[assignment]
            ids=lambda _: [1], stops=(), marks=frozenset({"[THINK]"}), turn_end=None, opened=lambda _: "<think>",
            without_hidden=lambda text: text.replace("Yes", "No"),
        )  # fmt: skip
        llm.go.set()
        made = await one.complete([Message("user", "?")], Sampling(max_tokens=4), 0)
        return made.text, one.sampling_params(Sampling(), 0).skip_special_tokens

    assert asyncio.run(go()) == ("<think>No.", False)
