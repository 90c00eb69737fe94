"""The engine for servers, against a real vLLM server."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from mlpo_bench.chat import Completion, Message, Sampling
from mlpo_bench.engines import models, open_engine
from mlpo_bench.errors import ContextOverflow
from mlpo_bench.teams import ModelSpec


if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def vllm_server() -> Iterator[str]:
    """The base URL of a real vLLM server with the embedded model, which is killed with all its processes."""
    pytest.importorskip("vllm")
    folder = str(models.resolve(ModelSpec()).folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", folder]
    command += ["--served-model-name", "smollm2", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--max-model-len", "1024", "--no-enable-chunked-prefill", "--max-num-batched-tokens", "8192"]
    command += ["--enforce-eager", "--enable-prompt-tokens-details", "--block-size", "32"]
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    environment = {**os.environ, "VLLM_CPU_OMP_THREADS_BIND": cores, "VLLM_CPU_KVCACHE_SPACE": "1"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=environment, start_new_session=True, **quiet) as process:  # type: ignore[call-overload]
        try:
            wait_until_up(f"http://127.0.0.1:{port}/health", process)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def wait_until_up(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 400
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise AssertionError(f"the server did not come up (exit code {process.poll()})")


@pytest.mark.server
@pytest.mark.model
def test_a_real_server_answers_counts_and_refuses(vllm_server: str) -> None:
    spec = ModelSpec(model="smollm2", base_url=vllm_server)

    async def go() -> tuple[int, list[Completion], list[Completion], ContextOverflow]:
        engine = await open_engine(spec)
        try:
            chat = [Message("system", "You are brief. " * 30), Message("user", "What is the capital of France?")]
            greedy = Sampling(temperature=0, max_tokens=24)
            one = [await engine.complete(chat, greedy, 0) for _ in range(2)]
            chats = [[Message("user", f"Tell me about the number {i}.")] for i in range(96)]
            many = await asyncio.gather(*(engine.complete(c, Sampling(max_tokens=8), i) for i, c in enumerate(chats)))
            with pytest.raises(ContextOverflow) as caught:
                await engine.complete([Message("user", "word " * 2000)], greedy, 0)
            return engine.facts.context, one, many, caught.value
        finally:
            await engine.close()

    context, one, many, overflow = asyncio.run(go())
    assert context == overflow.context == 1024
    assert overflow.prompt + overflow.answer > 1024
    assert "Paris" in one[0].text
    assert one[0].text == one[1].text
    assert one[1].usage.cached >= 64
    assert one[0].usage.prompt + one[0].usage.cached == one[1].usage.prompt + one[1].usage.cached
    assert all(1 <= c.usage.completion <= 8 for c in many)
    # Answered together: the slowest took little longer than the typical one, not 96 times as long.
    seconds = sorted(c.seconds for c in many)
    assert sum(seconds) > 10 * max(seconds)
