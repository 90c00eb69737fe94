"""What a limit on a process's memory (`ulimit -v`) does to the libraries: some hang below it, others end in pieces."""

from __future__ import annotations

import os
import re
import resource

from mlpo_bench.errors import UsageError


_LEAST = 1_400 << 20
"""What a run on a server's answers needs of addresses, in bytes: numpy, Arrow and lm-eval, and threads' stacks."""
_TOLD = re.compile("can't start new thread|failed to map segment|cannot allocate memory", re.IGNORECASE)


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
    return f"the memory does not suffice{of_limit}. What was answered is kept; the same command goes on."


def _limit() -> int | None:
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else soft
