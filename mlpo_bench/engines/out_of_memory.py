"""Telling a lack of memory from other faults, in all the ways that torch says it."""

from __future__ import annotations


# torch has a class only for what its own allocator lacks on a device. What a driver or a library refuses there is a
# plain error (seen when a model moved to a GPU that others had filled), and so is a lack on a CPU.
_SAID = (
    "can't allocate memory",
    "DefaultCPUAllocator",
    "not enough memory",
    "error: out of memory",
    "STATUS_ALLOC_FAILED",
)


def ran_out(error: BaseException) -> bool:
    """Return whether an error says that a device's or this machine's memory did not do."""
    import torch

    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _SAID)
