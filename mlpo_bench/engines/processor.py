"""What a machine computes with: an accelerator or not, and which numbers its processor computes at once."""

from __future__ import annotations

from pathlib import Path


_DEVICES = ("/dev/nvidia0", "/dev/kfd")
_TOLD = Path("/proc/cpuinfo")
_LISTS = ("flags", "Features")
"""What Linux calls a core's instructions, on x86 and on Arm."""
_FOR_HALVES = frozenset({"avx512bw", "avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16", "asimdhp"})


def accelerated() -> bool:
    """Whether this machine has an accelerator; torch is not loaded to find out."""
    return any(Path(device).exists() for device in _DEVICES)


def computes_halves() -> bool:
    """Return whether the processor has the instructions with which torch multiplies numbers of 16 bits."""
    instructions = _instructions()
    return instructions is None or not _FOR_HALVES.isdisjoint(instructions)


def _instructions() -> frozenset[str] | None:
    """Return the instructions of the first core; None where the machine does not list them."""
    try:
        lines = _TOLD.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    told = (line.partition(":") for line in lines)
    return next((frozenset(listed.split()) for name, _, listed in told if name.strip() in _LISTS), None)
