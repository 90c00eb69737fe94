"""Adapters in vLLM: beside their base, or merged.

On a GPU one process serves a base and all its adapters, each request naming the one that is meant. On a CPU vLLM 0.32
does that several times slower, and gives requests without an adapter the answers of the last one where both share a
step; so there each adapter has a process of its own, with weights that it was merged into (`merged`). The same is done
on a GPU for an adapter that changes what vLLM cannot change beside other requests.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol, get_args

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.engines.base import Engine
from mlpo_bench.engines.vllm_process import import_vllm
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.engines.adapters import Adapter
    from mlpo_bench.engines.resolved import ResolvedModel


class Forgetful(Engine, Protocol):
    """An engine that can be made to forget which prompts it has read."""

    async def forget(self) -> None:
        """Empty the prefix cache of its process."""
        ...


# Answers are compared where models differ when asked by themselves. Fewer than this many tell nothing: near ties may
# fall either way in another batch.
_FEWEST = 4


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


async def check_apart(engines: Sequence[Forgetful]) -> None:
    """Ask models of one process the same, each by itself and then all at once, and compare whose answers they give.

    The process forgets the prompts in between: a prompt that was read right may hide that a fresh one is read wrong.

    Raises:
        UsageError: asked at once, a model gives the answers that another one gave by itself.
    """
    chats = [[Message("user", f"Tell a story about {n} ships.")] for n in range(1, 17)]
    sampling = Sampling(temperature=0, max_tokens=24)

    async def asked(some: Sequence[Forgetful]) -> list[list[str]]:
        made = await asyncio.gather(*(engine.complete(chat, sampling, 0) for chat in chats for engine in some))
        texts = [completion.text for completion in made]
        return [texts[place :: len(some)] for place in range(len(some))]

    alone = [(await asked([engine]))[0] for engine in engines]
    await engines[0].forget()
    together = await asked(engines)
    for engine, own, said in zip(engines, alone, together, strict=True):
        for other in alone:
            differ = [n for n in range(len(chats)) if own[n] != other[n]]
            taken = sum(said[n] == other[n] for n in differ)
            if len(differ) >= _FEWEST and taken > len(differ) / 2:
                raise UsageError(
                    f"vLLM mixes up adapters on this device: asked with others, {engine.facts.full_name} gave "
                    f"another's answer to {taken} of {len(differ)} questions. Take engine hf for this team."
                )
