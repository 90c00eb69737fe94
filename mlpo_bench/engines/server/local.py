"""Servers on this machine, at the ports where they listen unless told otherwise."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mlpo_bench.engines.server.listing import listed
from mlpo_bench.engines.server.transport import Transport
from mlpo_bench.engines.spec import ModelSpec
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Iterable

PORTS = (8000, 30000, 8080, 11434, 1234)
"""Of vLLM, SGLang, llama.cpp, Ollama and LM Studio."""
_WITHIN_S = 2.0
_NO_KEY = "MLPO_BENCH_NO_KEY"
"""A variable that nobody sets: without one, the default's key would be sent."""


async def served_here(ports: Iterable[int] = PORTS) -> dict[str, tuple[str, ...]]:
    """Return the models that servers on this machine list, by the servers' addresses; no key is sent."""
    urls = [f"http://127.0.0.1:{port}/v1" for port in ports]
    names = await asyncio.gather(*map(_listed, urls))
    return {url: found for url, found in zip(urls, names, strict=True) if found}


async def _listed(url: str) -> tuple[str, ...]:
    spec = ModelSpec(model="-", base_url=url, api_key_env=_NO_KEY)
    transport = Transport(spec)
    try:
        async with asyncio.timeout(_WITHIN_S):
            return (await listed(transport, spec, tries=1)).names
    except (UsageError, TimeoutError):
        return ()
    finally:
        await transport.close()
