"""What a matrix saves: equal requests made once, no barrier between rounds, and scoring without loading anew.

    python benchmarks/matrix.py --data FOLDER          # the default matrix: shared against cells run apart
    python benchmarks/matrix.py --barrier --data FOLDER   # against a barrier after each round
    python benchmarks/matrix.py --scoring              # 40 cells over all of MMLU's test split, from a full store

The first two ask the embedded model through one vLLM engine, whose prefix cache is emptied before each measurement;
`FOLDER` holds `bbh/`. Each prints its ratios, and ends with exit code 1 where a bound is missed: 0.40 of the
completions; 1.2 times as fast; 4 minutes and 3 GB.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench.dispatch import Dispatch
from mlpo_bench.engines import close_engines, open_engines
from mlpo_bench.harness.suite import SuiteTasks, quiet_lm_eval
from mlpo_bench.log import RunDirectory
from mlpo_bench.log.directory import PARTS
from mlpo_bench.matrix.cells import SHIPPED, Cell, cells
from mlpo_bench.matrix.config import read_config
from mlpo_bench.protocols import Leader, Setting
from mlpo_bench.protocols.room import Room, seated
from mlpo_bench.runs.budget import matched
from mlpo_bench.runs.progress import CellProgress
from mlpo_bench.runs.scheduler import schedule
from mlpo_bench.store import Store
from mlpo_bench.teams import Member, Team


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.chat import Completion, Message, Sampling
    from mlpo_bench.engines import Engine
    from mlpo_bench.log.records import Record
    from mlpo_bench.protocols import Turn
    from mlpo_bench.teams import ModelSpec

    Answers = dict[tuple[str, str], Record]

MOST_SHARE, LEAST_SPEED, MOST_SECONDS, MOST_GB = 0.40, 1.2, 240.0, 3.0
SUITES = ("bbh", "mmlu", "math")
MEMBER = Member(engine="vllm")
WARMING_TOKENS = 8
SHORTEST = 4


class Bench:
    """Cells held in one go with an empty store and an empty prefix cache."""

    def __init__(
        self, suites: Mapping[str, SuiteTasks], engines: Mapping[ModelSpec, Engine], barrier: bool = False
    ) -> None:
        self.suites, self.engines, self.barrier = suites, engines, barrier
        self.made = 0
        self.written = 0

    async def hold(self, some: Sequence[Cell]) -> tuple[float, Answers, list[Cell]]:
        """Hold cells; return the seconds that took, their records, and the cells with the ballots they had."""
        for engine in self.engines.values():
            await engine.llm.reset_prefix_cache()  # type: ignore[attr-defined]
        with tempfile.TemporaryDirectory() as parent:
            folder = Path(parent)
            for part in PARTS:
                (folder / part).mkdir()
            with Store(folder / "store.sqlite") as store:
                dispatch = Dispatch(self.engines, store)
                started = time.perf_counter()
                async with dispatch.at_work():
                    first = await self._hold([cell for cell in some if cell.matched is None], dispatch, folder)
                    votes = [await self._matched(cell, first, dispatch) for cell in some if cell.matched]
                    answers = first | await self._hold(votes, dispatch, folder)
                seconds = time.perf_counter() - started
        self.made += dispatch.tally.made
        self.written += dispatch.tally.paid.completion
        return seconds, answers, [*(cell for cell in some if cell.matched is None), *votes]

    async def _hold(self, some: Sequence[Cell], dispatch: Dispatch, folder: Path) -> Answers:
        progress = [CellProgress(cell, len(self.suites[cell.suite].samples), RunDirectory(folder)) for cell in some]
        await schedule(progress, self.suites, dispatch, lambda *_: None)
        return {(one.cell.id, record.question): record for one in progress for record in one.records}

    async def _matched(self, vote: Cell, answers: Answers, dispatch: Dispatch) -> Cell:
        budget = sum(_tokens(record) for (cell, _), record in answers.items() if cell == vote.matched_id)
        cell, _ = await matched(vote, budget, self.suites[vote.suite], dispatch)
        return cell


async def sharing(data: Path | None, questions: int, tokens: int) -> bool:
    """Hold the default matrix together and each of its cells apart."""
    config = read_config(SHIPPED / "default.yaml").model_copy(
        update={"generation": {"max_gen_toks": tokens}, "teams": {"team": Team(leader=MEMBER, peers=(MEMBER,) * 3)}}
    )
    with quiet_lm_eval():
        suites = {name: SuiteTasks(name, limit=questions, data=data) for name in SUITES}
    engines = await open_engines([MEMBER.spec])
    try:
        together = Bench(suites, engines)
        seconds, shared, held = await together.hold(cells(config))
        print(f"{len(held)} cells, {questions} questions a suite, answers of at most {tokens} tokens")
        print(f"together: {together.made:,} completions, {together.written:,} tokens, {seconds:.0f} s", flush=True)
        apart = Bench(suites, engines)
        seconds_apart = 0.0
        answers: Answers = {}
        for number, cell in enumerate(held, start=1):
            took, of_cell, _ = await apart.hold([replace(cell, matched=None)])
            seconds_apart += took
            answers |= {(cell.id, question): record for (_, question), record in of_cell.items()}
            if number % 20 == 0:
                print(f"  {number} cells apart: {apart.made:,} completions, {seconds_apart:.0f} s", flush=True)
    finally:
        await close_engines(engines)
    print(f"apart:    {apart.made:,} completions, {apart.written:,} tokens, {seconds_apart:.0f} s")
    print(f"completions {together.made / apart.made:.3f} (at most {MOST_SHARE}), time {seconds / seconds_apart:.3f}")
    same = sum(_outcome(shared[key]) == _outcome(answers[key]) for key in shared)
    print(f"{same:,} of {len(shared):,} conversations came to the same answer, calls and tokens")
    print("(vLLM's results depend a little on what else is in a batch; tests compare deterministic runs byte for byte)")
    return together.made / apart.made <= MOST_SHARE


def _outcome(record: Record) -> tuple[object, ...]:
    return record.answer, record.right, record.calls, _tokens(record)


def _tokens(record: Record) -> int:
    return record.prompt_tokens + record.cached_tokens + record.completion_tokens


class Cut:
    """An engine whose answers end at lengths of their own, as drawn from their seeds: log-uniform up to a bound.

    Left to itself a small model writes either a line or up to any bound, and most lengths would be the bound's.
    """

    def __init__(self, engine: Engine, longest: int) -> None:
        self._engine, self._longest = engine, longest
        self.facts = engine.facts

    async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
        """Answer, with as many tokens as were drawn at most."""
        length = SHORTEST * (self._longest / SHORTEST) ** random.Random(seed).random()  # noqa: S311 - not a secret
        return await self._engine.complete(messages, replace(sampling, max_tokens=round(length)), seed)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Count as the engine does."""
        return self._engine.count_tokens(messages)

    async def close(self) -> None:
        """Leave the engine to whoever opened it."""


