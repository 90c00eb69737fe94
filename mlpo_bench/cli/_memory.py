"""What the command's process takes of memory: the least that its libraries need, and what it keeps once it is freed."""

from __future__ import annotations

import ctypes
import os
import re
import resource
from typing import TYPE_CHECKING

from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mlpo_bench.engines import Engine, ModelSpec, OpenEngines

_LEAST = 1_400 << 20
"""What a run on a server's answers needs of addresses, in bytes: numpy, Arrow and lm-eval, and threads' stacks."""
_TOLD = re.compile("can't start new thread|failed to map segment|cannot allocate memory", re.IGNORECASE)
_M_MMAP_THRESHOLD = -3
_LARGE = 1 << 20


def check_limit() -> None:
    """Refuse a limit on the address space below which nothing can be computed.

    Raises:
        UsageError: it is lower than what the libraries need.
    """
    limit = _limit()
    if limit is None:
        return
    if limit < _LEAST:
        raise UsageError(
            f"this process may have {limit >> 20:,} MiB of address space (ulimit -v), and needs {_LEAST >> 20:,} MiB: "
            "raise the limit, or lift it (ulimit -v unlimited)."
        )
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # it reserves a buffer for each, and tries for ever


def short_of_memory(fault: BaseException) -> str | None:
    """Return in a sentence that memory was short, where a fault of Python's or of a library's says so."""
    if not (isinstance(fault, MemoryError) or _TOLD.search(str(fault))):
        return None
    limit = _limit()
    of_limit = "" if limit is None else f": this process may have {limit >> 20:,} MiB (ulimit -v)"
    return f"the memory does not suffice{of_limit}. A run keeps what was answered, and its command goes on with it."


def sparing(opening: OpenEngines) -> OpenEngines:
    """Return what starts engines as before, and then has freed memory go back, unless one computes in this process.

    Who computes with large tensors asks for the same large blocks again and again, and would wait for each.
    """

    async def opened(
        specs: Iterable[ModelSpec], *, deterministic: bool = False, on_event: Callable[[str], None] | None = None
    ) -> Mapping[ModelSpec, Engine]:
        engines = await opening(specs, deterministic=deterministic, on_event=on_event)
        if not any(engine.facts.engine == "hf" for engine in engines.values()):
            give_back_large_blocks()
        return engines

    return opened


def give_back_large_blocks() -> None:
    """Have large blocks of memory go back to the system as soon as they are freed.

    The C library keeps blocks of up to 32 MiB once one of them was freed, and Arrow keeps its own; what is small and
    stays comes to lie between them, and a run of 100,000 questions ends in some 25 MiB more.
    """
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc has it; others need no telling
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE)


def _limit() -> int | None:
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else soft
