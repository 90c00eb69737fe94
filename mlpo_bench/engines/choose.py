"""What `engine: auto` means: a server where there is an address, else vLLM where it works, else transformers."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from mlpo_bench.engines.kinds import vllm
from mlpo_bench.engines.kinds.hf import Transformers
from mlpo_bench.engines.spec import AUTO, ENGINES
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlpo_bench.engines.resolved import ResolvedModel
    from mlpo_bench.engines.spec import EngineKind, ModelSpec


def chosen(
    spec: ModelSpec, weights: ResolvedModel | None, *, deterministic: bool = False
) -> tuple[type[EngineKind], str]:
    """Return the kind of engine that serves a spec, and why.

    `weights` is None for a server, a script or a recording.

    Raises:
        UsageError: what a team file says of it goes with an engine that cannot serve it.
    """
    if spec.kind is not None:
        return spec.kind, "a base_url is given" if spec.engine == AUTO else "as asked"
    said = spec.engine_options.said
    if of_transformers := said - vllm.VLLM.options:
        return Transformers, f"{min(of_transformers)} is its option"
    if deterministic:
        return _transformers(spec, "a deterministic run answers each request alone")
    assert weights is not None
    hindrance = vllm.hindrance(weights)
    if hindrance:
        return _transformers(spec, hindrance)
    return vllm.VLLM, "it is installed and serves this model"


def _transformers(spec: ModelSpec, why: str) -> tuple[type[EngineKind], str]:
    if strange := spec.engine_options.said - Transformers.options:
        raise UsageError(f"{min(strange)} of {spec.name} is an option of engine vllm, but {why}.")
    return Transformers, why


def available() -> Iterator[tuple[str, str]]:
    """Yield the engines by name, each with the version of what it needs, or what to install for it, or what it does."""
    for kind in ENGINES.values():
        versions = [f"{name} {version(name)}" for name in kind.packages if _installed(name)]
        missing = f"not installed ({kind.packages[0]})" if kind.packages else (kind.__doc__ or "").partition("\n")[0]
        yield kind.name, ", ".join(versions) or missing


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
