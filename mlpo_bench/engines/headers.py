"""What a safetensors file holds, from its header: 8 bytes of length, then JSON."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from mlpo_bench.engines import json_files
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from pathlib import Path

_LENGTH = 8


def shapes(safetensors: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a file's tensors, by name.

    Raises:
        UsageError: it is no such file, or was cut off.
    """
    try:
        with safetensors.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(_LENGTH))
            header = json_files.parsed(file.read(length))
        tensors = {name: tensor for name, tensor in header.items() if name != "__metadata__"}
        end = max((tensor["data_offsets"][1] for tensor in tensors.values()), default=0)
        whole = safetensors.stat().st_size == _LENGTH + length + end
        by_name = {name: tuple(tensor["shape"]) for name, tensor in tensors.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, MemoryError, OverflowError, struct.error):
        raise UsageError(f"{safetensors} cannot be read as safetensors.") from None
    if not whole:
        raise UsageError(f"{safetensors} is cut off: it holds less than its header names; copy or save it again.")
    return by_name
