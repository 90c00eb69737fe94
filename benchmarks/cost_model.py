"""What an engine's time goes into, fitted to measured loads, and how far off the fit is on a load it has not seen.

    python -m benchmarks.cost_model --team team.yaml

Asks a team's leader nine loads: short, middling and long prompts, each with short, middling and long answers, all
prompts new to the cache. Fits

    seconds = a * prompt tokens read + b * tokens written

with neither below zero, and predicts each load by the fit to the eight others. Prints a and b, each load beside its
prediction, and the median error. What `mlpo-bench plan` says of tokens then tells the hours of a run on such an engine,
divided by how many of them there are.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import nnls

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.engines import open_engine
from mlpo_bench.teams import Team, read_team


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.engines.base import Engine

PROMPT_WORDS = (30, 150, 600)
ANSWER_TOKENS = (16, 64, 160)
WORDS = ("prove", "count", "find", "each", "number", "apple", "red", "blue", "if", "then", "left", "sum", "odd")


@dataclass(frozen=True, slots=True)
class Load:
    """Requests of one shape, and what they took."""

    words: int
    most: int
    read: int
    written: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Fit:
    """Seconds a token: of a prompt, and of an answer."""

    read: float
    written: float

    @classmethod
    def to(cls, loads: Sequence[Load]) -> Fit:
        """Fit loads by least squares of relative errors, so that a short load counts as much as a long one."""
        scale = np.array([1 / load.seconds for load in loads])
        tokens = np.array([[load.read, load.written] for load in loads]) * scale[:, None]
        (read, written), _ = nnls(tokens, np.ones(len(loads)))
        return cls(float(read), float(written))

    def seconds(self, load: Load) -> float:
        """Return what a load is predicted to take."""
        return self.read * load.read + self.written * load.written


async def measured(engine: Engine, words: int, most: int, requests: int, at_once: int) -> Load:
    """Ask one load."""
    source = random.Random(f"{words} {most}")  # noqa: S311 - not a secret
    texts = [" ".join(source.choices(WORDS, k=words)) for _ in range(requests)]
    free = asyncio.Semaphore(at_once)

    async def one(number: int, text: str) -> tuple[int, int]:
        async with free:
            chat = [Message("user", f"{number}. Answer step by step. {text}?")]
            usage = (await engine.complete(chat, Sampling(temperature=1.0, max_tokens=most), number)).usage
            return usage.prompt, usage.completion

    began = time.perf_counter()
    used = await asyncio.gather(*(one(number, text) for number, text in enumerate(texts)))
    seconds = time.perf_counter() - began
    return Load(words, most, sum(read for read, _ in used), sum(written for _, written in used), seconds)


async def loads_of(team: Team, requests: int, at_once: int) -> list[Load]:
    """Measure all loads on one engine, after a first one that is not counted."""
    engine = await open_engine(team.leader.spec)
    try:
        await measured(engine, PROMPT_WORDS[0], 8, min(requests, 16), at_once)
        shapes = list(itertools.product(PROMPT_WORDS, ANSWER_TOKENS))
        random.Random(0).shuffle(shapes)  # noqa: S311 - not a secret
        return sorted(
            [await measured(engine, words, most, requests, at_once) for words, most in shapes],
            key=lambda load: (load.words, load.most),
        )
    finally:
        await engine.close()


def main() -> int:
    """Measure, fit, and say how far off it is."""
    parser = argparse.ArgumentParser(description="Fit what an engine's time goes into.")
    parser.add_argument("--team", type=Path, help="a team file; its leader is measured (the embedded model)")
    parser.add_argument("--requests", type=int, default=48, help="requests of each load")
    parser.add_argument("--at-once", type=int, default=64, help="requests in flight")
    options = parser.parse_args()
    team = read_team(options.team) if options.team else Team()
    loads = asyncio.run(loads_of(team, options.requests, options.at_once))
    errors = []
    print("prompt words  answer at most  tokens read  written  seconds  predicted  error")
    for load in loads:
        predicted = Fit.to([other for other in loads if other is not load]).seconds(load)
        errors.append(abs(predicted / load.seconds - 1))
        print(
            f"{load.words:12} {load.most:15} {load.read:12,} {load.written:8,} {load.seconds:8.1f} {predicted:10.1f}"
            f" {predicted / load.seconds - 1:+6.0%}"
        )
    fit = Fit.to(loads)
    print(f"a = {fit.read * 1e3:.3f} ms a prompt token, b = {fit.written * 1e3:.3f} ms a written token")
    print(f"error of a load that the fit has not seen: median {statistics.median(errors):.0%}, most {max(errors):.0%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
