"""How near a leader's rounds come to the engine's own limit, and how much of their prompts a cache holds.

    python -m benchmarks.rounds --data FOLDER

Asks 64 questions of BBH through a leader with three peers and five rounds, as a run does: scheduler, dispatch, a new
store, transcripts, records, judging. Then the bare engine gets the very same prompts, shuffled and all at once, and
writes as many tokens for each as were written before: nothing waits for anything, so that is its limit. Both take
turns, and the prefix cache is emptied in between. All of it for each form of `history`: prompts written `anew`, and
conversations that are gone on with (`append`); the accuracies of both are compared, question by question.

Prints tokens written a second on both sides, their ratio, and the share of prompt tokens that came out of the cache.
Exit code 1 where a bound is missed: 0.90 of the engine's limit; half of the prompts' tokens cached under `append`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.engine_overhead import written
from mlpo_bench.dispatch import Dispatch
from mlpo_bench.engines import open_engine
from mlpo_bench.engines.vllm import VLLMEngine
from mlpo_bench.harness.suite import SuiteTasks, quiet_lm_eval
from mlpo_bench.log import RunDirectory
from mlpo_bench.log.directory import PARTS
from mlpo_bench.matrix.cells import Cell
from mlpo_bench.protocols import Leader, Setting
from mlpo_bench.runs.progress import CellProgress
from mlpo_bench.runs.scheduler import schedule
from mlpo_bench.stats import significance
from mlpo_bench.store import Store
from mlpo_bench.teams import Member, Team


if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from mlpo_bench.chat import Completion, Message, Sampling
    from mlpo_bench.engines import Engine
    from mlpo_bench.log.records import Record

    History = Literal["anew", "append"]

LEAST_SPEED, LEAST_CACHED = 0.90, 0.5
PEERS, ROUNDS = 3, 5
MEMBER = Member(engine="vllm")
HISTORIES: tuple[History, ...] = ("anew", "append")


@dataclass(frozen=True, slots=True)
class Answered:
    """A request and what was written for it."""

    messages: Sequence[Message]
    sampling: Sampling
    seed: int
    tokens: int


class Noting:
    """An engine that keeps what it was asked."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.facts = engine.facts
        self.answered: list[Answered] = []

    async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
        """Answer as the engine does."""
        made = await self._engine.complete(messages, sampling, seed)
        self.answered.append(Answered(tuple(messages), sampling, seed, made.usage.completion))
        return made

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Count as the engine does."""
        return self._engine.count_tokens(messages)

    async def close(self) -> None:
        """Leave the engine to whoever opened it."""


@dataclass(frozen=True, slots=True)
class Held:
    """All conversations of one form: what was asked, how each question went, and the seconds it took."""

    answered: list[Answered]
    records: Sequence[Record]
    seconds: float

    @property
    def speed(self) -> float:
        """Tokens written a second."""
        return sum(one.tokens for one in self.answered) / self.seconds

    @property
    def cached(self) -> float:
        """The share of the prompts' tokens that came out of the cache."""
        read, cached = sum(r.prompt_tokens for r in self.records), sum(r.cached_tokens for r in self.records)
        return cached / (read + cached)


async def held(engine: VLLMEngine, suite: SuiteTasks, history: History, tokens: int, seed: int) -> Held:
    """Hold all conversations as a run does."""
    await engine.forget()
    team = Team(leader=MEMBER, peers=(MEMBER,) * PEERS)
    cell = Cell(suite.name, Setting(team, Leader(ROUNDS, history=history), seed, {"max_tokens": tokens}), history)
    noting = Noting(engine)
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent)
        for part in PARTS:
            (folder / part).mkdir()
        with (
            Store(folder / "store.sqlite") as store,
            CellProgress(cell, len(suite.samples), RunDirectory(folder)) as progress,
        ):
            dispatch = Dispatch({MEMBER.spec: noting}, store)
            started = time.perf_counter()
            async with dispatch.at_work():
                await schedule([progress], {suite.name: suite}, dispatch, lambda *_: None)
            progress.finish()
            return Held(noting.answered, progress.records, time.perf_counter() - started)


async def replayed(engine: VLLMEngine, answered: Sequence[Answered]) -> float:
    """Return tokens written a second where the engine gets all requests at once, each to be as long as it was."""
    await engine.forget()
    shuffled = random.Random(0).sample(list(answered), len(answered))  # noqa: S311 - not a secret

    async def one(number: int, asked: Answered) -> int:
        params = engine.sampling_params(replace(asked.sampling, max_tokens=asked.tokens, stop=()), asked.seed)
        params.ignore_eos, params.stop = True, []
        return await written(engine, asked.messages, params, f"replayed-{number}")

    started = time.perf_counter()
    counts = await asyncio.gather(*(one(number, asked) for number, asked in enumerate(shuffled)))
    return sum(counts) / (time.perf_counter() - started)


async def measure(suite: SuiteTasks, tokens: int, repetitions: int) -> bool:
    """Print each form of history, both ways by turns; return whether both bounds are kept."""
    engine = await open_engine(MEMBER.spec)
    assert isinstance(engine, VLLMEngine)
    ratios: dict[History, list[float]] = {history: [] for history in HISTORIES}
    first: dict[History, Held] = {}
    try:
        for repetition in range(repetitions):
            for history in HISTORIES:
                ours = await held(engine, suite, history, tokens, repetition)
                limit = await replayed(engine, ours.answered)
                first.setdefault(history, ours)
                ratios[history].append(ours.speed / limit)
                print(
                    f"{history:6}  ours {ours.speed:5.0f} tokens/s, replayed {limit:5.0f}: {ratios[history][-1]:.2f}; "
                    f"{ours.cached:.0%} of prompts cached; {len(ours.answered):,} calls",
                    flush=True,
                )
    finally:
        await engine.close()
    worst = min(statistics.median(of_history) for of_history in ratios.values())
    print(f"the lower median {worst:.2f} (at least {LEAST_SPEED} wanted)")
    _tell_accuracies(first)
    return worst >= LEAST_SPEED and first["append"].cached >= LEAST_CACHED


def _tell_accuracies(first: dict[History, Held]) -> None:
    right = {history: [float(bool(record.right)) for record in done.records] for history, done in first.items()}
    told = ", ".join(f"{history} {statistics.fmean(scores):.3f}" for history, scores in right.items())
    p = significance.mcnemar(right["anew"], right["append"])
    print(f"accuracy of {len(right['anew'])} questions: {told}; McNemar's exact p {p:.2f}")


def main() -> int:
    """Measure and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--questions", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=64, help="of an answer at most")
    parser.add_argument("--repetitions", type=int, default=1)
    options = parser.parse_args()
    if options.data:
        os.environ["MLPO_BENCH_DATA"] = str(options.data.resolve())
    with quiet_lm_eval():
        suite = SuiteTasks("bbh", limit=options.questions)
    return int(not asyncio.run(measure(suite, options.tokens, options.repetitions)))


if __name__ == "__main__":
    sys.exit(main())
