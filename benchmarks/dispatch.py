"""How many turns a second the harness itself can hold, with an engine that costs nothing.

    python benchmarks/dispatch.py

Each measurement is a process of its own on one core: scripted questions through a leader with 3 peers and 5 rounds (20
turns a question), with prompts rendered, answers read, completions stored, transcripts and records written. Prints
turns a second, the greatest memory, and how the time grows when the questions are doubled (alternating runs, medians).
Exit code 1 where a bound is missed: 2,000 turns a second, 1.5 GB, 2.2 times.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.chat import Message, Sampling
    from mlpo_bench.harness.samples import Sample

PEERS, ROUNDS = 3, 5
TURNS_A_QUESTION = (PEERS + 1) * ROUNDS
LEAST_TURNS_A_SECOND, MOST_GB, MOST_GROWTH = 2_000, 1.5, 2.2


def answer(messages: Sequence[Message], sampling: Sampling, seed: int) -> str:  # noqa: ARG001
    """Write an attempt of some 60 words that depends on the seed, with an answer to read."""
    return (
        f"Step by step, as seed {seed} would have it: "
        + "this follows from that, and " * 10
        + (f"so the answer is ({'ABCD'[seed % 4]}).")
    )


@dataclass(frozen=True)
class Suite:
    """Questions without lm-eval: what is measured here is everything else."""

    samples: tuple[object, ...]

    def judge(self, sample: object, text: str, *, cut_off: bool = False) -> object:  # noqa: ARG002
        """Judge as a suite does."""
        from mlpo_bench import answers
        from mlpo_bench.harness.verdicts import Verdict

        read = answers.read("option", text)
        return Verdict(read, self.right(sample, read))

    def right(self, sample: object, answer: str | None) -> bool:  # noqa: ARG002
        """Judge an answer as a suite does."""
        from mlpo_bench import answers

        return answer is not None and answers.judge("option", answer, "(B)")


def made_up(n: int) -> Sample:
    """Return a question with its request."""
    from lm_eval.api.instance import Instance

    from mlpo_bench.chat import Sampling
    from mlpo_bench.harness.samples import Sample
    from mlpo_bench.questions import Item, Question

    item = Item("bbh", "made-up", f"bbh/made-up/{n}", f"Question {n}: which of A, B, C and D? " * 8, "(B)", "option")
    question = Question(item.suite, item.subject, item.id, item.text, item.answer_format)
    request = Instance("generate_until", {}, ("", {}), 0, metadata=("made-up", n, 1))
    return Sample(question, Sampling(), item, n, request)


def hold(questions: int, folder: Path) -> float:
    """Hold all conversations; return the seconds that took."""
    from mlpo_bench.dispatch import Dispatch
    from mlpo_bench.engines.scripted import ScriptedEngine
    from mlpo_bench.log import RunDirectory
    from mlpo_bench.log.directory import PARTS
    from mlpo_bench.log.records import write_records
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.protocols import Leader, Setting
    from mlpo_bench.runs.progress import CellProgress
    from mlpo_bench.runs.scheduler import schedule
    from mlpo_bench.store import Store
    from mlpo_bench.teams import Member, Team

    member = Member(model="scripted")
    team = Team(leader=member, peers=(member,) * PEERS)
    cell = Cell("bbh", Setting(team, Leader(ROUNDS)), "leader")
    asked = tuple(made_up(n) for n in range(questions))

    for part in PARTS:
        (folder / part).mkdir()
    run = RunDirectory(folder)

    async def main() -> None:
        with Store(folder / "store.sqlite") as store, CellProgress(cell, len(asked), run) as progress:
            dispatch = Dispatch({member.spec: ScriptedEngine(answer)}, store)
            suites = {"bbh": Suite(asked)}
            async with dispatch.at_work():
                await schedule([progress], suites, dispatch, lambda *_: None)  # type: ignore[arg-type]
            progress.finish()
            write_records(run.records_path(cell.id), progress.records)
            assert dispatch.tally.asked == questions * TURNS_A_QUESTION

    start = time.perf_counter()
    asyncio.run(main())
    return time.perf_counter() - start


def measure(questions: int) -> dict[str, float]:
    """Measure in a new process on one core."""
    command = [sys.executable, __file__, "--only", str(questions)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def only(questions: int) -> None:
    """Be the measured process."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        seconds = hold(questions, Path(folder))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "gb": peak / 1e9}))


def main() -> int:
    """Print what was measured; return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        only(options.only)
        return 0
    once, twice = [], []
    for _ in range(options.repeats):
        once.append(measure(options.questions))
        twice.append(measure(2 * options.questions))
    rate = options.questions * TURNS_A_QUESTION / statistics.median(m["seconds"] for m in once)
    memory = max(m["gb"] for m in once)
    growth = statistics.median(b["seconds"] / a["seconds"] for a, b in zip(once, twice, strict=True))
    print(f"{options.questions:,} questions, {options.questions * TURNS_A_QUESTION:,} turns, medians of {len(once)}:")
    print(f"  {rate:,.0f} turns a second on one core (at least {LEAST_TURNS_A_SECOND:,})")
    print(f"  {memory:.2f} GB at most (at most {MOST_GB})")
    print(f"  twice the questions take {growth:.2f} times as long (at most {MOST_GROWTH})")
    return int(rate < LEAST_TURNS_A_SECOND or memory > MOST_GB or growth > MOST_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
