"""Devices, the folders that a run writes to, and what makes every start slow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import cache_from_source, find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench.doctor.finding import Finding, State
from mlpo_bench.engines import processor
from mlpo_bench.log import hardware


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


GIB = 2**30
_LEAST_FREE = GIB // 2
_LITTLE_FREE = 10 * GIB
_SMI = ("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
_SMI_SECONDS = 20
_LARGE = ("lm_eval", "transformers", "vllm")


@dataclass(frozen=True, slots=True)
class Gpu:
    """A graphics card: its name, and its memory in GiB."""

    name: str
    memory: float


def gpus() -> tuple[Gpu, ...]:
    """Return the NVIDIA cards that the driver shows; none where there is no driver."""
    if shutil.which(_SMI[0]) is None:
        return ()
    try:
        done = subprocess.run(_SMI, capture_output=True, text=True, check=True, timeout=_SMI_SECONDS)  # noqa: S603 - fixed
    except (OSError, subprocess.SubprocessError):
        return ()
    cards = []
    for line in done.stdout.splitlines():
        name, comma, mebibytes = line.rpartition(",")
        if comma and mebibytes.strip().isdecimal():
            cards.append(Gpu(name.strip(), int(mebibytes) / 1024))
    return tuple(cards)


def devices(cards: tuple[Gpu, ...]) -> Iterator[Finding]:
    """Yield the cores, the memory and the cards."""
    memory = hardware.memory_gib()
    held = "" if memory is None else f", {memory:.0f} GiB of memory"
    cores = hardware.cores()
    cpu = f"{cores} {'core' if cores == 1 else 'cores'}{held}"
    if not cards and not processor.computes_halves():
        cpu += "; multiplies bfloat16 and float16 in float32"
    yield Finding("device", "CPU", State.TOLD, cpu)
    for number, card in enumerate(cards):
        yield Finding("device", f"GPU {number}", State.WORKS, f"{card.name}, {card.memory:.0f} GiB")
    if not cards:
        yield Finding("device", "GPU", State.TOLD, "none that an NVIDIA driver shows")


def disks(folders: Mapping[str, tuple[Path, str]]) -> Iterator[Finding]:
    """Yield for each folder whether it can be written, and how much is free.

    Args:
        folders: By what they are for; each with what to do where it does not serve.
    """
    for purpose, (folder, mend) in folders.items():
        there = next(each for each in (folder, *folder.parents) if each.exists())
        free = shutil.disk_usage(there).free
        found = f"{folder}, {free / GIB:,.1f} GiB free"
        if fault := _not_writable(there):
            yield Finding("disk", purpose, State.NO, f"{folder} cannot be written: {fault}", mend, needed=True)
        elif free < _LEAST_FREE:
            yield Finding("disk", purpose, State.NO, found, f"make room there, or {mend}", needed=True)
        elif free < _LITTLE_FREE:
            yield Finding("disk", purpose, State.PARTLY, f"{found}, which is little", f"make room there, or {mend}")
        else:
            yield Finding("disk", purpose, State.WORKS, found)


def _not_writable(folder: Path) -> str:
    if not folder.is_dir():
        return f"{folder} is no folder"
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"-")
    except OSError as error:
        return error.strerror or str(error)
    return ""


def compiled() -> Iterator[Finding]:
    """Yield a finding for each folder of packages that Python compiles anew at every start.

    pip compiles what it installs, uv does not; Python then does, once, unless it may not keep what it has compiled.
    """
    folders: dict[str, str] = {}
    for name in _LARGE:
        spec = find_spec(name)
        if spec is None or spec.origin is None or Path(cache_from_source(spec.origin)).exists():
            continue
        if sys.dont_write_bytecode:
            folders.setdefault(str(Path(spec.origin).parents[1]), "PYTHONDONTWRITEBYTECODE is set")
        elif not os.access(Path(spec.origin).parent, os.W_OK):
            folders.setdefault(str(Path(spec.origin).parents[1]), "their folder cannot be written")
    for folder, why in folders.items():
        mend = f"compile them once: python -m compileall -q {folder}"
        yield Finding("python", "packages", State.PARTLY, f"compiled anew at every start: {why}", mend)
