"""Starting engines: one for each distinct model, one after the other, all of them or none."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlpo_bench.engines import choose, models
from mlpo_bench.engines.base import ALONE, Engine, Share


if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence

    from mlpo_bench.engines.choose import Kind
    from mlpo_bench.engines.resolved import ResolvedModel
    from mlpo_bench.teams import ModelSpec


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a spec will be served, and why so."""

    spec: ModelSpec
    resolved: ResolvedModel | None
    kind: Kind
    why: str

    @property
    def dtype(self) -> str:
        """The type that weights are served in."""
        assert self.resolved is not None
        return self.resolved.dtype if self.spec.dtype == "auto" else self.spec.dtype

    @property
    def host(self) -> tuple[object, ...]:
        """What two specs must have in common to be served by one process."""
        spec, resolved = self.spec, self.resolved
        if resolved is None:
            served = (spec.base_url, spec.api_key_env, spec.context, spec.concurrency)
            return (self.kind, spec.model, spec.revision, spec.adapter, *served)
        beside = self.kind == "vllm" and not resolved.merged
        alone = None if beside or resolved.adapter is None else resolved.adapter.revision
        weights = (resolved.folder, resolved.revision, alone, self.dtype)
        return (self.kind, *weights, spec.context, spec.trust_remote_code)

    @property
    def identity(self) -> tuple[object, ...]:
        """What two specs must have in common to share an engine."""
        adapter = self.resolved and self.resolved.adapter
        return (*self.host, adapter and adapter.revision)


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
        UsageError: there is no such model, or it cannot be served here or in this way.
    """
    plan = await _plan(spec, deterministic=deterministic, on_event=on_event)
    (engine,) = await _start([plan], deterministic=deterministic, share=share, on_event=on_event)
    return engine


async def open_engines(
    specs: Iterable[ModelSpec], *, deterministic: bool = False, on_event: Callable[[str], None] | None = None
) -> dict[ModelSpec, Engine]:
    """Start an engine for each distinct model and return which serves each spec.

    `on_event` is told in a sentence which engine was taken, and why. If one cannot be started, those already
    started are closed.

    Raises:
        UsageError: as for `open_engine`.
    """
    plans = [await _plan(spec, deterministic=deterministic, on_event=on_event) for spec in dict.fromkeys(specs)]
    hosts: dict[tuple[object, ...], dict[tuple[object, ...], _Plan]] = {}
    for plan in plans:
        hosts.setdefault(plan.host, {}).setdefault(plan.identity, plan)
    on_device = sum(next(iter(host.values())).kind == "vllm" for host in hosts.values())
    started: dict[tuple[object, ...], Engine] = {}
    taken = 0
    async with contextlib.AsyncExitStack() as undo:
        for host in hosts.values():
            together = list(host.values())
            taken += together[0].kind == "vllm"
            share = Share(max(on_device, 1), max(taken, 1))
            engines = await _start(together, deterministic=deterministic, share=share, on_event=on_event)
            for engine in engines:
                undo.push_async_callback(engine.close)
            started |= dict(zip(host, engines, strict=True))
        undo.pop_all()
    return {plan.spec: started[plan.identity] for plan in plans}


async def close_engines(engines: Mapping[ModelSpec, Engine]) -> None:
    """Close every engine once, however many specs it serves."""
    await asyncio.gather(*(engine.close() for engine in {id(e): e for e in engines.values()}.values()))


async def _plan(spec: ModelSpec, *, deterministic: bool, on_event: Callable[[str], None] | None) -> _Plan:
    resolved = await asyncio.to_thread(models.resolve, spec) if choose.needs_weights(spec) else None
    kind, why = await asyncio.to_thread(choose.chosen, spec, resolved, deterministic=deterministic)
    plan = _Plan(spec, resolved, kind, why)
    if kind != "vllm" or resolved is None or resolved.adapter is None:
        return plan
    from mlpo_bench.engines import merged, vllm_adapters

    if await asyncio.to_thread(vllm_adapters.served_beside, resolved.adapter, deterministic=deterministic):
        return plan
    if on_event and not merged.here(resolved, plan.dtype):
        on_event(f"{spec.name}: merging the adapter into a copy of the model, once")
    return replace(plan, resolved=await asyncio.to_thread(merged.copy_of, resolved, plan.dtype))


async def _start(
    together: Sequence[_Plan], *, deterministic: bool, share: Share, on_event: Callable[[str], None] | None
) -> list[Engine]:
    """Start what serves some specs, several of them only where they differ in adapters that one process serves."""
    plan = together[0]
    if on_event:
        for each in together:
            on_event(f"{each.spec.name}: engine {each.kind} ({each.why})")
    if plan.kind == "scripted":
        from mlpo_bench.engines.scripted import ScriptFileEngine

        return [ScriptFileEngine(plan.spec)]
    if plan.kind == "recorded":
        from mlpo_bench.engines.recorded import RecordedEngine

        return [RecordedEngine.of(plan.spec)]
    if plan.kind == "openai":
        from mlpo_bench.engines import openai

        return [await openai.connect(plan.spec, deterministic=deterministic)]
    assert plan.resolved is not None
    if plan.kind == "hf":
        from mlpo_bench.engines import hf

        return [await asyncio.to_thread(hf.load, plan.resolved, plan.spec, deterministic=deterministic)]
    found = [each.resolved for each in together if each.resolved]
    return await _start_vllm(found, plan.spec, deterministic=deterministic, share=share)


async def _start_vllm(
    found: Sequence[ResolvedModel], spec: ModelSpec, *, deterministic: bool, share: Share
) -> list[Engine]:
    from mlpo_bench.engines import vllm, vllm_adapters

    engines = await asyncio.to_thread(vllm.load, found, spec, deterministic=deterministic, share=share)
    if len(engines) > 1:
        await _close_unless(vllm_adapters.check_apart(engines), engines)
    if deterministic:
        for engine in engines:
            await _close_unless(vllm.check_invariance(engine), engines)
    return [*engines]


async def _close_unless(check: Coroutine[None, None, None], engines: Sequence[Engine]) -> None:
    """Run a check of an engine, and close all that were started with it if it fails."""
    try:
        await check
    except BaseException:
        await asyncio.gather(*(engine.close() for engine in engines))
        raise
