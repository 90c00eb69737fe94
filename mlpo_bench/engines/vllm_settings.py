"""What vLLM is told of a model, its device and its part of that: all of it known before vLLM starts.

Settings for CPUs, and what was seen with them on 2 shared cores with SmolLM2-135M:

- Eager: loads in 28 to 33 s. Bound to all cores: vLLM's own choice leaves one free, which on 2 cores is half of them.
- Many requests in flight: 333 to 455 tokens/s with 32, 336 to 573 with 256.
- Prefills are never split: a request with a seed whose prefill is split kills vLLM 0.32 ("CPU Generator does not
  use offset"). So chunked prefill is off, and the token budget of a step is at least the context.
- Prefix-cache blocks of 32 tokens: the prompts of a team share beginnings of some hundred tokens. With vLLM's 128 none
  of 23,453 prompt tokens was found again, with 32 a third was. Whether that is faster was not told apart from noise.
- Without instructions for 16-bit numbers, products in 32 bits (`wide_products`): 84 tokens/s for 17, with 32 in flight
  on an AMD EPYC with AVX2.
- Threads that wait for work let their cores go early (`vllm_process.SPINS`): two engines on those two cores wrote 1.63
  and 1.47 times as many tokens/s together, and one alone as many as before (`python -m benchmarks.two_engines`).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from mlpo_bench.engines import device_memory, processor, vllm_adapters
from mlpo_bench.engines.base import Share
from mlpo_bench.engines.device_memory import GIB, USED
from mlpo_bench.engines.turns import Turns
from mlpo_bench.engines.vllm_process import import_vllm
from mlpo_bench.errors import UsageError, unknown


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.engines.resolved import ResolvedModel
    from mlpo_bench.engines.spec import ModelSpec

# A longer context takes memory from the requests in flight; who needs it says so with `context`.
SANE_CONTEXT = 32_768
CPU_SEQUENCES = 256
CPU_STEP_TOKENS = 8_192
CPU_BLOCK = 32
CPU_KV_SHARE, CPU_KV_MOST = 1 / 6, 16 * GIB
WIDE_WORKER = "mlpo_bench.engines.vllm_worker.WideCPUWorker"
# With more sequences at a time vLLM's batch-invariant mode has been seen to vary (vllm issue 51187).
INVARIANT_SEQUENCES = 8
# What a sleeping process keeps of a device: its driver's context and the code of its kernels.
ASLEEP = 2 * GIB


@dataclass(frozen=True, slots=True)
class Device:
    """What vLLM runs on: `kind` as it calls it, how many there are, and the bytes that each holds."""

    kind: str
    count: int
    memory: float

    @property
    def is_cpu(self) -> bool:
        """Whether it is the machine's own processor."""
        return self.kind == "cpu"


