"""Serves a model with transformers: slower than vLLM, but runs wherever torch runs.

Requests that wait while a batch is generated make up the next one. In deterministic mode each request is a batch
of its own in float32, so that its answer depends on nothing else.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlpo_bench.chat import Completion, Usage
from mlpo_bench.engines import generation, hf_weights, identity, lora
from mlpo_bench.engines.base import ModelFacts
from mlpo_bench.engines.chats import ChatTokens
from mlpo_bench.engines.quiet import quiet_transformers
from mlpo_bench.engines.threads import import_torch
from mlpo_bench.errors import ContextOverflow, EngineError, UsageError


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.chat import FinishReason, Message, Sampling
    from mlpo_bench.engines.generation import Generation
    from mlpo_bench.engines.resolved import ResolvedModel
    from mlpo_bench.engines.spec import ModelSpec

BATCH_ROWS = 64
# Bounds the key-value cache of a batch: rows times the longest prompt plus answer.
BATCH_TOKENS = 131_072
DEFAULT_CONTEXT = 4_096
# What of a model's own generation_config.json transformers can follow row by row, under `generation: model`.
FOLLOWED = (
    "no_repeat_ngram_size", "suppress_tokens", "begin_suppress_tokens", "bad_words_ids", "min_new_tokens",
    "sequence_bias",
)  # fmt: skip


@dataclass(slots=True)
class _Job:
    """A request that waits: its prompt's tokens, and where its answer is to go."""

    ids: list[int]
    sampling: Sampling
    seed: int
    asked: float
    answer: asyncio.Future[Completion]

    @property
    def length(self) -> int:
        """Tokens of prompt and answer, at most."""
        return len(self.ids) + self.sampling.max_tokens


class HFEngine:
    """One model in this process. Make it with `load`, or from what is already loaded (as tests do).

    Args:
        model: a transformers causal language model.
        chats: renders chats for it.
        facts: what was loaded.
        batch_rows: the most requests generated together; 1 makes each independent of all others.
        drawing: how its answers are drawn, beside what requests say.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - transformers has no types
        chats: ChatTokens,
        facts: ModelFacts,
        *,
        batch_rows: int = BATCH_ROWS,
        drawing: Generation = generation.AS_THE_TASK_SAYS,
    ) -> None:
        self._model, self._chats, self._facts = model, chats, facts
        self._batch_rows, self._drawing = batch_rows, drawing
        self._waiting: list[_Job] = []
        self._halted: Exception | None = None
        self._worker: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hf-engine")
        self._ends = _end_tokens(model, chats.tokenizer)
        _neutralise(model)

    @property
    def facts(self) -> ModelFacts:
        """What was loaded."""
        return self._facts

    async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
        """Answer one chat.

        Raises:
            ContextOverflow: the prompt and `sampling.max_tokens` exceed the context.
            EngineError: generation failed.
        """
        if self._halted is not None:
            raise self._halted
        asked = time.perf_counter()
        ids = self._chats.ids(messages)
        facts = self._facts
        if len(ids) + sampling.max_tokens > facts.context:
            raise ContextOverflow(
                model=facts.full_name, prompt=len(ids), answer=sampling.max_tokens, context=facts.context
            )
        sampling = self._drawing.applied(sampling)
        if self._chats.stops:
            sampling = replace(sampling, stop=sampling.stop + self._chats.stops)
        job = _Job(ids, sampling, seed, asked, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await job.answer

    def halt(self, reason: Exception) -> None:
        """Begin no other batch: what waits for one gets `reason` instead."""
        self._halted = self._halted or reason
        waiting, self._waiting = self._waiting, []
        for job in waiting:
            _settle(job, reason)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the length of a chat in tokens."""
        return len(self._chats.ids(messages))

    async def close(self) -> None:
        """Finish the batch under way and let the model go; what still waits fails."""
        waiting, self._waiting = self._waiting, []
        for job in waiting:
            _settle(job, EngineError("the engine was closed.", transient=False))
        if self._worker is not None:
            await self._worker
        self._thread.shutdown()
        self._model = None

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while batch := self._next_batch():
            try:
                answers = await loop.run_in_executor(self._thread, self._generate, batch)
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
                fault = EngineError(f"{self._facts.full_name}: {type(error).__name__}: {error}", transient=False)
                for job in batch:
                    _settle(job, fault)
            else:
                for job, answer in zip(batch, answers, strict=True):
                    _settle(job, answer)

    def _next_batch(self) -> list[_Job]:
        """Take the request that waits longest and those nearest to it in length, to pad little."""
        self._waiting = [job for job in self._waiting if not job.answer.done()]
        if not self._waiting:
            return []
        first = self._waiting[0]
        near = sorted(self._waiting, key=lambda job: abs(job.length - first.length))
        batch: list[_Job] = []
        longest = 0
        for job in near[: self._batch_rows]:
            longest = max(longest, job.length)
            if batch and longest * (len(batch) + 1) > BATCH_TOKENS:
                break
            batch.append(job)
        taken = set(map(id, batch))
        self._waiting = [job for job in self._waiting if id(job) not in taken]
        return batch

    def _generate(self, batch: list[_Job]) -> list[Completion]:
        """Generate in this thread; halve the batch where it does not fit the device's memory."""
        import torch

        try:
            rows = self._rows(batch)
        except torch.cuda.OutOfMemoryError:
            if len(batch) == 1:
                raise
            torch.cuda.empty_cache()
            self._batch_rows = half = len(batch) // 2
            return self._generate(batch[:half]) + self._generate(batch[half:])
        now = time.perf_counter()
        return [self._completion(job, row, now) for job, row in zip(batch, rows, strict=True)]

    def _rows(self, batch: list[_Job]) -> list[list[int]]:
        """Return the tokens written for each request, up to and with the one that ended it."""
        import torch
        from transformers import GenerationConfig

        from mlpo_bench.engines.sampling import RowPenalty, RowSampler, RowsEnd

        samplings = [job.sampling for job in batch]
        width = max(len(job.ids) for job in batch)
        ends = RowsEnd(self._chats.tokenizer, width, samplings)
        pad = self._ends[0] if self._ends else 0
        padded = [[pad] * (width - len(job.ids)) + job.ids for job in batch]
        mask = [[0] * (width - len(job.ids)) + [1] * len(job.ids) for job in batch]
        device = self._model.device
        read = torch.tensor(mask, device=device)
        penalty = self._drawing.repetition_penalty
        sampler = RowSampler(samplings, [job.seed for job in batch], self._drawing.min_p)
        with torch.inference_mode(), quiet_transformers():
            out = self._model.generate(
                input_ids=torch.tensor(padded, device=device),
                attention_mask=read,
                generation_config=GenerationConfig(
                    do_sample=False,
                    max_new_tokens=max(s.max_tokens for s in samplings),
                    eos_token_id=self._ends or None,
                    pad_token_id=pad,
                    **self._drawing.more,
                ),
                logits_processor=[*([RowPenalty(penalty, read)] if penalty != 1 else []), sampler],
                stopping_criteria=[ends],
            )
        written = out[:, width:].tolist()
        return [_until_end(row[:n], self._ends) for row, n in zip(written, ends.lengths, strict=True)]

    def _completion(self, job: _Job, row: list[int], now: float) -> Completion:
        text = self._chats.tokenizer.decode(row, skip_special_tokens=True)
        stops = [at for stop in job.sampling.stop if (at := text.find(stop)) >= 0]
        ended = bool(stops) or (bool(row) and row[-1] in self._ends)
        reason: FinishReason = "stop" if ended else "length"
        text = text[: min(stops)] if stops else text
        return Completion(text, Usage(prompt=len(job.ids), completion=len(row)), reason, now - job.asked)


