"""Several servers of one model behind one entry of a team file."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from mlpo_bench.engines.replicas import Limits, ReplicatedEngine, difference
from mlpo_bench.engines.server.engine import ServerEngine, connect
from mlpo_bench.engines.server.listing import NoServer
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mlpo_bench.engines.spec import ModelSpec


async def connect_each(
    spec: ModelSpec, *, deterministic: bool = False, on_event: Callable[[str], None] | None = None
) -> ReplicatedEngine:
    """Connect to all servers of a model, and check that they serve the same; those that are down may come later.

    Raises:
        UsageError: none answers, one cannot be asked, or they serve different models.
    """
    say = on_event or (lambda _: None)
    once = partial(_ready, spec, deterministic=deterministic, on_event=on_event)
    outcomes = await asyncio.gather(*(once(url=url) for url in spec.addresses), return_exceptions=True)
    engines = {url: one for url, one in zip(spec.addresses, outcomes, strict=True) if isinstance(one, ServerEngine)}
    try:
        _check(outcomes, engines)
    except BaseException:
        await asyncio.gather(*(engine.close() for engine in engines.values()))
        raise
    for url in spec.addresses:
        if url not in engines:
            say(f"no server answers at {url}, so it is left out until one does.")

    return ReplicatedEngine(
        engines=[engines.get(url) for url in spec.addresses],
        names=[f"the server {url}" for url in spec.addresses],
        reopen=lambda place: _ready(spec, url=spec.addresses[place]),
        limits=Limits(capacity=spec.concurrency, answer=spec.request.timeout),
        say=say,
    )


async def _ready(
    spec: ModelSpec, *, url: str, deterministic: bool = False, on_event: Callable[[str], None] | None = None
) -> ServerEngine:
    """Connect to a server that serves already: one that is still loading its model shows neither list nor answer.

    Raises:
        NoServer: it cannot be reached, or does not serve anything yet.
        UsageError: it cannot be asked.
    """
    engine = await connect(spec, deterministic=deterministic, on_event=on_event, retries=0, url=url)
    if engine.unready:
        await engine.close()
        raise NoServer(f"the server {url} serves nothing yet: {engine.unready.rstrip('.')}.")
    return engine


def _check(outcomes: Sequence[ServerEngine | BaseException], engines: Mapping[str, ServerEngine]) -> None:
    """Check that one server answers at least, that all that do can be asked, and that they serve the same."""
    faults = [one for one in outcomes if isinstance(one, BaseException)]
    if fault := next((one for one in faults if not isinstance(one, NoServer)), None):
        raise fault
    if not engines:
        raise faults[0]
    (url, first), *others = engines.items()
    for another, engine in others:
        if apart := difference(engine.facts, first.facts):
            raise UsageError(_unlike({url: first, another: engine}, apart))


def _unlike(two: Mapping[str, ServerEngine], apart: str) -> str:
    """Return the sentence on two servers that differ, or of which one does not show what it serves."""
    url, another = two
    what = (
        "All addresses of one base_url answer for one model; give each of them a member of its own, or leave one out."
    )
    hidden = [f"of {one}, {engine.hindrance}" for one, engine in two.items() if engine.hindrance]
    if hidden:
        return f"the servers {url} and {another} do not show that they serve the same: {'; '.join(hidden)}. {what}"
    return f"the servers {url} and {another} do not serve the same: of {another}, {apart}. {what}"
