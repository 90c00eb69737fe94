"""Serves a model with transformers: slower than vLLM, but runs wherever torch runs.

Requests join a batch while others are under way, and leave it as they end (`decoding/`). In deterministic mode each
request is a batch of its own in float32, so that its answer depends on nothing else.
"""

from __future__ import annotations

import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from mlpo_bench.chat import Completion, Usage
from mlpo_bench.engines import device_memory, generation, hf_fit, hf_weights, identity, lora, processor
from mlpo_bench.engines.base import ModelFacts
from mlpo_bench.engines.chats import ChatTokens
from mlpo_bench.engines.decoding.admission import Admission
from mlpo_bench.engines.decoding.rows import Row
from mlpo_bench.engines.out_of_memory import ran_out
from mlpo_bench.engines.quiet import quiet_transformers
from mlpo_bench.engines.threads import import_torch
from mlpo_bench.errors import ContextOverflow, EngineError, UsageError


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.chat import FinishReason, Message, Sampling
    from mlpo_bench.engines.generation import Generation
    from mlpo_bench.engines.resolved import ResolvedModel
    from mlpo_bench.engines.spec import ModelSpec

BATCH_ROWS = {"cpu": 64}
BATCH_ROWS_ELSEWHERE = 1_024
# Bounds the key-value cache of a batch: rows times the longest prompt plus answer.
BATCH_TOKENS = 131_072
# A GPU's own memory bounds it there: rows that join or leave have it copied, so it is held twice for a while.
CACHE_SHARE = 0.3
# Tokens of prompts read in one pass. Reading keeps a CPU busy with few, and more would be padded; a GPU wants many.
READ_TOGETHER, READ_TOGETHER_ELSEWHERE = 512, 65_536
DEFAULT_CONTEXT = 4_096
_ONCE_LOST_THEIR_STATE = frozenset({"mamba", "falcon_mamba", "recurrent_gemma"})
TOO_NEW = (5, 20)
"""The first version of transformers that decoding has not been tried with and found right."""


@dataclass(frozen=True, slots=True)
class _Asker:
    """Who waits for a row: since when, what its prompt opened of the answer, and where that is to go."""

    since: float
    opened: str
    answer: asyncio.Future[Completion]


