"""A leader and three peers over two rounds, in four ways, on one server. See `peers.py`.

All send the very prompts of the protocol here. `ours` is dispatch, store and conversations as a run has them; `barrier`
asks one round of all questions at once, with nothing between it and the server; `pool` holds a conversation in each of
16 threads, as a script would; `inspect` is a solver of inspect_ai, in which all samples are under way together.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from benchmarks.peers_server import NAME
from mlpo_bench.chat import Sampling
from mlpo_bench.dispatch import Dispatch
from mlpo_bench.engines import open_engine
from mlpo_bench.harness.suite import SuiteTasks, quiet_lm_eval
from mlpo_bench.protocols import Leader, Setting
from mlpo_bench.protocols._prompts import render
from mlpo_bench.protocols.leader import leading_prompt
from mlpo_bench.store import Store
from mlpo_bench.teams import Member, Team


if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.peers_server import Server
    from mlpo_bench.questions import Question

PEERS, ROUNDS, THREADS, AT_ONCE = 3, 2, 16, 256
TEMPERATURE = 0.7


@dataclass(slots=True)
class Count:
    """What conversations came to: calls, tokens that were read and that were written."""

    calls: int = 0
    read: int = 0
    written: int = 0

    def add(self, read: int, written: int) -> None:
        """Count a call."""
        self.calls += 1
        self.read += read
        self.written += written


Side = Callable[[str, "Sequence[Question]", int, int], Count]
"""Holds conversations: on a server at this address, over questions, with so many tokens an answer, by a seed."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a side came to, and what it took: wall time, and the processor's, of the server and of the side.

    `steps` are the server's, where it tells them.
    """

    count: Count
    wall: float
    server: float
    side: float
    steps: int | None

    @property
    def speed(self) -> float:
        """Tokens that were written in a second of wall time."""
        return self.count.written / self.wall

    def __str__(self) -> str:
        count = self.count
        steps = f"; {1_000 * self.steps / count.written:.1f} steps for 1,000 written" if self.steps else ""
        return (
            f"{self.speed:5.0f} tokens/s, {self.wall:6.1f} s wall; processor {self.server:6.1f} s in the server, "
            f"{self.side:5.1f} s in the side; {count.calls} calls, {count.read} read, {count.written} written{steps}"
        )


def questions(limit: int, data: Path | None) -> list[Question]:
    """Return questions of BBH, evenly over its subjects."""
    with quiet_lm_eval():
        return [sample.question for sample in SuiteTasks("bbh", limit=limit, data=data).samples]


def measure(side: Side, server: Server, asked: Sequence[Question], tokens: int, seed: int) -> Done:
    """Hold the conversations in one way, on a server that remembers nothing of them."""
    server.forget()
    wall, of_server, own = time.perf_counter(), server.processor, time.process_time()
    count = side(server.url, asked, tokens, seed)
    taken = time.perf_counter() - wall, server.processor - of_server, time.process_time() - own
    return Done(count, *taken, server.steps)


def ours(url: str, asked: Sequence[Question], tokens: int, seed: int) -> Count:
    """Hold them as a run does, from conversations to the store."""
    member = Member(model=NAME, base_url=url)
    setting = Setting(Team(leader=member, peers=(member,) * PEERS), Leader(rounds=ROUNDS), seed=seed)
    sampling = Sampling(temperature=TEMPERATURE, max_tokens=tokens)

    async def held() -> Count:
        engine = await open_engine(member.spec)
        try:
            with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "store.sqlite") as store:
                dispatch = Dispatch({member.spec: engine}, store)
                async with dispatch.at_work():
                    await asyncio.gather(*(setting.converse(question, dispatch, sampling) for question in asked))
                paid = dispatch.tally.paid
                return Count(dispatch.tally.made, paid.prompt + paid.cached, paid.completion)
        finally:
            await engine.close()

    return asyncio.run(held())


def _body(prompt: str, tokens: int, seed: int) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}]
    return {"model": NAME, "messages": messages, "max_tokens": tokens, "temperature": TEMPERATURE, "seed": seed}


def _text(reply: httpx.Response, count: Count) -> str:
    told = reply.raise_for_status().json()
    count.add(told["usage"]["prompt_tokens"], told["usage"]["completion_tokens"])
    return str(told["choices"][0]["message"]["content"])


def _revision(question: Question, own: str, verdict: str) -> str:
    return render(
        "peer_revision.txt", {"question": question.prompt, "own_last": own.strip(), "verdict": verdict.strip()}
    )


def _leading(question: Question, opinions: Sequence[str]) -> str:
    return leading_prompt(question.prompt, [text.strip() for text in opinions])


def barrier(url: str, asked: Sequence[Question], tokens: int, seed: int) -> Count:
    """Ask all peers of all questions, wait for all, ask all leaders, and so on."""
    count = Count()

    async def held() -> None:
        async with httpx.AsyncClient(timeout=None, limits=httpx.Limits(max_connections=None)) as client:  # noqa: S113 - as long as it takes

            async def each(prompts: Sequence[str], first: int) -> list[str]:
                sent = (
                    client.post(f"{url}/chat/completions", json=_body(p, tokens, first + n))
                    for n, p in enumerate(prompts)
                )
                return [_text(reply, count) for reply in await asyncio.gather(*sent)]

            prompts = [question.prompt for question in asked for _ in range(PEERS)]
            for number in range(ROUNDS):
                said = await each(prompts, seed * 10_000 + number * 1_000)
                of_each = [said[n * PEERS : (n + 1) * PEERS] for n in range(len(asked))]
                leading = [_leading(q, opinions) for q, opinions in zip(asked, of_each, strict=True)]
                verdicts = await each(leading, seed * 10_000 + number * 1_000 + 500)
                prompts = [
                    _revision(question, own, verdict)
                    for question, opinions, verdict in zip(asked, of_each, verdicts, strict=True)
                    for own in opinions
                ]

    asyncio.run(held())
    return count


def pool(url: str, asked: Sequence[Question], tokens: int, seed: int) -> Count:
    """Hold each conversation in a thread, one call after the other."""
    count = Count()
    with httpx.Client(timeout=None) as client, ThreadPoolExecutor(THREADS) as threads:  # noqa: S113 - as long as it takes

        def conversation(number: int, question: Question) -> None:
            def said(prompt: str, call: int) -> str:
                body = _body(prompt, tokens, seed * 10_000 + number * 100 + call)
                return _text(client.post(f"{url}/chat/completions", json=body), count)

            prompts = [question.prompt] * PEERS
            for number_of_round in range(ROUNDS):
                opinions = [said(prompt, number_of_round * 10 + call) for call, prompt in enumerate(prompts)]
                verdict = said(_leading(question, opinions), number_of_round * 10 + PEERS)
                prompts = [_revision(question, own, verdict) for own in opinions]

        list(threads.map(conversation, range(len(asked)), asked))
    return count


def inspect(url: str, asked: Sequence[Question], tokens: int, seed: int) -> Count:
    """Hold them as a solver of inspect_ai, with as many samples and connections as there is use for."""
    import inspect_ai
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ChatMessageUser, GenerateConfig, Model, get_model
    from inspect_ai.solver import Generate, Solver, TaskState, solver

    count = Count()

    async def said(model: Model, prompt: str, number: int) -> str:
        config = GenerateConfig(max_tokens=tokens, temperature=TEMPERATURE, seed=number)
        output = await model.generate([ChatMessageUser(content=prompt)], config=config)
        assert output.usage is not None
        count.add(output.usage.input_tokens, output.usage.output_tokens)
        return str(output.completion)

    @solver  # type: ignore[untyped-decorator]
    def led() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            del generate
            place = int(state.sample_id)
            question, model, first = asked[place], get_model(), seed * 10_000 + place * 100
            prompts = [question.prompt] * PEERS
            for number in range(ROUNDS):
                peers = (said(model, prompt, first + number * 10 + n) for n, prompt in enumerate(prompts))
                opinions = await asyncio.gather(*peers)
                verdict = await said(model, _leading(question, opinions), first + number * 10 + PEERS)
                prompts = [_revision(question, own, verdict) for own in opinions]
            return state

        return solve

    model = get_model(f"openai-api/local/{NAME}", base_url=url, api_key="none", memoize=False)
    task = inspect_ai.Task(dataset=[Sample(id=n, input=q.prompt) for n, q in enumerate(asked)], solver=led())
    with tempfile.TemporaryDirectory() as folder:
        (log,) = inspect_ai.eval(
            task, model=model, display="none", log_dir=folder, max_samples=AT_ONCE, max_connections=AT_ONCE
        )
    assert log.status == "success", log.error
    return count


SIDES = {"ours": ours, "barrier": barrier, "pool": pool, "inspect": inspect}
