"""What a solo run costs on top of a bare vLLM loop.

    python benchmarks/engine_overhead.py --requests 256 --max-tokens 64 --repetitions 3

One vLLM engine with the embedded model answers the same prompts, all in flight, in two ways by turns: called directly
with tokens, and asked as a run asks it (conversation, dispatch, store, transcripts, records). Its prefix cache is
emptied before each turn, and each repetition has prompts of its own. Prints tokens per second of both, and the median
ratio. Exit code 1 where that is below 0.95.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.dispatch import Dispatch
from mlpo_bench.engines import open_engine
from mlpo_bench.engines.vllm import VLLMEngine
from mlpo_bench.harness.verdicts import Judged, TurnVerdict, Verdict
from mlpo_bench.log import RunDirectory
from mlpo_bench.log.directory import PARTS
from mlpo_bench.matrix.cells import Cell
from mlpo_bench.protocols import Setting, Solo
from mlpo_bench.questions import Question
from mlpo_bench.runs.progress import CellProgress
from mlpo_bench.store import Store, derived_seed, request_key
from mlpo_bench.teams import Member, Team


if TYPE_CHECKING:
    from collections.abc import Sequence

    from vllm import SamplingParams

LEAST_RATIO = 0.95
WORDS = ("prove", "count", "find", "each", "number", "apple", "red", "blue", "if", "then", "left", "sum", "odd")

Chats = list[list[Message]]


def chats_of(repetition: int, requests: int) -> Chats:
    """Return short made-up questions, different in each repetition."""
    source = random.Random(repetition)  # noqa: S311 - not a secret
    texts = [" ".join(source.choices(WORDS, k=source.randint(20, 80))) for _ in range(requests)]
    return [[Message("user", f"Answer step by step. {text}?")] for text in texts]


async def written(engine: VLLMEngine, chat: Sequence[Message], params: SamplingParams, number: str) -> int:
    """Return how many tokens AsyncLLM itself writes for a chat, asked with nothing in between."""
    from vllm.inputs import tokens_input

    rendered = engine.tokenizer.apply_chat_template(
        [{"role": m.role, "content": m.content} for m in chat], add_generation_prompt=True, tokenize=False
    )
    ids = engine.tokenizer.encode(rendered, add_special_tokens=False)
    count = 0
    async for output in engine.llm.generate(tokens_input(ids), params, number):
        count = len(output.outputs[0].token_ids)
    return count


async def bare(engine: VLLMEngine, chats: Chats, sampling: Sampling) -> float:
    """Return tokens per second of a plain loop over AsyncLLM."""

    async def one(number: int, chat: list[Message]) -> int:
        # The same seeds as on the other side, so that both sides write the same amount.
        seed = derived_seed(request_key(engine.facts.fingerprint, chat, sampling, 0, 0))
        return await written(engine, chat, engine.sampling_params(sampling, seed), f"bare-{number}")

    started = time.perf_counter()
    counts = await asyncio.gather(*(one(n, chat) for n, chat in enumerate(chats)))
    return sum(counts) / (time.perf_counter() - started)


async def ours(engine: VLLMEngine, chats: Chats, sampling: Sampling) -> float:
    """Return tokens per second of solo as a run holds it: conversations, a new store, transcripts, records."""
    member = Member()
    cell = Cell("bbh", Setting(Team(leader=member, peers=()), Solo()), "solo")
    questions = [Question("bbh", "made-up", f"bbh/made-up/{n}", c[0].content, "option") for n, c in enumerate(chats)]
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent)
        for part in PARTS:
            (folder / part).mkdir()
        with (
            Store(folder / "store.sqlite") as store,
            CellProgress(cell, len(questions), RunDirectory(folder)) as progress,
        ):
            dispatch = Dispatch({member.spec: engine}, store)

            async def one(place: int, question: Question) -> None:
                done = await cell.setting.converse(question, dispatch, sampling)
                answer = done.turns[0].answer
                progress.put(place, Judged(done, Verdict(answer, right=False), (TurnVerdict(answer, right=False),)))

            started = time.perf_counter()
            async with dispatch.at_work():
                await asyncio.gather(*(one(n, question) for n, question in enumerate(questions)))
            progress.finish()
            return sum(r.completion_tokens for r in progress.records) / (time.perf_counter() - started)


async def compare(requests: int, max_tokens: int, repetitions: int) -> float:
    """Print each repetition and return the median ratio of ours to bare."""
    engine = await open_engine(Member(engine="vllm").spec)
    assert isinstance(engine, VLLMEngine)
    sampling = Sampling(max_tokens=max_tokens)
    ratios = []
    try:
        await bare(engine, chats_of(-1, min(32, requests)), sampling)
        for repetition in range(repetitions):
            chats = chats_of(repetition, requests)
            speed = {}
            # Whoever goes first takes turns too, so that what else the machine does falls on both.
            for side in (bare, ours) if repetition % 2 == 0 else (ours, bare):
                await engine.llm.reset_prefix_cache()
                speed[side] = await side(engine, chats, sampling)
            ratios.append(speed[ours] / speed[bare])
            print(f"bare {speed[bare]:7.0f} tokens/s   ours {speed[ours]:7.0f} tokens/s   {ratios[-1]:.3f}")
    finally:
        await engine.close()
    return statistics.median(ratios)


def main() -> int:
    """Measure and judge."""
    parser = argparse.ArgumentParser(description="What a solo run costs on top of a bare vLLM loop.")
    parser.add_argument("--requests", type=int, default=256)
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    ratio = asyncio.run(compare(options.requests, options.max_tokens, options.repetitions))
    print(f"median ratio {ratio:.3f} (at least {LEAST_RATIO} wanted)")
    return 0 if ratio >= LEAST_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
