"""Models on this machine: whether they are here, what is to be fetched, and, if asked, an answer of each."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench.doctor.finding import Finding, State
from mlpo_bench.doctor.machine import GIB
from mlpo_bench.engines import adapters, folders, gguf_files, hub, lora, open_engine, smollm2
from mlpo_bench.engines.cache import cache_dir
from mlpo_bench.engines.models import HUB_FILES
from mlpo_bench.engines.resolved import ResolvedModel
from mlpo_bench.engines.server.listing import TRIAL, TRIAL_SAMPLING
from mlpo_bench.engines.spec import DEFAULT_MODEL
from mlpo_bench.errors import UsageError
from mlpo_bench.paths import expanded


if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlpo_bench.doctor.finding import Say
    from mlpo_bench.engines import ModelSpec

_MEND = "correct what the team file says of it, or name another model"


async def models(specs: Iterable[ModelSpec], memory: float | None, say: Say, *, load: bool) -> list[Finding]:
    """Return for each model that no server serves whether it is here.

    Args:
        specs: The models.
        memory: What the device holds, in bytes; None where that is not known.
        say: Takes what is being looked at.
        load: Whether each is loaded, and asked one small question.
    """
    found = []
    for spec in specs:
        say(f"Loading {spec.name}" if load else f"Looking for {spec.name}")
        ours = spec.kind is not None and spec.kind.__module__.startswith("mlpo_bench.")
        if spec.needs_weights and not load:
            found.append(await asyncio.to_thread(_weights, spec, memory))
        elif load or ours:  # a script or a recording loads nothing
            found.append(await _opened(spec))
        else:
            found.append(Finding("model", spec.name, State.TOLD, f"engine {spec.engine}; --load tries it", needed=True))
    return found


async def _opened(spec: ModelSpec) -> Finding:
    """Open a model, and ask it one small question if it is one: scripts and recordings know but their own."""
    try:
        engine = await open_engine(spec)
        try:
            facts = engine.facts
            found = f"engine {facts.engine} opens it"
            if spec.needs_weights:
                completion = await engine.complete([TRIAL], TRIAL_SAMPLING, 0)
                found = f"answered in {completion.seconds:.1f} s by {facts.engine}, holds {facts.context:,} tokens"
        finally:
            await engine.close()
    except Exception as fault:  # noqa: BLE001 - engines fail in every way; each is told
        first = next(iter(str(fault).splitlines()), "") or type(fault).__name__
        return Finding("model", spec.name, State.NO, f"cannot be used: {first}", _MEND, needed=True)
    return Finding("model", spec.name, State.WORKS, found, needed=True)


def _weights(spec: ModelSpec, memory: float | None) -> Finding:
    """Return whether a model's weights are here, or can be had; nothing is fetched, and nothing loaded."""
    try:
        base, found = _base(spec)
        if spec.adapter is not None:
            found += f"; {_adapter(spec.adapter, base)}"
    except UsageError as fault:
        return Finding("model", spec.name, State.NO, *_said(str(fault), spec.model), needed=True)
    except OSError as fault:  # a name that no file can have, a folder that may not be read
        found = f"it cannot be read: {fault.strerror or fault}"
        return Finding("model", spec.name, State.NO, found, _MEND, needed=True)
    bytes_ = 0 if base is None else sum(file.stat().st_size for file in base.weight_files)
    if memory is not None and bytes_ > memory:
        found += f"; its weights take more than the {memory / GIB:,.0f} GiB of the device"
        return Finding("model", spec.name, State.NO, found, "take a smaller model, or a larger device", needed=True)
    return Finding("model", spec.name, State.WORKS, found, needed=True)


def _said(fault: str, name: str) -> tuple[str, str]:
    """Return what was found and what to do, of a sentence that says both."""
    found, run, command = fault.partition(" Run: ")
    if run:
        return found, command
    if "cannot be reached" in fault or "HF_HUB_OFFLINE" in fault:
        return fault, f"hf download {name}   # where there is a network; then name the folder as `model`"
    return fault, _MEND


def _base(spec: ModelSpec) -> tuple[ResolvedModel | None, str]:
    """Return a model's weights, None where they are to be fetched, and what is to be said of them.

    Raises:
        UsageError: they cannot be had.
    """
    if spec.model == DEFAULT_MODEL and spec.revision in {None, smollm2.REVISION}:
        folder = smollm2.folder_in(cache_dir())
        if not folder.is_dir():
            smollm2.gguf_file()
            return None, "in its wheel; unpacked when it is first used, in about half a minute"
        return ResolvedModel(spec.model, folder, smollm2.REVISION), f"unpacked, {_size(folder)}"
    if (file := gguf_files.find(spec.model)) is not None:
        gguf_files.check_packages(f"unpacking {spec.model}")
        return None, f"a GGUF file, {file.stat().st_size / GIB:,.2f} GiB; unpacked when it is first used"
    if (folder := expanded(spec.model)).is_dir():
        folders.check(spec.model, folder)
        return ResolvedModel(spec.model, folder.resolve(), ""), f"a folder, {_size(folder)}"
    if cached := hub.cached(spec.model, spec.revision, list(HUB_FILES), but=[folders.CONSOLIDATED]):
        folders.check(spec.model, cached)
        return ResolvedModel(spec.model, cached, cached.name), f"in the hub's cache, {_size(cached)}"
    return None, _to_fetch(spec)


def _to_fetch(spec: ModelSpec) -> str:
    from huggingface_hub import constants

    size = hub.to_fetch(spec.model, spec.revision)
    if not size:
        raise UsageError(f"{spec.model} has no safetensors on the hub.")
    place = Path(constants.HF_HUB_CACHE)
    free = shutil.disk_usage(next(each for each in (place, *place.parents) if each.is_dir())).free
    if size > free:
        raise UsageError(f"{spec.model} takes {size / GIB:,.1f} GiB, and {place} has {free / GIB:,.1f} GiB left.")
    return f"on the hub; {size / GIB:,.1f} GiB are fetched when it is first used"


def _adapter(name: str, base: ResolvedModel | None) -> str:
    """Return what is to be said of an adapter.

    Raises:
        UsageError: it is none, or does not fit its base.
    """
    here = expanded(name).is_dir() or hub.cached(name, None, [adapters.CONFIG, adapters.WEIGHTS])
    if not here:
        return f"the adapter {name} is on the hub; {hub.to_fetch(name, None) / GIB:,.2f} GiB are fetched"
    adapter = adapters.find(name)
    if base is None:
        return f"the adapter {name} is here"
    lora.check_context(base, adapter)
    return f"the adapter {name} fits it"


def _size(folder: Path) -> str:
    return f"{sum(file.stat().st_size for file in folder.glob('*') if file.is_file()) / GIB:,.2f} GiB"
