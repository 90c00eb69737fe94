"""Servers of a team: the keys that they are to be sent, and an answer to one small question each."""

from __future__ import annotations

import asyncio
import os
import re
from typing import TYPE_CHECKING

from mlpo_bench.chat import Message
from mlpo_bench.doctor.finding import Finding, State
from mlpo_bench.engines.server import connect
from mlpo_bench.engines.server.listing import TRIAL, TRIAL_SAMPLING
from mlpo_bench.errors import EngineError, UsageError


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mlpo_bench.engines import ModelSpec
    from mlpo_bench.teams import Member

TRIAL_SECONDS = 60.0
_VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)\}")
_MENDS = (
    (re.compile(r"refuses the key|answered 40[13]\b"), "export {key}=..."),
    (
        re.compile(r"answered 429\b"),
        "ask again later; `request: {{requests_per_minute: N}}` in the team file keeps a pace",
    ),
    (re.compile(r"answered 5\d\d\b"), "see the log of what serves {url}"),
    (
        re.compile("no server answers|cannot be reached|broke the connection off|not speak HTTP|did not answer within"),
        "start what serves {url}, or correct base_url in the team file",
    ),
)
"""What is to be done about a fault of these words."""


def keys(specs: Iterable[ModelSpec]) -> Iterator[Finding]:
    """Yield for each variable that a server's requests take something from whether it is set; never what it holds."""
    asked: dict[str, list[str]] = {}
    needed: set[str] = set()
    for spec in specs:
        in_headers = {name for value in spec.request.extra_headers.values() for name in variables(value)}
        needed |= in_headers
        for name in (spec.api_key_env, *sorted(in_headers)):
            asked.setdefault(name, []).extend(spec.addresses)
    for name, servers in asked.items():
        whom = servers[0] + (f" and {len(servers) - 1} more" if servers[1:] else "")
        if os.environ.get(name, "").strip():
            yield Finding("key", name, State.WORKS, f"set, for {whom}", needed=name in needed)
        elif name in needed:
            yield Finding(
                "key", name, State.NO, f"not set; a header for {whom} asks for it", _export(name), needed=True
            )
        else:
            yield Finding("key", name, State.TOLD, f"not set, so none is sent to {whom}")


def variables(value: str) -> tuple[str, ...]:
    """Return the environment variables that a header's value takes something from."""
    return tuple(match[1] or match[2] for match in _VARIABLE.finditer(value))


def _export(name: str) -> str:
    return f"export {name}=..."


async def servers(members: Sequence[Member]) -> list[Finding]:
    """Return for each server and model how it answers one small question; all are asked at once."""
    by_spec: dict[ModelSpec, Member] = {}
    for member in members:
        for address in member.addresses:
            by_spec.setdefault(member.spec.model_copy(update={"base_url": address}), member)
    return list(await asyncio.gather(*(_server(spec, member.persona) for spec, member in by_spec.items())))


async def _server(spec: ModelSpec, persona: str | None) -> Finding:
    what = f"{spec.model} at {spec.address}"
    bounds = {"timeout": min(TRIAL_SECONDS, spec.request.timeout), "max_wait": 0.0}
    trial = spec.model_copy(update={"request": spec.request.model_copy(update=bounds)})
    notes: list[str] = []
    try:
        engine = await connect(trial, on_event=notes.append, retries=0)
        try:
            chat = [*([Message("system", persona)] if persona else ()), TRIAL]
            completion = await engine.complete(chat, TRIAL_SAMPLING, 0)
            known = not engine.facts.note
        finally:
            await engine.close()
    except (UsageError, EngineError) as fault:
        return Finding("server", what, State.NO, str(fault), _mend(spec, str(fault)), needed=True)
    context = f", holds {engine.facts.context:,} tokens" if known else ""
    told = f"; {' '.join(notes)}" if notes else ""
    return Finding("server", what, State.WORKS, f"answered in {completion.seconds:.1f} s{context}{told}", needed=True)


def _mend(spec: ModelSpec, fault: str) -> str:
    unset = [name for value in spec.request.extra_headers.values() for name in variables(value) if name in fault]
    if unset:
        return _export(unset[0])
    for pattern, mend in _MENDS:
        if pattern.search(fault):
            return mend.format(key=spec.api_key_env, url=spec.address, model=spec.model)
    return f"correct what the team file says of {spec.model}; docs/servers.md has every option"
