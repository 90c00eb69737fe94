"""Whole commands that ask one model alone: ours, and lm-eval's with its own hf backend. See `peers.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpo_bench.engines.models import resolve
from mlpo_bench.harness._files import tasks_folder
from mlpo_bench.harness.suite import SuiteTasks, quiet_lm_eval
from mlpo_bench.teams import ModelSpec


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

LEAST_SOLO = 1.2
# As our engines do it: threads that spin while they wait would count as work, and cost much beside other processes.
PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE"}


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of wall time, and of the processor's in the command and all that it started."""

    wall: float
    processor: float

    def __str__(self) -> str:
        return f"{self.wall:6.1f} s wall, {self.processor:6.1f} s processor"


@dataclass(frozen=True, slots=True)
class Command:
    """A command with a name; `{folder}` in it is where its files go."""

    name: str
    words: tuple[str, ...]

    def run(self, folder: Path) -> Taken:
        """Run it with nothing kept from before.

        Raises:
            RuntimeError: it failed.
        """
        fresh = folder / f"{len(list(folder.iterdir()))}"
        fresh.mkdir()
        log = fresh / "log"
        started = time.perf_counter()
        with log.open("w") as file:
            process = subprocess.Popen(
                [word.replace("{folder}", str(fresh)) for word in self.words],
                stdout=file,
                stderr=file,
                env=os.environ | PASSIVE,
            )
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{self.name} failed:\n{log.read_text()[-2000:]}")
        return Taken(time.perf_counter() - started, used.ru_utime + used.ru_stime)


def sampled(questions: int) -> dict[str, list[int]]:
    """Return which documents of which lm-eval tasks a limit on MMLU comes to."""
    chosen: dict[str, list[int]] = defaultdict(list)
    with quiet_lm_eval():
        for sample in SuiteTasks("mmlu", limit=questions).samples:
            chosen[sample.task].append(sample.place)
    return chosen


def ours(questions: int, tokens: int) -> Command:
    """Return the command with which a person would run it here."""
    program = (sys.executable, "-m", "mlpo_bench", "run", "--suite", "mmlu", "--limit", str(questions))
    how = ("--protocol", "solo", "--engine", "hf", "--gen-kwargs", f"temperature=0,max_gen_toks={tokens}")
    where = ("--output", "{folder}", "--store", "{folder}/store.sqlite")
    return Command("ours", (*program, *how, *where))


def batch_sizes(chosen: Mapping[str, Sequence[int]], tokens: int, sizes: Sequence[int]) -> Iterator[Command]:
    """Yield lm-eval's command for each batch size."""
    model = resolve(ModelSpec()).folder
    program = (sys.executable, "-m", "lm_eval", "run", "--model", "hf", "--model_args", f"pretrained={model}")
    asked = ("--tasks", ",".join(chosen), "--samples", json.dumps(chosen), "--include_path", str(tasks_folder()))
    how = ("--apply_chat_template", "--gen_kwargs", f"max_gen_toks={tokens},temperature=0,do_sample=False")
    for size in sizes:
        yield Command(f"lm-eval at {size}", (*program, *asked, *how, "--device", "cpu", "--batch_size", str(size)))
