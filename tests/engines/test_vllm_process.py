"""What a vLLM process is started with, and what is told of one that died."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.engines import vllm_process
from mlpo_bench.engines.base import ModelFacts
from mlpo_bench.engines.vllm_process import Served, last_words
from mlpo_bench.errors import EngineError


if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LOG = """\
WARNING 11-26 09:00:01 [cpu.py:12] something else
(EngineCore pid=7) ERROR 11-26 09:00:02 [core.py:900] EngineCore encountered a fatal error.
(EngineCore pid=7) ERROR 11-26 09:00:02 [core.py:900] Traceback (most recent call last):
(EngineCore pid=7) ERROR 11-26 09:00:02 [core.py:900]     out = kernel(query)
(EngineCore pid=7) ERROR 11-26 09:00:02 [core.py:900] RuntimeError: unsupported head dimension 8.
Traceback (most recent call last):
vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above).
"""


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (LOG, "ends: RuntimeError: unsupported head dimension 8."),
        ("one\ntwo\n\nthree\n", "ends: two / three."),
        (
            "torch.OutOfMemoryError: CUDA out of memory. Tried",
            "ends: torch.OutOfMemoryError: CUDA out of memory. Tried.",
        ),
        ("", "says nothing, as where the system ended it for want of memory."),
        (None, "says nothing"),
    ],
)
def test_the_end_of_its_log_is_told(content: str | None, told: str, tmp_path: Path) -> None:
    log = tmp_path / "vllm.log"
    if content is not None:
        log.write_text(content, encoding="utf-8")
    assert told in last_words(log)
    assert str(log) in last_words(log)


def test_a_death_is_told_with_its_reason_and_its_log_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("vllm")
    from vllm.v1.engine.exceptions import EngineDeadError

    from mlpo_bench.engines import vllm

    class Dead:
        engine_core = type("Core", (), {"resources": None})

        async def generate(self, *_args: Any, **_more: Any) -> AsyncIterator[None]:
            for _ in "x":
                raise EngineDeadError
            yield

        def shutdown(self) -> None:
            pass

    class Watching:
        def close(self) -> None:
            pass

    class Chats:
        turn_end, marks = None, frozenset[str]()
        stops = ()

        def ids(self, _: object) -> list[int]:
            return [1]

    log = tmp_path / "vllm.log"
    log.write_text(LOG, encoding="utf-8")
    for module in (vllm, vllm_process):
        monkeypatch.setattr(module, "log_file", lambda: log)
    facts = ModelFacts("m", "vllm", "1", "float32", 64)
    engine = vllm.VLLMEngine(Served(Dead(), Watching()), Chats(), facts)  # type: ignore[arg-type]

    async def go() -> None:
        with pytest.raises(EngineError, match=r"process of m died\. Its log .* ends: RuntimeError: unsupported head"):
            await engine.complete([Message("user", "x")], Sampling(max_tokens=8), 0)
        await engine.close()

    asyncio.run(go())
    assert log.read_text() == LOG


@pytest.mark.parametrize(
    ("named", "spins"),
    [({}, vllm_process.SPINS), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, None)],
)
def test_threads_let_their_cores_go_early_where_nobody_said_otherwise(
    named: dict[str, str], spins: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {
        name: value for name, value in os.environ.items() if name not in {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"}
    }
    monkeypatch.setattr(os, "environ", environment | named)
    vllm_process._prepare_environment(deterministic=False)
    assert os.environ.get("GOMP_SPINCOUNT") == spins
