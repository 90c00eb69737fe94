"""Whether solo through mlpo-bench and plain lm-eval give the same questions the same score.

    python benchmarks/parity.py --data FOLDER

Asks SmolLM2-135M greedily, in float32, through `mlpo-bench run` with engine hf and through lm-eval's own `hf` model:
100 questions of MMLU, 100 of BBH, 50 of MATH-500, the same ones, the same tasks. Prints the share of equal scores and
lists every question that was scored differently. Exit code 1 below 99 %.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval import simple_evaluate
from lm_eval.tasks import TaskManager

from mlpo_bench.engines.models import resolve
from mlpo_bench.harness._files import tasks_folder
from mlpo_bench.harness.suite import SuiteTasks, quiet_lm_eval
from mlpo_bench.log import RunDirectory
from mlpo_bench.log.records import read_records
from mlpo_bench.matrix.config import TEAM, RunConfig
from mlpo_bench.matrix.sweeps import Sweep
from mlpo_bench.runs.runner import run_cells
from mlpo_bench.store import default_path
from mlpo_bench.teams import Member, Team


if TYPE_CHECKING:
    from mlpo_bench.matrix.cells import Cell

ASKED = {"mmlu": 100, "bbh": 100, "math": 50}
LEAST_EQUAL = 0.99
MEMBER = Member(engine="hf", dtype="float32")


class Told:
    """Says on standard error what happens."""

    def say(self, text: str) -> None:
        """Take a sentence."""
        sys.stderr.write(f"{text}\n")

    def begin(self, cells: object, questions: object, tally: object) -> None:
        """Take the cells."""

    def conversed(self, cell: Cell, record: object) -> None:
        """Take a record."""

    def scored(self, result: object) -> None:
        """Take a cell's figures."""


def ours(suite: str, limit: int, tokens: int, data: Path | None) -> dict[str, tuple[bool, str]]:
    """Return the score and the text of each question through mlpo-bench."""
    config = RunConfig(
        suites=(suite,),
        limit=limit,
        data=str(data) if data else None,
        protocols=(Sweep.of("solo"),),
        generation={"temperature": 0.0, "max_gen_toks": tokens},
        teams={TEAM: Team(leader=MEMBER, peers=())},
    )
    with tempfile.TemporaryDirectory() as parent:
        folder = RunDirectory.for_run(config, Path(parent), "parity")
        asyncio.run(run_cells(folder, default_path(), Told()))
        records = read_records(folder.records_path(f"{suite}.solo"))
    return {r.question: (bool(r.right), r.answer or "") for r in records}


def theirs(suite: str, limit: int, tokens: int, data: Path | None) -> dict[str, tuple[bool, str]]:
    """Return the score and the answer of each question through plain lm-eval."""
    with quiet_lm_eval():
        asked = SuiteTasks(suite, limit=limit, data=data).samples
        chosen: dict[str, list[int]] = {}
        for one in asked:
            chosen.setdefault(one.task, []).append(one.place)
        done: dict[str, Any] = simple_evaluate(
            model="hf",
            model_args={"pretrained": str(resolve(MEMBER.spec).folder), "dtype": "float32"},
            tasks=list(chosen),
            samples=chosen,
            task_manager=TaskManager(
                include_path=str(tasks_folder()),
                include_defaults=False,
                metadata={"data": None if data is None else str(data)},
            ),
            apply_chat_template=True,
            gen_kwargs=f"max_gen_toks={tokens}",
            batch_size=16,
            device="cpu",
            bootstrap_iters=0,
        )
    return {
        sample["doc"]["id"]: (bool(sample["acc"]), sample["filtered_resps"][0])
        for of_task in done["samples"].values()
        for sample in of_task
    }


def main() -> int:
    """Print the comparison; return 1 where too many questions differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with bbh/ as published")
    parser.add_argument("--tokens", type=int, default=256, help="longest answer, on both sides")
    options = parser.parse_args()
    equal = total = 0
    for suite, limit in ASKED.items():
        mine = ours(suite, limit, options.tokens, options.data)
        other = theirs(suite, limit, options.tokens, options.data)
        assert mine.keys() == other.keys()
        differing = [name for name in mine if mine[name][0] != other[name][0]]
        equal += len(mine) - len(differing)
        total += len(mine)
        right = sum(score for score, _ in mine.values()), sum(score for score, _ in other.values())
        print(f"{suite}: {len(mine) - len(differing)} of {len(mine)} scored equally ({right[0]} and {right[1]} right)")
        for name in differing:
            print(f"  {name}: mlpo-bench {mine[name]}, lm-eval {other[name]}")
    print(f"equal scores: {equal} of {total} ({equal / total:.1%}, at least {LEAST_EQUAL:.0%})")
    return int(equal / total < LEAST_EQUAL)


if __name__ == "__main__":
    sys.exit(main())
