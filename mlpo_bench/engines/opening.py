"""Starting engines: one for each distinct model, one after the other, all of them or none."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlpo_bench.engines import choose, models
from mlpo_bench.engines.base import ALONE, Engine, Share


if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping

    from mlpo_bench.engines.choose import Kind
    from mlpo_bench.engines.models import ResolvedModel
    from mlpo_bench.teams import ModelSpec


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a spec will be served, and why so."""

    spec: ModelSpec
    resolved: ResolvedModel | None
    kind: Kind
    why: str

    @property
    def identity(self) -> tuple[object, ...]:
        """What two specs must have in common to share an engine."""
        spec, resolved = self.spec, self.resolved
        if resolved is None:
            served = (spec.base_url, spec.api_key_env, spec.context, spec.concurrency)
            return (self.kind, spec.model, spec.revision, *served)
        dtype = resolved.dtype if spec.dtype == "auto" else spec.dtype
        return (self.kind, resolved.folder, resolved.revision, dtype, spec.context, spec.trust_remote_code)


async def open_engine(
    spec: ModelSpec,
    *,
    deterministic: bool = False,
    share: Share = ALONE,
    on_event: Callable[[str], None] | None = None,
) -> Engine:
    """Start the engine of one spec.

    `deterministic` asks for completions that do not depend on batching or order. `share` divides the device between
    several engines.

    Raises:
        BadInput: there is no such model, or it cannot be served here or in this way.
    """
    plan = await _plan(spec, deterministic=deterministic)
    return await _start(plan, deterministic=deterministic, share=share, on_event=on_event)


async def open_engines(
    specs: Iterable[ModelSpec], *, deterministic: bool = False, on_event: Callable[[str], None] | None = None
) -> dict[ModelSpec, Engine]:
    """Start an engine for each distinct model and return which serves each spec.

    `on_event` is told in a sentence which engine was taken, and why. If one cannot be started, those already
    started are closed.

    Raises:
        BadInput: as for `open_engine`.
    """
    plans = [await _plan(spec, deterministic=deterministic) for spec in dict.fromkeys(specs)]
    distinct = {plan.identity: plan for plan in reversed(plans)}
    on_device = sum(plan.kind == "vllm" for plan in distinct.values())
    started: dict[tuple[object, ...], Engine] = {}
    taken = 0
    async with contextlib.AsyncExitStack() as undo:
        for plan in plans:
            if plan.identity in started:
                continue
            taken += plan.kind == "vllm"
            share = Share(max(on_device, 1), max(taken, 1))
            engine = await _start(plan, deterministic=deterministic, share=share, on_event=on_event)
            undo.push_async_callback(engine.close)
            started[plan.identity] = engine
        undo.pop_all()
    return {plan.spec: started[plan.identity] for plan in plans}


async def close_engines(engines: Mapping[ModelSpec, Engine]) -> None:
    """Close every engine once, however many specs it serves."""
    await asyncio.gather(*(engine.close() for engine in {id(e): e for e in engines.values()}.values()))


async def _plan(spec: ModelSpec, *, deterministic: bool) -> _Plan:
    resolved = await asyncio.to_thread(models.resolve, spec) if choose.needs_weights(spec) else None
    kind, why = await asyncio.to_thread(choose.chosen, spec, resolved, deterministic=deterministic)
    return _Plan(spec, resolved, kind, why)


async def _start(plan: _Plan, *, deterministic: bool, share: Share, on_event: Callable[[str], None] | None) -> Engine:
    if on_event:
        on_event(f"{plan.spec.model}: engine {plan.kind} ({plan.why})")
    if plan.kind == "scripted":
        from mlpo_bench.engines.scripted import ScriptFileEngine

        return ScriptFileEngine(plan.spec)
    if plan.kind == "recorded":
        from mlpo_bench.engines.recorded import RecordedEngine

        return RecordedEngine.of(plan.spec)
    if plan.kind == "openai":
        from mlpo_bench.engines import openai

        return await openai.connect(plan.spec, deterministic=deterministic)
    assert plan.resolved is not None
    if plan.kind == "hf":
        from mlpo_bench.engines import hf

        return await asyncio.to_thread(hf.load, plan.resolved, plan.spec, deterministic=deterministic)
    from mlpo_bench.engines import vllm

    engine = await asyncio.to_thread(vllm.load, plan.resolved, plan.spec, deterministic=deterministic, share=share)
    if deterministic:
        await _close_unless(vllm.check_invariance(engine), engine)
    return engine


async def _close_unless(check: Coroutine[None, None, None], engine: Engine) -> None:
    """Run a check of an engine, and close the engine if it fails."""
    try:
        await check
    except BaseException:
        await engine.close()
        raise