class HFEngine:
    """One model in this process. Make it with `load`, or from what is already loaded (as tests do).

    Args:
        model: a transformers causal language model.
        chats: renders chats for it.
        facts: what was loaded.
        batch_rows: the most requests decoded together, by default as suits the device; 1 makes each independent of
            all others.
        drawing: how its answers are drawn, beside what requests say.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401 - transformers has no types
        chats: ChatTokens,
        facts: ModelFacts,
        *,
        batch_rows: int | None = None,
        drawing: Generation = generation.AS_THE_TASK_SAYS,
    ) -> None:
        from mlpo_bench.engines.decoding.attention import use_heads_as_queries
        from mlpo_bench.engines.decoding.decoder import Decoder

        use_heads_as_queries(model)
        self._chats, self._facts, self._drawing = chats, facts, drawing
        self._ends = hf_fit.ends(model, chats)
        self._decoder = Decoder(model, chats.tokenizer, self._ends, drawing)
        rows = batch_rows or BATCH_ROWS.get(model.device.type, BATCH_ROWS_ELSEWHERE)
        self._admission = Admission(rows, *_bounds(model), joins=self._decoder.joins)
        self._askers: dict[Row, _Asker] = {}
        self._halted: Exception | None = None
        self._worker: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hf-engine")

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
            raise self._halted.with_traceback(None)
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
        row = Row(ids, sampling, seed)
        asker = self._askers[row] = _Asker(
            asked, self._chats.opened(messages), asyncio.get_running_loop().create_future()
        )
        self._admission.waiting.append(row)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await asker.answer

    def halt(self, reason: Exception) -> None:
        """Begin nothing more: what waits gets `reason` instead."""
        self._halted = self._halted or reason
        self._refuse_waiting(reason)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the length of a chat in tokens."""
        return len(self._chats.ids(messages))

    async def close(self) -> None:
        """Finish what is under way and let the model go; what still waits fails."""
        self._refuse_waiting(EngineError("the engine was closed.", transient=False))
        if self._worker is not None and not self._worker.done():
            await asyncio.wait([self._worker])
        self._thread.shutdown()
        del self._decoder

    async def _work(self) -> None:
        """Decode for as long as anybody waits: those who began to wait meanwhile are let in between two calls."""
        loop = asyncio.get_running_loop()
        while True:
            self._forget_cancelled()
            groups = self._admission.groups(self._decoder.rows)
            if not groups and not self._decoder.rows:
                return
            admitted = [row for group in groups for row in group]
            try:
                ended = await loop.run_in_executor(self._thread, self._decoder.advance, groups)
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
                await self._failed(list(dict.fromkeys([*self._decoder.release(), *admitted])), error)
            else:
                self._settle_ended(ended)

    def _refuse_waiting(self, reason: Exception) -> None:
        waiting, self._admission.waiting = self._admission.waiting, []
        for row in waiting:
            self._settle(row, reason)

    def _forget_cancelled(self) -> None:
        cancelled = {row for row, asker in self._askers.items() if asker.answer.done()}
        if cancelled:
            self._admission.waiting = [row for row in self._admission.waiting if row not in cancelled]
            self._decoder.drop(cancelled)
            for row in cancelled:
                del self._askers[row]

    async def _failed(self, rows: Sequence[Row], error: Exception) -> None:
        """Begin rows that failed together anew: half as many where memory ran out, else without those at fault.

        One that failed alone is told what failed.
        """
        if len(rows) == 1:
            self._admission.restore()  # it was this one that did not fit
            self._settle(rows[0], self._fault(f"{type(error).__name__}: {error}"))
        elif ran_out(error):
            _free_cached()
            self._admission.halve(len(rows))
            self._admission.waiting.extend(rows)
        elif not await self._sorted_out(rows):
            self._admission.halve(len(rows))

    async def _sorted_out(self, rows: Sequence[Row]) -> int:
        """Decode each row alone for a while, and return how many failed; the others wait to be let in again."""
        failed = 0
        for row in rows:
            try:
                ended = await asyncio.get_running_loop().run_in_executor(self._thread, self._decoder.advance, [[row]])
            except Exception as error:  # noqa: BLE001 - as above
                failed += 1
                self._settle(row, self._fault(f"{type(error).__name__}: {error}"))
            else:
                self._settle_ended(ended)
                self._admission.waiting += self._decoder.rows
            self._decoder.release()
        return failed

    def _fault(self, what: str) -> EngineError:
        return EngineError(f"{self._facts.full_name}: {what}", transient=False)

    def _settle_ended(self, ended: Sequence[Row]) -> None:
        for row in ended:
            self._settle(row, self._completion(row) if row.fault is None else self._fault(row.fault))

    def _settle(self, row: Row, answer: Completion | Exception) -> None:
        future = self._askers.pop(row).answer
        if future.done():  # whoever asked was cancelled
            return
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)

    def _completion(self, row: Row) -> Completion:
        # The token that ends an answer is no part of it, whether or not its tokenizer calls it special.
        at_end = bool(row.written) and row.written[-1] in self._ends
        text = self._chats.decoded(row.written[:-1] if at_end else row.written)
        stops = [at for stop in row.sampling.stop if (at := text.find(stop)) >= 0]
        ended = bool(stops) or at_end
        reason: FinishReason = "stop" if ended else "length"
        text = text[: min(stops)] if stops else text
        usage = Usage(prompt=len(row.ids), completion=len(row.written))
        asker = self._askers[row]
        return Completion(asker.opened + text, usage, reason, time.perf_counter() - asker.since)


def _bounds(model: Any) -> tuple[int, int]:  # noqa: ANN401 - transformers has no types
    """Return the most tokens that are decoded together, and the most that are read in one pass."""
    if model.device.type != "cuda":
        return BATCH_TOKENS, READ_TOGETHER
    import torch

    text = model.config.get_text_config()  # by its attributes, as older models' files have names of their own
    named = {name: getattr(text, name, None) for name in device_memory.DECIDES_CACHE}
    token = device_memory.cache_of_a_token(named, model.dtype.itemsize)
    free, _ = torch.cuda.mem_get_info(model.device)
    tokens = max(int(CACHE_SHARE * free / token), 1) if token else BATCH_TOKENS
    return tokens, min(READ_TOGETHER_ELSEWHERE, tokens)