class Barrier:
    """Lets a round begin when all conversations have come to it, as a loop over whole batches does."""

    def __init__(self, parties: int) -> None:
        self._barrier = asyncio.Barrier(parties)

    async def wait(self) -> None:
        """Wait for all others."""
        await self._barrier.wait()


class BarredRoom(Room):
    """A room whose turns wait for those of all other questions."""

    barrier: Barrier

    async def ask_each(self, *arguments: object, **named: object) -> list[Turn]:
        """Wait for all other conversations, then ask."""
        await self.barrier.wait()
        return await super().ask_each(*arguments, **named)  # type: ignore[arg-type]


async def barrier(data: Path | None, questions: int, tokens: int, repetitions: int) -> bool:
    """Hold a leader's five rounds with and without a barrier after each step, by turns.

    Questions of MATH are short, so that most of the time goes into writing, as it does where models think at length.
    """
    with quiet_lm_eval():
        suites = {"math": SuiteTasks("math", limit=2 * questions, data=data)}
    engines = await open_engines([MEMBER.spec])
    ratios = []
    try:
        await _led(suites, engines, WARMING_TOKENS, -1, barred=False)
        for repetition in range(repetitions):
            took: dict[bool, float] = {}
            for barred in (True, False) if repetition % 2 else (False, True):
                took[barred] = await _led(suites, engines, tokens, repetition, barred=barred)
            ratios.append(took[True] / took[False])
            print(f"barriers {took[True]:.1f} s, none {took[False]:.1f} s: {ratios[-1]:.2f} times", flush=True)
    finally:
        await close_engines(engines)
    median = statistics.median(ratios)
    print(f"without barriers {median:.2f} times as fast (at least {LEAST_SPEED})")
    return median >= LEAST_SPEED