def _settle(job: _Job, answer: Completion | Exception) -> None:
    if job.answer.done():  # whoever asked was cancelled
        return
    if isinstance(answer, Exception):
        job.answer.set_exception(answer)
    else:
        job.answer.set_result(answer)


def _end_tokens(model: Any, tokenizer: Any) -> list[int]:  # noqa: ANN401 - transformers has no types
    """Return the ids of the tokens that end an answer."""
    told = getattr(model.generation_config, "eos_token_id", None)
    ends = told if isinstance(told, list) else [told]
    return list(dict.fromkeys(end for end in (*ends, tokenizer.eos_token_id) if end is not None))


def _neutralise(model: Any) -> None:  # noqa: ANN401 - transformers has no types
    """Take out of a loaded model what its makers advise on drawing, which `generate` would follow unasked."""
    if (advised := getattr(model, "generation_config", None)) is not None:
        kept = {name: getattr(advised, name, None) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
        model.generation_config = type(advised)(**kept)


def _until_end(row: list[int], ends: list[int]) -> list[int]:
    """Return a row up to and with its first end token; behind it is only padding."""
    first = next((i for i, token in enumerate(row) if token in ends), None)
    return row if first is None else row[: first + 1]


def load(resolved: ResolvedModel, spec: ModelSpec, *, deterministic: bool = False) -> HFEngine:
    """Load a model's weights and tokenizer (blocks; `open_engine` calls it in a thread).

    An adapter stays beside the weights, as it was trained: nothing of it is rounded. That takes time: with LoRA on q
    and v of SmolLM2, answers took a third to a half more of a CPU's.

    Raises:
        UsageError: transformers does not know the architecture, or the dtype contradicts deterministic mode.
    """
    import_torch()
    dtype = _dtype(spec, resolved, deterministic=deterministic)
    drawing = generation.of(resolved, spec, FOLLOWED)
    with quiet_transformers():
        chats = ChatTokens.of_model(resolved, spec)
        model = hf_weights.load(resolved, spec, dtype)
    parameters = model.num_parameters()
    if resolved.adapter:
        model = lora.applied(model, resolved, resolved.adapter).get_base_model()
    model.eval()
    facts = ModelFacts(
        name=resolved.name,
        engine="hf",
        revision=identity.revision(resolved, spec, chats, *_once(resolved, spec, drawing)),
        dtype=dtype,
        context=min(resolved.context or DEFAULT_CONTEXT, spec.context or resolved.context or DEFAULT_CONTEXT),
        parameters=parameters,
        note="; ".join(filter(None, ["deterministic: one request at a time" if deterministic else "", resolved.note])),
        adapter=resolved.adapter_facts,
        told=drawing.told,
    )
    rows = 1 if deterministic else spec.engine_options.max_num_seqs or BATCH_ROWS
    return HFEngine(model, chats, facts, batch_rows=rows, drawing=drawing)


def _once(resolved: ResolvedModel, spec: ModelSpec, drawing: Generation) -> list[str]:
    """Return what this engine once did otherwise: it followed the makers' penalties, and applied adapters unasked."""
    once = ["no penalties"] if spec.generation == "task" and drawing.forces else []
    return [*once, "without the adapter beside it"] if resolved.note else once


def _dtype(spec: ModelSpec, resolved: ResolvedModel, *, deterministic: bool) -> str:
    if deterministic and spec.dtype not in {"auto", "float32"}:
        raise UsageError(f"deterministic runs are in float32; {spec.model} asks for {spec.dtype}.")
    if deterministic:
        return "float32"
    return resolved.dtype if spec.dtype == "auto" else spec.dtype
