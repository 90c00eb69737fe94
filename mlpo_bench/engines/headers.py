"""What a safetensors file holds, from its header: 8 bytes of length, then JSON."""

from __future__ import annotations

import struct
from math import prod
from typing import TYPE_CHECKING, Any

from mlpo_bench.engines import json_files
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from pathlib import Path

_LENGTH = 8
_POINTER = b"version https://git-lfs"


def shapes(safetensors: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a file's tensors, by name.

    Raises:
        UsageError: it is no such file, or was cut off.
    """
    return {name: tuple(tensor["shape"]) for name, tensor in tensors(safetensors).items()}


def types(safetensors: Path) -> dict[str, int]:
    """Return how many numbers a file holds in each type, by safetensors' names of these.

    Raises:
        UsageError: as for `shapes`.
    """
    held: dict[str, int] = {}
    for tensor in tensors(safetensors).values():
        held[str(tensor.get("dtype"))] = held.get(str(tensor.get("dtype")), 0) + prod(tensor["shape"])
    return held


def tensors(safetensors: Path) -> dict[str, dict[str, Any]]:
    """Return what a file's header says of its tensors, by name.

    Raises:
        UsageError: as for `shapes`.
    """
    try:
        with safetensors.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(_LENGTH))
            header = json_files.parsed(file.read(length))
        held = {name: tensor for name, tensor in header.items() if name != "__metadata__"}
        end = max((tensor["data_offsets"][1] for tensor in held.values()), default=0)
        whole = safetensors.stat().st_size == _LENGTH + length + end
        for tensor in held.values():
            tuple(tensor["shape"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, MemoryError, OverflowError, struct.error):
        raise UsageError(f"{safetensors} cannot be read as safetensors.") from None
    if not whole:
        raise UsageError(f"{safetensors} is cut off: it holds less than its header names; copy or save it again.")
    return held


def is_pointer(file: Path) -> bool:
    """Whether a file is what git leaves of a large one whose content was not fetched."""
    with file.open("rb") as opened:
        return opened.read(len(_POINTER)) == _POINTER
