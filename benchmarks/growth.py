"""How time, store and memory of a run grow with its questions, and how soon a large store answers.

    python -m benchmarks.growth                              # 1,000 and 10,000 questions, and a store of 1,000,000
    python -m benchmarks.growth --questions 1000 10000 100000 --completions 0

Each measurement is a whole `mlpo-bench run` in a process of its own: scripted questions from a file, a leader with
three peers and one round (four answers a question), lm-eval's scoring, every file written. What is not of the questions
(the interpreter, its libraries) is measured by a run of ten. Prints seconds of the processor, bytes of the store and
the greatest memory for each size, and how they grow. Exit code 1 where a bound is missed: time and store linear within
a fifth, memory at most 1.2 times for ten times the questions, 1 ms for the median answer of the store.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench.chat import Completion, Usage
from mlpo_bench.store import Maker, Store


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FEW = 10
LINEAR, MOST_MEMORY, MOST_MS = 1.2, 1.2, 1.0
ASKED = 20_000
"""How many answers of a large store are timed."""
SCRIPT = """
- when: "Attempt 1"
  say: [<think>It holds.</think><answer>12</answer>, <think>It does not.</think><answer>13</answer>]
- say: ["Step by step: this follows from that, and so on and so forth. The answer is 12.", "It must be 13."]
"""
TEAM = """
leader: {model: script.yaml, engine: scripted}
peers: [{model: script.yaml, engine: scripted}]
"""


@dataclass(frozen=True)
class Run:
    """What a run of so many questions took: seconds of the processor and of the clock, bytes."""

    questions: int
    processor: float
    wall: float
    store: int
    memory: int


def run(questions: int) -> Run:
    """Carry out a run in a process of its own."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent)
        (folder / "script.yaml").write_text(SCRIPT, encoding="utf-8")
        (folder / "team.yaml").write_text(TEAM, encoding="utf-8")
        with (folder / "asked.jsonl").open("w", encoding="utf-8") as file:
            for n in range(questions):
                file.write(json.dumps({"id": str(n), "question": f"Question {n}: {'so much ' * 20}?", "answer": "12"}))
                file.write("\n")
        words = ["run", "--suite", "asked.jsonl", "--format", "number", "--split", "all", "--team", "team.yaml"]
        words += ["--protocol", "leader", "--rounds", "1", "--store", "store.sqlite", "--name", "grown", "--quiet"]
        return _measured(questions, words, folder)


def _measured(questions: int, words: Sequence[str], folder: Path) -> Run:
    """Return what a command took, from what the system noted of its process."""
    started = time.perf_counter()
    with (
        (folder / "out").open("wb") as out,
        subprocess.Popen([sys.executable, "-m", "mlpo_bench", *words], cwd=folder, stdout=out) as process,
    ):
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the run of {questions:,} questions failed.")
    store = (folder / "store.sqlite").stat().st_size
    wall = time.perf_counter() - started
    return Run(questions, used.ru_utime + used.ru_stime, wall, store, used.ru_maxrss * 1024)


def answers(completions: int) -> tuple[float, float]:
    """Fill a store and open it anew; return the milliseconds of its median answer, and of one in a hundred."""
    with tempfile.TemporaryDirectory() as parent:
        path = Path(parent) / "store.sqlite"
        with Store(path) as store:
            for key, made in _made(completions):
                store.put(key, made, Maker("scripted", "scripted", "sha256:0"))
        draw = random.Random(1)  # noqa: S311 - not a secret
        with Store(path) as store:
            took = []
            for _ in range(ASKED):
                key = _key(draw.randrange(completions))
                started = time.perf_counter()
                found = store.get(key)
                took.append(1e3 * (time.perf_counter() - started))
                assert found is not None
        print(f"  {path.stat().st_size / 2**20:,.0f} MiB")
    return statistics.median(took), sorted(took)[-len(took) // 100]


def _made(completions: int) -> Iterator[tuple[bytes, Completion]]:
    for n in range(completions):
        text = f"Attempt {n}: " + "this follows from that, and " * (n % 40)
        yield _key(n), Completion(text, Usage(200, 100, 150), "stop", 0.25, asked_at=1.8e9)


def _key(n: int) -> bytes:
    return random.Random(n).randbytes(32)  # noqa: S311 - not a secret


def grown(sizes: Sequence[int]) -> bool:
    """Print what runs of growing sizes take; return whether all is linear."""
    few, kept = run(FEW), True
    print(f"{'questions':>10} {'processor, s':>13} {'store, MiB':>11} {'memory, MiB':>12}")
    before: Run | None = None
    for one in (few, *map(run, sizes)):
        print(
            f"{one.questions:>10,} {one.processor:>13.1f} {one.store / 2**20:>11.2f} {one.memory / 2**20:>12.0f}",
            flush=True,
        )
        if before is not None:
            kept &= _linear(before, one, few)
        before = one if one is not few else None
    return kept


def _linear(before: Run, after: Run, few: Run) -> bool:
    """Print how the larger of two runs relates to the smaller, without what a run of next to nothing takes."""
    times = after.questions / before.questions
    tenfold = math.log10(times)
    seconds = (after.processor - few.processor) / (before.processor - few.processor) / times
    store = after.store / before.store / times
    memory = (after.memory / before.memory) ** (1 / tenfold)
    print(
        f"  {times:g} times the questions: {seconds:.2f} of linear time, {store:.2f} of linear store (at most {LINEAR})"
    )
    print(f"  memory {memory:.2f} times per tenfold (at most {MOST_MEMORY})", flush=True)
    return seconds <= LINEAR and store <= LINEAR and memory <= MOST_MEMORY


def main() -> int:
    """Print what was measured; return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, nargs="*", default=[1_000, 10_000], help="sizes of runs, growing")
    parser.add_argument("--completions", type=int, default=1_000_000, help="of a large store; 0 for none")
    options = parser.parse_args()
    kept = grown(options.questions) if options.questions else True
    if options.completions:
        median, late = answers(options.completions)
        print(
            f"a store of {options.completions:,} answers in {median:.3f} ms (median; at most {MOST_MS:g}), one in a "
            f"hundred in {late:.3f} ms or more"
        )
        kept &= median <= MOST_MS
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
