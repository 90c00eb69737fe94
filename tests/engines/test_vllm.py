"""The vLLM engine with the embedded model, all on one engine: it takes half a minute to start."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.chat import Completion, Message, Sampling
from mlpo_bench.engines import Engine, open_engine, vllm_process
from mlpo_bench.errors import ContextOverflow, Stopped, UsageError
from mlpo_bench.teams import ModelSpec


if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

pytest.importorskip("vllm")
pytestmark = pytest.mark.model

CAPITAL = [Message("user", "What is the capital of France?")]


class Served:
    """An engine and the event loop it lives in, for tests that are no coroutines."""

    def __init__(self, spec: ModelSpec) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.engine: Engine = self(open_engine(spec))

    def __call__(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def ask(self, chats: list[list[Message]], sampling: Sampling) -> list[Completion]:
        async def go() -> list[Completion]:
            return await asyncio.gather(*(self.engine.complete(chat, sampling, i) for i, chat in enumerate(chats)))

        made: list[Completion] = self(go())
        return made

    def close(self) -> None:
        self(self.engine.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    running = Served(ModelSpec(engine="vllm", context=2048))
    yield running
    running.close()


def test_text_usage_and_facts(served: Served) -> None:
    (made,) = served.ask([CAPITAL], Sampling(temperature=0, max_tokens=30))
    assert made.text == "The capital of France is Paris."
    assert made.finish_reason == "stop"
    assert made.usage.prompt + made.usage.cached == served.engine.count_tokens(CAPITAL) == 37
    assert made.usage.completion == 8
    facts = served.engine.facts
    assert (facts.engine, facts.dtype, facts.context) == ("vllm", "bfloat16", 2048)
    assert facts.parameters == 134_515_008


def test_stop_strings_and_limits(served: Served) -> None:
    (stopped,) = served.ask([CAPITAL], Sampling(temperature=0, max_tokens=30, stop=(" is",)))
    assert (stopped.text, stopped.finish_reason) == ("The capital of France", "stop")
    (cut,) = served.ask([CAPITAL], Sampling(temperature=0, max_tokens=3))
    assert (cut.text, cut.finish_reason, cut.usage.completion) == ("The capital of", "length", 3)


def test_what_does_not_fit_is_refused_with_its_numbers(served: Served) -> None:
    with pytest.raises(ContextOverflow) as caught:
        served.ask([CAPITAL], Sampling(max_tokens=2048))
    assert (caught.value.prompt, caught.value.answer, caught.value.context) == (37, 2048, 2048)


def test_hundreds_of_seeded_requests_share_prefixes_and_survive(served: Served) -> None:
    """A seeded request whose prefill is split ends vLLM 0.32 on a CPU; prompts of many lengths would show it."""
    start = "You are one of a group of friends who solve puzzles together. " * 12
    chats = [[Message("user", f"{start}{'Consider this. ' * (i % 90)}Number {i}?")] for i in range(300)]
    made = served.ask(chats, Sampling(max_tokens=12))
    assert all(c.usage.completion > 0 for c in made)
    again = served.ask(chats[:50], Sampling(max_tokens=12))
    assert all(c.usage.cached >= 128 for c in again)


def test_after_a_stop_what_waits_in_vllm_is_dropped_and_what_is_written_arrives(served: Served) -> None:
    """More is asked than vLLM reads at once; the engine is left as it was for the tests that come after."""
    engine: Any = served.engine
    chats = [[Message("user", f"Number {n}. {'Tell of ships and captains. ' * 200}")] for n in range(60)]

    async def stopped() -> tuple[list[Any], set[str]]:
        asked = [
            asyncio.create_task(engine.complete(chat, Sampling(temperature=0, max_tokens=24), 0)) for chat in chats
        ]
        try:
            for _ in range(1200):
                if len(vllm_process.queued(engine.llm)) < len(engine.llm.output_processor.request_states):
                    break
                await asyncio.sleep(0.05)
            left = vllm_process.queued(engine.llm)
            engine.halt(Stopped())
            answers = await asyncio.gather(*asked, return_exceptions=True)
            with pytest.raises(Stopped):
                await engine.complete(CAPITAL, Sampling(max_tokens=4), 0)
            return answers, left
        finally:
            engine._halted = None

    answers, left = served(stopped())
    kinds = [type(answer) for answer in answers]
    assert kinds.count(Stopped) == len(left)
    assert kinds.count(Completion) == len(chats) - len(left)
    assert min(kinds.count(Stopped), kinds.count(Completion)) > 0
    assert not engine.llm.output_processor.request_states
    assert served.ask([CAPITAL], Sampling(temperature=0, max_tokens=30))[0].text == "The capital of France is Paris."


def test_deterministic_is_refused_on_a_cpu() -> None:
    from vllm.platforms import current_platform

    if not current_platform.is_cpu():
        pytest.skip("this machine has a device")
    with pytest.raises(UsageError, match="cannot be deterministic"):
        asyncio.run(open_engine(ModelSpec(engine="vllm"), deterministic=True))


def test_its_processes_die_with_a_killed_parent_and_nothing_is_said_on_the_terminal() -> None:
    program = (
        "import asyncio, multiprocessing, time\n"
        "from mlpo_bench.engines import open_engine\nfrom mlpo_bench.engines.orphans import descendants\n"
        "from mlpo_bench.teams import ModelSpec\n"
        "if __name__ == '__main__':\n"
        "    engine = asyncio.run(open_engine(ModelSpec(engine='vllm', context=512)))\n"
        "    cores = [process.pid for process in multiprocessing.active_children()]\n"
        "    print(*cores, *[worker for core in cores for worker in descendants(core)], flush=True)\n"
        "    time.sleep(300)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        children = [int(pid) for pid in process.stdout.readline().split()]
        process.send_signal(signal.SIGKILL)
        said = process.stderr.read()
    assert len(children) > 1, said  # it did not start, and says why
    assert said == ""
    deadline = time.monotonic() + 30
    while any(map(alive, children)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not any(map(alive, children))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_engine_that_was_to_be_deterministic_leaves_later_ones_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_BATCH_INVARIANT", "0")
    vllm_process._prepare_environment(deterministic=True)
    assert os.environ["VLLM_BATCH_INVARIANT"] == "1"
    vllm_process._prepare_environment(deterministic=False)
    assert os.environ["VLLM_BATCH_INVARIANT"] == "0"
