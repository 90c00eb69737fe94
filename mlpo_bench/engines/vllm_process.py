"""vLLM's processes: who uses them, their environment, their log, and who hears a terminal's Ctrl-C."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import gc
import itertools
import json
import logging
import os
import re
import secrets
import signal
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any

from mlpo_bench.engines.cache import cache_dir


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlpo_bench.engines.orphans import Watchdog
    from mlpo_bench.engines.turns import Turns

FEW_CORES = 4
# How often a thread without work looks for some before it lets its core go (GNU OpenMP). By itself it is 300,000 times,
# some milliseconds, for which another model's engine on these cores waits: `python -m benchmarks.two_engines`.
SPINS = "10000"
# How much of a log is read from its end, in bytes, and how much of that is told, in lines and characters.
_TAIL, _LINES, _LONGEST = 65_536, 2, 400
_ERROR = re.compile(r"(?:^|[\s)])((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt): \S.*|Killed\b.*)")
# Containers that share a cache have processes of one number, and earlier ones had it: their logs are not this one's.
_STARTED = secrets.token_hex(4)
_INVARIANT_ANYWAY = os.environ.get("VLLM_BATCH_INVARIANT", "0")


def log_file() -> Path:
    """Return where this process's vLLM engines write what they have to say; it stays where one of them died."""
    return cache_dir() / "logs" / f"vllm-{os.getpid()}-{_STARTED}.log"


def last_words(log: Path) -> str:
    """Return in a sentence what a log ends with: the last error that it tells, else its last lines."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    except OSError:
        lines = []
    if not lines:
        return f"Its log ({log}) says nothing, as where the system ended it for want of memory."
    errors = [found[1] for line in lines if (found := _ERROR.search(line)) and "EngineDeadError" not in line]
    told = errors[-1] if errors else " / ".join(lines[-_LINES:])
    return f"Its log ({log}) ends: {told[:_LONGEST].rstrip('.')}."


def import_vllm(*, deterministic: bool = False) -> None:
    """Import vLLM, with its settings in place and its messages in a file."""
    _prepare_environment(deterministic=deterministic)
    # Until vLLM sets up its logging, Python would print its warnings on the terminal.
    logging.getLogger("vllm").addHandler(logging.NullHandler())
    import vllm.platforms  # noqa: F401


def _logging_config() -> Path:
    """Write a logging configuration for vLLM and its processes: into a file, away from the live display."""
    handler = {"class": "logging.FileHandler", "filename": str(log_file()), "delay": True}
    logger = {"handlers": ["file"], "level": "WARNING", "propagate": False}
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"file": handler},
        "loggers": {"vllm": logger},
    }
    path = log_file().with_suffix(".json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(config), encoding="utf-8")
    atexit.register(path.unlink, missing_ok=True)
    return path


def _prepare_environment(*, deterministic: bool) -> None:
    """Set what vLLM reads from the environment when it is imported; what a person has set stays."""
    settings = {
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_OMP_THREADS_BIND": _cores(),
        # By vLLM's own 300 s, a machine that is out of memory or busy elsewhere ends a run that would have gone on.
        "VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS": "1800",
    }
    # Said either way: a process in which one engine was to be deterministic may start another that is not.
    os.environ["VLLM_BATCH_INVARIANT"] = "1" if deterministic else _INVARIANT_ANYWAY
    if "OMP_WAIT_POLICY" not in os.environ:  # says the same in words
        settings["GOMP_SPINCOUNT"] = SPINS
    if "VLLM_LOGGING_CONFIG_PATH" not in os.environ:
        settings["VLLM_LOGGING_CONFIG_PATH"] = str(_logging_config())
    for name, value in settings.items():
        os.environ.setdefault(name, value)


def _cores() -> str:
    cores = sorted(os.sched_getaffinity(0))
    # Many cores have spare ones and sockets to respect: vLLM's own choice is made for them.
    return ",".join(map(str, cores)) if len(cores) <= FEW_CORES else "auto"


@contextlib.contextmanager
def interrupts_kept_from_children() -> Iterator[None]:
    """Start processes that a terminal's Ctrl-C does not reach, so that they finish what is under way.

    A thread's signal mask is inherited by the processes it starts, and vLLM's own handlers cannot undo it.
    """
    resource_tracker.ensure_running()  # starting it later would lift the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Served:
    """A vLLM AsyncLLM and the processes that belong to it: they end when the last engine that uses them is closed.

    Args:
        llm: the AsyncLLM.
        watchdog: kills its processes if this one dies.
        turns: whose turn it is on a device that cannot hold all its models; None where it can.
    """

    def __init__(self, llm: Any, watchdog: Watchdog, turns: Turns | None = None) -> None:  # noqa: ANN401
        self.llm, self._watchdog, self.turns = llm, watchdog, turns
        if turns is not None:
            turns.opened(self)
        self.numbers = itertools.count()
        self.died = False
        self._users = 0

    def taken(self) -> Served:
        """Count one more engine."""
        self._users += 1
        return self

    async def sleep(self) -> None:
        """Move the weights into the machine's memory, and let the cache go."""
        await self.llm.sleep(level=1)

    async def wake(self) -> None:
        """Take weights and cache back onto the device."""
        await self.llm.wake_up()

    async def released(self) -> None:
        """Count one engine less; stop the processes after the last."""
        self._users -= 1
        if self._users:
            return
        if self.turns is not None:
            self.turns.gone(self)
        llm, self.llm = self.llm, None
        await asyncio.to_thread(llm.shutdown)
        self._watchdog.close()
        if not self.died:
            log_file().unlink(missing_ok=True)
        _close_sockets(llm)
        # Its finaliser fails noisily when it runs as late as the interpreter's end.
        await asyncio.sleep(0)
        del llm
        gc.collect()


def queued(llm: Any) -> set[str]:  # noqa: ANN401 - vLLM's own class
    """Return the numbers of the requests without a token of an answer: they wait, or their prompts are being read.

    vLLM itself tells of no request whether it has begun; what its front end keeps of each does.
    """
    states = llm.output_processor.request_states.values()
    return {state.external_req_id for state in states if state.is_prefilling}


def _close_sockets(llm: Any) -> None:  # noqa: ANN401 - vLLM's own class
    """Close what vLLM's shutdown leaves to the garbage collector, which would warn of it at some later time."""
    # The first is asyncio's view of the second, whose sockets it keeps; only the second is to be ended, once.
    view, owner = getattr(llm.engine_core, "ctx", None), getattr(llm.engine_core.resources, "ctx", None)
    for context in (view, owner):
        for socket in list(getattr(context, "_sockets", None) or ()):
            socket.close(0)
    if owner is not None and not owner.closed:
        owner.destroy(linger=0)
