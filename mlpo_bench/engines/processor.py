"""Which numbers a model is best computed in where there is no accelerator."""

from __future__ import annotations

from pathlib import Path

from mlpo_bench.engines.threads import import_torch


_TOLD = Path("/proc/cpuinfo")
_LISTS = ("flags", "Features")
"""What Linux calls a core's instructions, on x86 and on Arm."""
_FOR_HALVES = frozenset({"avx512bw", "avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16", "asimdhp"})


def computes_halves() -> bool:
    """Return whether the processor computes numbers of 16 bits as fast as those of 32, as far as it tells.

    Torch multiplies them with instructions of these families. Without, it goes number by number: for 64 rows and
    weights as large as SmolLM2's that took 8 times as long (an AMD EPYC with AVX2, torch 2.13).
    """
    instructions = _instructions()
    return instructions is None or not _FOR_HALVES.isdisjoint(instructions)


def advice(dtype: str) -> str | None:
    """Return what to take in place of a type that this machine computes slowly; None where it does not.

    Imports torch where the processor is slow in it, to see whether there is an accelerator.
    """
    if dtype not in {"bfloat16", "float16"} or computes_halves() or _accelerated():
        return None
    return (
        f"this processor multiplies in {dtype} far more slowly than in float32: try `--dtype float32`, or "
        "`dtype: float32` in a team file (answers in one are not taken for answers in the other)"
    )


def _instructions() -> frozenset[str] | None:
    """Return the instructions of the first core; None where the machine does not list them."""
    try:
        lines = _TOLD.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    told = (line.partition(":") for line in lines)
    return next((frozenset(listed.split()) for name, _, listed in told if name.strip() in _LISTS), None)


def _accelerated() -> bool:
    import_torch()
    import torch

    return bool(torch.accelerator.is_available())
