"""Starting engines: one for each distinct model, one after the other, all of them or none."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mlpo_bench.engines import choose, models
from mlpo_bench.engines.base import ALONE, Engine, Share
from mlpo_bench.engines.spec import OpenOptions
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mlpo_bench.engines.resolved import ResolvedModel
    from mlpo_bench.engines.spec import EngineKind, ModelSpec

_OFFERS = ("facts", "complete", "count_tokens", "close")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a spec will be served, and why so."""

    spec: ModelSpec
    weights: ResolvedModel | None
    kind: type[EngineKind]
    why: str

    @property
    def host(self) -> tuple[object, ...]:
        """What two specs must have in common to be served by one process."""
        spec, weights = self.spec, self.weights
        if weights is None:
            served = (spec.base_url, spec.api_key_env, spec.context, spec.concurrency)
            asked = (spec.request, spec.deployment, spec.asked_anew, spec.generation)
            return (self.kind, spec.model, spec.revision, spec.adapter, *served, *asked)
        beside = self.kind.serves_adapters_together and not weights.merged
        alone = None if beside or weights.adapter is None else weights.adapter.revision
        dtype = weights.computed_in(spec.dtype)
        loaded = (weights.folder, weights.revision, alone, dtype, spec.context, spec.trust_remote_code)
        return (self.kind, *loaded, weights.tokenizer, spec.generation, spec.engine_options)

    @property
    def identity(self) -> tuple[object, ...]:
        """What two specs must have in common to share an engine."""
        adapter = self.weights and self.weights.adapter
        return (*self.host, adapter and adapter.revision)


class OpenEngines(Protocol):
    """What starts a run's engines: `open_engines`, or what stands in for it."""

    async def __call__(
        self, specs: Iterable[ModelSpec], *, deterministic: bool = False, on_event: Callable[[str], None] | None = None
    ) -> Mapping[ModelSpec, Engine]:
        """Start an engine for each distinct model and return which serves each spec; the run closes them."""
        ...


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
    plans = await planned(specs, deterministic=deterministic, on_event=on_event)
    return await opened(plans, deterministic=deterministic, on_event=on_event)


async def planned(
    specs: Iterable[ModelSpec], *, deterministic: bool, on_event: Callable[[str], None] | None
) -> list[Plan]:
    """Return how each distinct model will be served; its weights are at hand then."""
    every = list(dict.fromkeys(specs))
    for spec in every:
        if on_event and spec.placement.replicas > 1:
            on_event(
                f"{spec.name}: one of its {spec.placement.replicas} replicas is started; --executor ray starts all"
            )
    return [await _plan(spec, deterministic=deterministic, on_event=on_event) for spec in every]


async def opened(
    plans: Sequence[Plan], *, deterministic: bool, on_event: Callable[[str], None] | None
) -> dict[ModelSpec, Engine]:
    """Start what was planned, all of it or none; see `open_engines`."""
    hosts: dict[tuple[object, ...], dict[tuple[object, ...], Plan]] = {}
    for plan in plans:
        hosts.setdefault(plan.host, {}).setdefault(plan.identity, plan)
    shares = await _shares(list(hosts.values()), deterministic=deterministic)
    started: dict[tuple[object, ...], Engine] = {}
    async with contextlib.AsyncExitStack() as undo:
        for host, share in zip(hosts.values(), shares, strict=True):
            together = list(host.values())
            engines = await _start(together, deterministic=deterministic, share=share, on_event=on_event)
            for engine in engines:
                undo.push_async_callback(engine.close)
            started |= dict(zip(host, engines, strict=True))
        undo.pop_all()
    return {plan.spec: started[plan.identity] for plan in plans}


async def _shares(hosts: Sequence[Mapping[tuple[object, ...], Plan]], *, deterministic: bool) -> list[Share]:
    """Return the part of the device that each process may take; those of one kind divide it between them."""
    plans = [next(iter(host.values())) for host in hosts]
    shares = [ALONE] * len(plans)
    for kind in {plan.kind for plan in plans if plan.kind.shares_device}:
        places = [place for place, plan in enumerate(plans) if plan.kind is kind]
        served = [(plans[place].spec, weights) for place in places if (weights := plans[place].weights)]
        parts = await kind.shares(served, deterministic=deterministic) if len(served) == len(places) else None
        for n, place in enumerate(places):
            shares[place] = parts[n] if parts else Share(len(places), n + 1)
    return shares


async def close_engines(engines: Mapping[ModelSpec, Engine]) -> None:
    """Close every engine once, however many specs it serves."""
    await asyncio.gather(*(engine.close() for engine in {id(e): e for e in engines.values()}.values()))


async def _plan(spec: ModelSpec, *, deterministic: bool, on_event: Callable[[str], None] | None) -> Plan:
    weights = await _resolved(spec, on_event) if spec.needs_weights else None
    kind, why = await asyncio.to_thread(choose.chosen, spec, weights, deterministic=deterministic)
    if weights is not None:
        weights = await kind.prepared(spec, weights, deterministic=deterministic, on_event=on_event)
    return Plan(spec, weights, kind, why)


async def _resolved(spec: ModelSpec, on_event: Callable[[str], None] | None) -> ResolvedModel:
    say = on_event or (lambda _: None)
    if work := await asyncio.to_thread(models.takes_time, spec):
        say(f"{spec.name}: {work}")
    weights = await asyncio.to_thread(models.resolve, spec)
    if weights.note:
        say(f"{spec.name}: {weights.note}")
    return weights


async def _start(
    together: Sequence[Plan], *, deterministic: bool, share: Share, on_event: Callable[[str], None] | None
) -> Sequence[Engine]:
    """Start what serves some specs, several of them only where they differ in adapters that one process serves."""
    plan = together[0]
    if on_event:
        for each in together:
            on_event(f"{each.spec.name}: engine {each.kind.name} ({each.why})")
    options = OpenOptions(deterministic, plan.weights, share, on_event)
    if len(together) > 1:
        weights = [each.weights for each in together if each.weights]
        engines = await plan.kind.open_together(weights, plan.spec, options)
        _say_left_out(engines[0], plan.spec, on_event)
        return engines
    engine = await plan.kind.open(plan.spec, options)
    try:
        _check(engine, plan)
    except UsageError:
        if hasattr(engine, "close"):
            await engine.close()
        raise
    _say_left_out(engine, plan.spec, on_event)
    return [engine]


def _say_left_out(engine: Engine, spec: ModelSpec, on_event: Callable[[str], None] | None) -> None:
    """Tell what a model's makers advise that its engine cannot follow, where their advice is asked for."""
    left_out = (engine.facts.told or {}).get("left_out")
    if on_event and spec.generation == "model" and left_out:
        listed = ", ".join(f"{name} {value}" for name, value in left_out.items())
        on_event(f"{spec.name}: engine {engine.facts.engine} leaves out what its makers also advise: {listed}")


def _check(engine: Engine, plan: Plan) -> None:
    """Check that an engine is one, and that its completions cannot be taken for those of another.

    Raises:
        UsageError: it is not, or they can.
    """
    kind = plan.kind
    if missing := [name for name in _OFFERS if not hasattr(engine, name)]:
        raise UsageError(f"engine {kind.name!r} opens something that has no {', '.join(map(repr, missing))}.")
    if engine.facts.engine != kind.name and not kind.speaks_for_others:
        raise UsageError(
            f"the facts of engine {kind.name!r} name the engine {engine.facts.engine!r}, so its completions would be "
            f"taken for those of that one; let them name {kind.name!r}."
        )
