"""A limit on a process's memory is told in a sentence: below it libraries hang, or end in pieces."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlpo_bench.cli import _memory
from mlpo_bench.cli._memory import short_of_memory


Cli = Any


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


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
    told = "the memory does not suffice. A run keeps what was answered, and its command goes on with it."
    for fault in (MemoryError(), RuntimeError("can't start new thread"), ImportError("x.so: failed to map segment")):
        assert short_of_memory(fault) == told
    assert short_of_memory(RuntimeError("something else")) is None


@pytest.mark.parametrize(("engine", "given_back"), [("hf", False), ("openai", True), ("scripted", True)])
def test_freed_memory_goes_back_unless_a_model_computes_here(
    engine: str, given_back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    monkeypatch.setattr(_memory, "give_back_large_blocks", lambda: called.append(engine))
    opened: Any = {"spec": SimpleNamespace(facts=SimpleNamespace(engine=engine))}

    async def opening(*_: Any, **__: Any) -> Any:
        return opened

    assert asyncio.run(_memory.sparing(opening)([])) is opened
    assert called == [engine] * given_back


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_large_block_lies_by_itself_once_blocks_are_given_back() -> None:
    """By itself glibc puts a block of 4 MiB into the heap after one of 8 MiB was freed there."""
    program = (
        "import ctypes\nfrom mlpo_bench.cli._memory import give_back_large_blocks\ngive_back_large_blocks()\n"
        "libc = ctypes.CDLL(None)\nlibc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]\n"
        "libc.free.argtypes = [ctypes.c_void_p]\n"
        "libc.free(libc.malloc(8 << 20))\nat = libc.malloc(4 << 20)\n"
        "heap = next(line.split()[0] for line in open('/proc/self/maps') if '[heap]' in line)\n"
        "first, last = (int(end, 16) for end in heap.split('-'))\nprint(first <= at < last)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
