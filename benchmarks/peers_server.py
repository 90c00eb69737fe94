"""A vLLM server with the embedded model, or an imitation, for as long as a measurement lasts. See `peers.py`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import IO, TYPE_CHECKING

import httpx
import psutil  # type: ignore[import-untyped]

from mlpo_bench.engines.models import resolve
from mlpo_bench.teams import ModelSpec


if TYPE_CHECKING:
    from typing import Self

NAME = "smollm2"
UP_WITHIN_S = 600.0
# Prompts are read whole: on CPUs vLLM 0.32 dies of a part of one whose request has a seed.
SETTINGS = (
    "--max-model-len", "2048", "--no-enable-chunked-prefill", "--max-num-batched-tokens", "8192", "--enforce-eager",
    "--block-size", "32", "--enable-prompt-tokens-details",
)  # fmt: skip


class Server:
    """Starts a server on a free port, and ends it with all its processes.

    Args:
        imitated: whether it is `imitated_vllm.py`.
    """

    def __init__(self, *, imitated: bool = False) -> None:
        self._imitated = imitated
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._root = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.url = f"{self._root}/v1"
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the server

    def forget(self) -> None:
        """Empty its prefix cache: no side is to profit from the one before."""
        httpx.post(f"{self._root}/reset_prefix_cache", timeout=60).raise_for_status()

    @property
    def steps(self) -> int | None:
        """How many steps it has made since it forgot; None where it does not tell."""
        return int(httpx.get(f"{self._root}/steps", timeout=60).json()) if self._imitated else None

    @property
    def processor(self) -> float:
        """Seconds of the processor's that its processes have taken."""
        assert self._process is not None
        parent = psutil.Process(self._process.pid)
        times = [process.cpu_times() for process in (parent, *parent.children(recursive=True))]
        return float(sum(one.user + one.system for one in times))

    def __enter__(self) -> Self:
        command = self._command(self._root.rpartition(":")[2])
        cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        settings = {"VLLM_CPU_OMP_THREADS_BIND": cores, "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_SERVER_DEV_MODE": "1"}
        self._process = subprocess.Popen(
            command, env=os.environ | settings, start_new_session=True, stdout=self._log, stderr=self._log
        )
        until = time.monotonic() + UP_WITHIN_S
        while self._process.poll() is None and time.monotonic() < until:
            try:
                if httpx.get(f"{self._root}/health", timeout=5).is_success:
                    return self
            except httpx.HTTPError:
                time.sleep(1)
        self.__exit__()
        raise RuntimeError("the server did not come up")

    def _command(self, port: str) -> list[str]:
        if self._imitated:
            return [sys.executable, "-m", "benchmarks.imitated_vllm", NAME, port]
        command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model"]
        command += [str(resolve(ModelSpec()).folder), "--served-model-name", NAME, *SETTINGS]
        return [*command, "--host", "127.0.0.1", "--port", port]

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()