async def _led(
    suites: Mapping[str, SuiteTasks], engines: Mapping[ModelSpec, Engine], tokens: int, seed: int, *, barred: bool
) -> float:
    """Return the seconds that a leader with three peers and five rounds takes over all questions."""
    for engine in engines.values():
        await engine.llm.reset_prefix_cache()  # type: ignore[attr-defined]
    team, protocol = Team(leader=MEMBER, peers=(MEMBER,) * 3), Leader(5)
    asked = [one for suite in suites.values() for one in suite.samples]
    overrides = {"max_tokens": tokens}
    with tempfile.TemporaryDirectory() as parent, Store(Path(parent) / "store.sqlite") as store:
        dispatch = Dispatch({spec: Cut(engine, tokens) for spec, engine in engines.items()}, store)
        started = time.perf_counter()
        if barred:
            at = Barrier(len(asked))
            rooms = [BarredRoom(one.question, seated(team), dispatch, one.sampling, overrides, seed) for one in asked]
            for room in rooms:
                room.barrier = at
            await asyncio.gather(*(protocol.solve(room.question, room) for room in rooms))
        else:
            setting = Setting(team, protocol, seed, overrides)
            await asyncio.gather(*(setting.converse(one.question, dispatch, one.sampling) for one in asked))
        return time.perf_counter() - started


SCORED_MATRIX = """
suites: [mmlu]
seeds: 4
peers: 3
rounds: 1
team:
  leader: {model: script.yaml, engine: scripted}
  peers: [{model: script.yaml, engine: scripted, count: 3}]
protocols:
  - solo
  - vote: {samples: [2, 4]}
  - leader
  - mixture
  - select
  - pick
  - oracle
  - refine
  - critique: {peers: 1}
"""
SCRIPT = """
- when: You lead a group
  say: [<think>The second one holds.</think><answer>(A)</answer>, <think>Hm.</think><answer>(B)</answer>]
- say: [After some thought the answer is (A)., It follows that the answer is (C)., I cannot tell which one it is.]
"""


def scoring(data: Path | None) -> bool:
    """Fill a store with a run of 40 cells over MMLU, then time the same run anew, as a command of its own."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent)
        (folder / "matrix.yaml").write_text(SCORED_MATRIX, encoding="utf-8")
        (folder / "script.yaml").write_text(SCRIPT, encoding="utf-8")
        seconds = {}
        for name in ("filling", "scoring"):
            command = [sys.executable, "-m", "mlpo_bench", "run", "--matrix", "matrix.yaml", "--name", name]
            command += ["--store", "store.sqlite", "--quiet", "--json"] + (["--data", str(data)] if data else [])
            started = time.perf_counter()
            with (folder / f"{name}.json").open("w") as out:
                subprocess.run(command, cwd=folder, check=True, stdout=out)
            seconds[name] = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9
        found = RunDirectory(folder / "runs" / "scoring").results().cells
        turns = sum(cell.calls for cell in found)
    took = seconds["scoring"]
    print(f"{len(found)} cells of {found[0].n:,} questions, {turns:,} turns, every completion in the store:")
    print(f"  {took:.0f} s from the command to the last file (at most {MOST_SECONDS:.0f})")
    print(f"  {peak:.2f} GB (at most {MOST_GB})")
    return took <= MOST_SECONDS and peak <= MOST_GB


def main() -> int:
    """Measure and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--questions", type=int, default=8, help="a suite; twice as many with --barrier")
    parser.add_argument("--tokens", type=int, help="of an answer at most; 32, or 512 with --barrier")
    parser.add_argument("--repetitions", type=int, default=2)
    parser.add_argument("--barrier", action="store_true")
    parser.add_argument("--scoring", action="store_true")
    options = parser.parse_args()
    data = options.data.resolve() if options.data else None
    if data:  # it may hold BBH alone: the other suites are then taken from where they are
        os.environ["MLPO_BENCH_DATA"] = str(data)
    if options.scoring:
        return int(not scoring(data))
    if options.barrier:
        return int(not asyncio.run(barrier(data, options.questions, options.tokens or 512, options.repetitions)))
    return int(not asyncio.run(sharing(data, options.questions, options.tokens or 32)))


if __name__ == "__main__":
    sys.exit(main())
