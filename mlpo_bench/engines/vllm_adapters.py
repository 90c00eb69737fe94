"""Adapters in vLLM: beside their base, or merged.

On a GPU one process serves a base and all its adapters, each request naming the one that is meant. On a CPU vLLM 0.32
does that several times slower, and gives requests without an adapter the answers of the last one where both share a
step; so there each adapter has a process of its own, with weights that it was merged into (`merged`). The same is done
on a GPU for an adapter that changes what vLLM cannot change beside other requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from mlpo_bench.engines.vllm_process import import_vllm


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.engines.adapters import Adapter
    from mlpo_bench.engines.models import ResolvedModel


def served_beside(adapter: Adapter, *, deterministic: bool = False) -> bool:
    """Whether vLLM is to serve an adapter beside its base on this machine, not merged into it."""
    import_vllm(deterministic=deterministic)
    from vllm.platforms import current_platform

    return not current_platform.is_cpu() and _plain(adapter)


def _plain(adapter: Adapter) -> bool:
    """Whether an adapter is LoRA of the layers between the embeddings, of a rank that vLLM has room for."""
    more = adapter.config.get("use_dora") or adapter.config.get("modules_to_save")
    embeddings = any(".lora_embedding_" in name or ".lm_head." in name for name in adapter.shapes)
    return not more and not embeddings and adapter.rank <= max(_ranks())


def _ranks() -> tuple[int, ...]:
    from vllm.config.lora import MaxLoRARanks

    return tuple(sorted(get_args(MaxLoRARanks)))


def settings(models: Sequence[ResolvedModel]) -> dict[str, Any]:
    """Return vLLM's settings for the adapters of models that are not merged."""
    adapters = [model.adapter for model in models if model.adapter and not model.merged]
    if not adapters:
        return {}
    largest = max(adapter.rank for adapter in adapters)
    room = next(rank for rank in _ranks() if rank >= largest)
    return {"enable_lora": True, "max_loras": len(adapters), "max_lora_rank": room}


def request(model: ResolvedModel, number: int) -> Any:  # noqa: ANN401 - vLLM's own class
    """Return what tells vLLM to answer with a model's adapter; `number` (from 1) tells adapters of a process apart."""
    from vllm.lora.request import LoRARequest

    if model.adapter is None or model.merged:
        return None
    # Its name is part of the prefix cache's keys, so that contents are never taken for one another.
    return LoRARequest(model.adapter.revision, number, str(model.adapter.folder))
