"""Starting a run's engines on a cluster: as many of each model as its placement says, and one engine over them."""

from __future__ import annotations

import asyncio
from collections import Counter
from math import prod
from typing import TYPE_CHECKING

from mlpo_bench.engines import opening
from mlpo_bench.engines.cluster.actors import Actor, Needs
from mlpo_bench.engines.cluster.session import joined
from mlpo_bench.engines.placement import ANYWHERE
from mlpo_bench.engines.replicas import Limits, ReplicatedEngine, difference
from mlpo_bench.errors import EngineError, UsageError


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mlpo_bench.engines.base import Engine
    from mlpo_bench.engines.cluster.actors import ActorEngine
    from mlpo_bench.engines.cluster.session import Session
    from mlpo_bench.engines.spec import ModelSpec

    Say = Callable[[str], None]

PATIENCE_S = 1_800.0
"""How long requests wait where no replica is left: weights of many GB are loaded anew meanwhile."""
CAPACITY = 256
"""How many requests an engine answers at once where its options do not say: vLLM's own bound."""


async def open_engines(
    specs: Iterable[ModelSpec], *, deterministic: bool = False, on_event: Say | None = None
) -> dict[ModelSpec, Engine]:
    """Start the engines of a run on a cluster and return which serves each spec; servers are asked from here.

    Raises:
        UsageError: Ray is missing, the cluster cannot be joined or lacks what is asked for, or an engine cannot be
            opened.
    """
    say = on_event or (lambda _: None)
    every = list(dict.fromkeys(specs))
    served = [spec for spec in every if spec.base_url]
    placed = [spec for spec in every if not spec.base_url]
    engines = await opening.open_engines(served, deterministic=deterministic, on_event=on_event) if served else {}
    if not placed:
        return engines
    try:
        session = await joined(say)
        return engines | await _placed(session, _together(placed), say, deterministic=deterministic)
    except BaseException:
        await opening.close_engines(engines)
        raise


def _together(specs: Sequence[ModelSpec]) -> list[list[ModelSpec]]:
    """Return specs by what they are loaded with: a model and its adapters lie in the same actors."""
    groups: dict[ModelSpec, list[ModelSpec]] = {}
    for spec in specs:
        groups.setdefault(spec.model_copy(update={"adapter": None}), []).append(spec)
    return list(groups.values())


async def _placed(
    session: Session, groups: Sequence[Sequence[ModelSpec]], say: Say, *, deterministic: bool
) -> dict[ModelSpec, Engine]:
    """Start all actors side by side, or none."""
    session.enter()  # until the actors count for themselves
    sets: list[list[Actor]] = []
    try:
        needs = [_needs(group[0], session.resources) for group in groups]
        _check(session.resources, groups, needs)
        sets = [_replicas(session, *one, deterministic=deterministic) for one in zip(groups, needs, strict=True)]
        await _start([actor for replicas in sets for actor in replicas])
        engines: dict[ModelSpec, Engine] = {}
        for group, replicas in zip(groups, sets, strict=True):
            _tell(replicas, say)
            engines |= {spec: _one_over(replicas, place, spec, say) for place, spec in enumerate(group)}
    except BaseException:
        await asyncio.gather(*(actor.end() for replicas in sets for actor in replicas))
        raise
    finally:
        await session.leave()
    return engines


def _replicas(session: Session, group: Sequence[ModelSpec], needs: Needs, *, deterministic: bool) -> list[Actor]:
    here = [spec.model_copy(update={"placement": ANYWHERE}) for spec in group]
    names = [f"replica {n} of {group[0].model}" for n in range(1, group[0].placement.replicas + 1)]
    return [Actor(session, name, here, needs, deterministic=deterministic) for name in names]


async def _start(actors: Sequence[Actor]) -> None:
    outcomes = await asyncio.gather(*(actor.start() for actor in actors), return_exceptions=True)
    if fault := next((one for one in outcomes if one is not None), None):
        raise UsageError(str(fault)) if isinstance(fault, EngineError) else fault


def _needs(spec: ModelSpec, resources: Mapping[str, float]) -> Needs:
    """Return what one replica takes of a cluster."""
    placement, options = spec.placement, spec.engine_options
    gpus = placement.gpus
    if gpus is None:
        on_gpus = spec.needs_weights and resources.get("GPU", 0) > 0
        gpus = prod([options.tensor_parallel, options.pipeline_parallel, options.data_parallel]) if on_gpus else 0
    return Needs(gpus, placement.cpus, placement.resources)


def _check(resources: Mapping[str, float], groups: Sequence[Sequence[ModelSpec]], needs: Sequence[Needs]) -> None:
    """Check that a cluster has what all replicas together take: what is asked of it otherwise waits for ever.

    Raises:
        UsageError: it has less; the message has the numbers.
    """
    wanted: Counter[str] = Counter()
    for group, need in zip(groups, needs, strict=True):
        for name, amount in need.by_name.items():
            wanted[name] += amount * group[0].placement.replicas  # type: ignore[assignment] # Ray has parts of a GPU
    for name, amount in wanted.items():
        if amount > (has := resources.get(name, 0)):
            raise UsageError(
                f"the replicas of this run take {amount:g} {name} together, and the cluster has {has:g}; lower "
                "`placement` in the team file, or join a larger one."
            )


def _tell(replicas: Sequence[Actor], say: Say) -> None:
    """Say what actors had to say, once for all, and where they are; check that all have loaded the same.

    Raises:
        UsageError: they have not.
    """
    for sentence in dict.fromkeys(sentence for actor in replicas for sentence in actor.opened.said):
        say(sentence)
    first, *others = replicas
    nodes = Counter(actor.opened.node for actor in replicas)
    where = ", ".join(f"{count} on {node}" for node, count in nodes.items())
    say(f"{first.specs[0].model}: {len(replicas)} replica{'s' * (len(replicas) > 1)} ({where})")
    for other in others:
        for facts, first_facts in zip(other.opened.facts, first.opened.facts, strict=True):
            if apart := difference(facts, first_facts):
                raise UsageError(
                    f"{first.name} (on {first.opened.node}) and {other.name.partition(' of ')[0]} (on "
                    f"{other.opened.node}) have not loaded the same: {apart}. All machines need the same files under "
                    "the same name."
                )


def _one_over(replicas: Sequence[Actor], place: int, spec: ModelSpec, say: Say) -> ReplicatedEngine:
    """Return one engine over those of a spec in all actors."""
    engines = [actor.engine(place) for actor in replicas]

    async def reopen(number: int) -> ActorEngine:
        await replicas[number].start(instead_of=engines[number].handle)
        engines[number] = replicas[number].engine(place)
        return engines[number]

    limits = Limits(spec.engine_options.max_num_seqs or CAPACITY, patience=PATIENCE_S)
    return ReplicatedEngine(engines, [actor.name for actor in replicas], reopen, limits, say)
