"""How fast two vLLM engines are that share this machine's processor, with our settings and with OpenMP's own.

    python benchmarks/two_engines.py --requests 32 --max-tokens 48 --repetitions 3

By turns, two engines (the embedded model in both of its precisions) answer prompts side by side, once as a run starts
them and once with the spinning that OpenMP has by itself: a thread without work then holds its core for milliseconds,
on which the other engine waits. Prints tokens per second of both together, and the median ratio. Exit code 1 where a
run's settings are the slower ones.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.engine_overhead import Chats, bare, chats_of
from mlpo_bench.chat import Sampling
from mlpo_bench.engines import close_engines, open_engines
from mlpo_bench.engines.spec import ModelSpec
from mlpo_bench.engines.vllm import VLLMEngine


# What GNU's OpenMP does by itself (libgomp's manual, "GOMP_SPINCOUNT").
OPENMP_DEFAULT = {"GOMP_SPINCOUNT": "300000"}
MODELS = (ModelSpec(engine="vllm"), ModelSpec(engine="vllm", dtype="float32"))


async def together(repetition: int, requests: int, max_tokens: int) -> float:
    """Return tokens per second of both engines, from the first question to the last answer."""
    opened = await open_engines(MODELS)
    engines = [engine for engine in opened.values() if isinstance(engine, VLLMEngine)]
    sampling = Sampling(max_tokens=max_tokens)

    async def tokens_of(engine: VLLMEngine, chats: Chats) -> float:
        begun = time.perf_counter()
        return await bare(engine, chats, sampling) * (time.perf_counter() - begun)

    try:
        await asyncio.gather(*(bare(engine, chats_of(-1, 8), sampling) for engine in engines))
        started = time.perf_counter()
        written = await asyncio.gather(
            *(tokens_of(engine, chats_of(2 * repetition + n, requests)) for n, engine in enumerate(engines))
        )
        return sum(written) / (time.perf_counter() - started)
    finally:
        await close_engines(opened)


def in_a_process(environment: dict[str, str], *words: str) -> float:
    """Return what this script measures in a process of its own, for OpenMP reads its settings once."""
    command = [sys.executable, "-m", "benchmarks.two_engines", *words]
    done = subprocess.run(
        command,
        check=True,
        text=True,
        stdout=subprocess.PIPE,
        env=os.environ | environment,
        cwd=Path(__file__).parents[1],
    )
    return float(done.stdout.split()[-1])


def compare(requests: int, max_tokens: int, repetitions: int) -> float:
    """Print each repetition and return the median ratio of a run's settings to OpenMP's own."""
    ratios = []
    for repetition in range(repetitions):
        words = [f"--requests={requests}", f"--max-tokens={max_tokens}", f"--turn={repetition}"]
        speed = {}
        for side in ("own", "ours") if repetition % 2 == 0 else ("ours", "own"):
            speed[side] = in_a_process(OPENMP_DEFAULT if side == "own" else {}, *words)
        ratios.append(speed["ours"] / speed["own"])
        print(f"OpenMP's own {speed['own']:7.0f} tokens/s   ours {speed['ours']:7.0f} tokens/s   {ratios[-1]:.3f}")
    return statistics.median(ratios)


def main() -> int:
    """Measure and judge."""
    parser = argparse.ArgumentParser(description="How fast two vLLM engines are that share a processor.")
    parser.add_argument("--requests", type=int, default=32)
    parser.add_argument("--max-tokens", type=int, default=48)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--turn", type=int, help=argparse.SUPPRESS)  # one turn, in a process of its own
    options = parser.parse_args()
    if options.turn is not None:
        print(asyncio.run(together(options.turn, options.requests, options.max_tokens)))
        return 0
    ratio = compare(options.requests, options.max_tokens, options.repetitions)
    print(f"median ratio {ratio:.3f} (more than 1 wanted)")
    return 0 if ratio > 1 else 1


if __name__ == "__main__":
    sys.exit(main())
