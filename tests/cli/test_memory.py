"""A limit on a process's memory is told in a sentence: below it libraries hang, or end in pieces."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mlpo_bench.cli._memory import short_of_memory


Cli = Any


def limited(kibibytes: int, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlpo_bench", *map(str, words)]
    return subprocess.run(
        ["sh", "-c", f'ulimit -v {kibibytes} && exec "$@"', "sh", *command],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("kibibytes", [250_000, 1_000_000])
def test_too_low_a_limit_is_refused(kibibytes: int) -> None:
    said = limited(kibibytes, "protocols")
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith(
        f"mlpo-bench: this process may have {kibibytes >> 10} MiB of address space (ulimit -v)"
    )
    assert said.stderr.count("\n") == 1


@pytest.mark.skipif((os.cpu_count() or 1) > 4, reason="libraries reserve more on a machine of more processors")
def test_a_run_fits_the_limit_that_is_asked_for(made_up: Path, team_file: Path) -> None:
    words = ("run", "--suite", "bbh", "--data", made_up, "--limit", "2", "--protocol", "solo", "--team", team_file)
    said = limited(1_400 << 10, *words, "--store", "store.sqlite", "-q")
    assert said.returncode == 0, said.stderr


def test_what_libraries_say_of_memory_is_a_sentence() -> None:
    told = "the memory does not suffice. What was answered is kept; the same command goes on."
    for fault in (MemoryError(), RuntimeError("can't start new thread"), ImportError("x.so: failed to map segment")):
        assert short_of_memory(fault) == told
    assert short_of_memory(RuntimeError("something else")) is None
