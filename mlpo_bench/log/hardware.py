"""The machine that a run is carried out on, as far as it tells without a library being loaded for it."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any


def described() -> dict[str, Any]:
    """Return the machine as a manifest keeps it."""
    return {
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": processor(),
        "cores": cores(),
        "memory_gib": memory_gib(),
        "accelerators": _accelerators(),
    }


def cores() -> int | None:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def processor() -> str:
    """Return what the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def memory_gib() -> float | None:
    """Return the memory of the machine in GiB, None where it does not tell."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError):
        return None


def _accelerators() -> list[str]:
    """Return the accelerators' names, if an engine has loaded torch; it is not loaded for this alone."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