def _free_cached() -> None:
    """Hand memory back that torch keeps of a GPU without using it."""
    import torch

    torch.cuda.empty_cache()


def _check_transformers(installed: str) -> None:
    """Refuse a version with which the decoding was seen to crash, or to draw other tokens without a word (5.24)."""
    numbers = tuple(int(part) for part in re.findall(r"[0-9]+", installed)[:2])
    if numbers >= TOO_NEW:
        raise UsageError(
            f"transformers {installed} is newer than what engine hf decodes rightly with: "
            f"pip install 'transformers<{TOO_NEW[0]}.{TOO_NEW[1]}', or take engine vllm or a server."
        )


def load(resolved: ResolvedModel, spec: ModelSpec, *, deterministic: bool = False) -> HFEngine:
    """Load a model's weights and tokenizer (blocks; `open_engine` calls it in a thread).

    An adapter stays beside the weights, as it was trained: nothing of it is rounded. That takes time: with LoRA on q
    and v of SmolLM2, answers took a third to a half more of a CPU's.

    Raises:
        UsageError: transformers does not know the architecture, or is too new, or the dtype contradicts deterministic
            mode.
    """
    import_torch()
    _check_transformers(version("transformers"))
    from mlpo_bench.engines.decoding.rules import FOLLOWED

    dtype = _dtype(spec, resolved, deterministic=deterministic)
    drawing = generation.of(resolved, spec, FOLLOWED)
    with quiet_transformers():
        chats = ChatTokens.of_model(resolved, spec)
        model, left_out = hf_weights.load(resolved, spec, dtype)
    hf_fit.check_vocabulary(model, chats, resolved)
    hf_fit.check_advice(model, chats, resolved, drawing)
    parameters = resolved.parameters if resolved.is_quantised else model.num_parameters()
    if resolved.adapter:
        model = lora.applied(model, resolved, resolved.adapter).get_base_model()
    model.eval()
    if not processor.computes_halves():
        from mlpo_bench.engines import wide_products

        wide_products.widen(model)
    rows = hf_fit.rows(model, chats, resolved, 1 if deterministic else spec.engine_options.max_num_seqs)
    holds = resolved.context or hf_fit.context(model) or DEFAULT_CONTEXT
    facts = ModelFacts(
        name=resolved.name,
        engine="hf",
        revision=identity.revision(resolved, spec, chats, *_once(resolved, spec, drawing)),
        dtype=dtype,
        context=min(holds, spec.context or holds),
        parameters=parameters,
        note="; ".join(filter(None, [_pace(spec, rows, deterministic=deterministic), resolved.note, left_out])),
        adapter=resolved.adapter_facts,
        told=drawing.told,
    )
    return HFEngine(model, chats, facts, batch_rows=rows, drawing=drawing)


def _once(resolved: ResolvedModel, spec: ModelSpec, drawing: Generation) -> list[str]:
    """Return what this engine once did otherwise.

    It followed the makers' penalties, applied adapters unasked, and lost what some models keep of a text.
    """
    once = {
        "no penalties": spec.generation == "task" and drawing.forces,
        "without the adapter beside it": bool(resolved.note) and resolved.adapter is None,
        "state kept": resolved.config.get("model_type") in _ONCE_LOST_THEIR_STATE,
    }
    return [words for words, holds in once.items() if holds]


def _pace(spec: ModelSpec, rows: int | None, *, deterministic: bool) -> str:
    """Return why requests are answered one at a time; nothing where they are not, or a team file says so."""
    if deterministic:
        return "deterministic: one request at a time"
    alone = rows == 1 and spec.engine_options.max_num_seqs != 1
    return "one request at a time: beside others it writes otherwise" if alone else ""


def _dtype(spec: ModelSpec, resolved: ResolvedModel, *, deterministic: bool) -> str:
    if deterministic and spec.dtype not in {"auto", "float32"}:
        raise UsageError(f"deterministic runs are in float32; {spec.model} asks for {spec.dtype}.")
    if deterministic:
        return "float32"
    return resolved.computed_in(spec.dtype)