def device(*, deterministic: bool = False) -> Device:
    """Return what vLLM finds on this machine."""
    import_vllm(deterministic=deterministic)
    from vllm.platforms import current_platform

    if current_platform.is_cpu():
        return Device("cpu", 1, float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")))
    return Device(
        current_platform.device_type, current_platform.device_count(), float(current_platform.get_device_total_memory())
    )


def context(resolved: ResolvedModel, spec: ModelSpec) -> int:
    """Return the longest prompt plus answer that a model is to hold, in tokens."""
    holds = resolved.context or SANE_CONTEXT
    return min(holds, spec.context or SANE_CONTEXT)


def arguments(
    models: Sequence[ResolvedModel], spec: ModelSpec, place: Device, share: Share, *, deterministic: bool
) -> dict[str, Any]:
    """Return the arguments of vLLM's engine.

    Args:
        models: what it is to serve: one model, or several that differ in their adapters alone.
        spec: how, as any of their specs says it.
        place: the device.
        share: its part of that.
        deterministic: in vLLM's batch-invariant mode.

    Raises:
        UsageError: a team file asks for what the model or the device does not have.
    """
    base, options = models[0], spec.engine_options
    told: dict[str, Any] = {
        "model": str(base.folder),
        "tokenizer": str(base.tokenizer_folder),
        "dtype": base.computed_in(spec.dtype),
        "max_model_len": context(base, spec),
        "load_format": "safetensors",
        "trust_remote_code": base.trust_remote_code,
        "disable_log_stats": True,
    }
    told |= _cpu(told["max_model_len"], place, share, spec) if place.is_cpu else _gpu(share, spec, deterministic)
    if place.is_cpu and told["dtype"] in {"bfloat16", "float16"} and not processor.computes_halves():
        told["worker_cls"] = WIDE_WORKER
    told |= _asked(base, spec, place) | vllm_adapters.settings(models)
    if options.max_num_seqs is not None:
        told["max_num_seqs"] = min(
            options.max_num_seqs, *([INVARIANT_SEQUENCES] if deterministic else [options.max_num_seqs])
        )
    return told


def _cpu(longest: int, place: Device, share: Share, spec: ModelSpec) -> dict[str, Any]:
    cache = min(place.memory * CPU_KV_SHARE, CPU_KV_MOST) * share.of_cache
    return {
        "enforce_eager": True,
        "enable_chunked_prefill": False,
        "enable_prefix_caching": True,
        "block_size": CPU_BLOCK,
        "max_num_seqs": CPU_SEQUENCES,
        "max_num_batched_tokens": max(longest, CPU_STEP_TOKENS),
        "kv_cache_memory_bytes": int(cache if spec.engine_options.memory is None else _cache_of(spec, place)),
    }


def _cache_of(spec: ModelSpec, place: Device) -> float:
    """Return the cache that a person gives a model on a CPU, where the weights lie beside it."""
    assert spec.engine_options.memory is not None
    return spec.engine_options.memory * place.memory


def _gpu(share: Share, spec: ModelSpec, deterministic: bool) -> dict[str, Any]:
    # What others hold on the device is not counted in: a process names its own part.
    part = USED / share.engines if share.part is None else share.part
    told: dict[str, Any] = {"gpu_memory_utilization": round(spec.engine_options.memory or part, 4)}
    if share.turns is not None:
        told["enable_sleep_mode"] = True
    if deterministic:
        told |= {"max_num_seqs": INVARIANT_SEQUENCES, "enable_prefix_caching": False}
    return told


def _asked(model: ResolvedModel, spec: ModelSpec, place: Device) -> dict[str, Any]:
    """Return the rest of what a team file asks for."""
    options = spec.engine_options
    parallel = {name: getattr(options, name) for name in ("tensor_parallel", "pipeline_parallel", "data_parallel")}
    told: dict[str, Any] = {f"{name}_size": count for name, count in parallel.items() if count > 1}
    if told:
        _check_parallel(model, spec, place)
    if options.quantization is not None:
        from vllm.model_executor.layers.quantization import QUANTIZATION_METHODS

        if options.quantization not in QUANTIZATION_METHODS:
            raise unknown("quantization of engine vllm", options.quantization, QUANTIZATION_METHODS)
        told["quantization"] = options.quantization
    if options.kv_cache_dtype is not None:
        from vllm.config.cache import CacheDType

        if options.kv_cache_dtype not in get_args(CacheDType):
            raise unknown("kv_cache_dtype of engine vllm", options.kv_cache_dtype, get_args(CacheDType))
        told["kv_cache_dtype"] = options.kv_cache_dtype
    if options.sleep and place.is_cpu:
        raise UsageError(f"sleep of {spec.name} is for models that share a GPU; on a CPU, leave it out.")
    return told


def _check_parallel(model: ResolvedModel, spec: ModelSpec, place: Device) -> None:
    """Check that a model can be divided as a team file says, and that there are devices for it."""
    options = spec.engine_options
    config = model.text_config or model.config
    heads, layers = config.get("num_attention_heads"), config.get("num_hidden_layers")
    if heads and heads % options.tensor_parallel:
        near = [n for n in range(1, heads + 1) if heads % n == 0]
        best = min(near, key=lambda n: abs(n - options.tensor_parallel))
        raise UsageError(
            f"tensor_parallel {options.tensor_parallel} does not divide the {heads} heads of {spec.name}; {best} does."
        )
    if layers and options.pipeline_parallel > layers:
        raise UsageError(f"{spec.name} has {layers} layers, so pipeline_parallel is {layers} at most.")
    held = 0 if place.is_cpu else place.count
    if options.devices > held:
        product = " x ".join(
            f"{name} {getattr(options, name)}"
            for name in ("tensor_parallel", "pipeline_parallel", "data_parallel")
            if getattr(options, name) > 1
        )
        there = "none" if held == 0 else f"{held}"
        raise UsageError(f"{spec.name} takes {options.devices} GPUs ({product}), but this machine has {there}.")


def shares(hosts: Sequence[tuple[ModelSpec, ResolvedModel]], place: Device) -> list[Share]:
    """Return the parts of a device that models opened together take, by their weights and the caches they will fill.

    Raises:
        UsageError: they do not fit together, and a team file says that they are not to take turns.
    """
    count = len(hosts)
    needs = [device_memory.need(model, spec, context(model, spec)) for spec, model in hosts]
    if place.is_cpu:
        expected = sum(one.expected for one in needs) or 1.0
        return [Share(count, n, one.expected / expected) for n, one in enumerate(needs, start=1)]
    asked = [spec.engine_options.sleep for spec, _ in hosts]
    parts = device_memory.divided(needs, place.memory)
    if parts is not None and not any(asked):
        return [Share(count, n, part) for n, part in enumerate(parts, start=1)]
    weights = ", ".join(f"{spec.name} {one.weights / GIB:,.1f}" for (spec, _), one in zip(hosts, needs, strict=True))
    if False in asked:
        raise UsageError(
            f"the weights of these models ({weights} GiB) leave no room to answer on a device of "
            f"{place.memory / GIB:,.0f} GiB: divide a model (engine_options: {{tensor_parallel: 2}}), hold it smaller "
            "(quantization), lower its context or its memory, or let them take turns (without `sleep: false`)."
        )
    turns = Turns()
    alone = USED - (count - 1) * ASLEEP / place.memory
    return [Share(count, n, alone, turns) for n in range(1, count + 1)]
