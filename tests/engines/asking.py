"""Asking an imitated server, one or several questions, through the engine for servers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.chat import Completion, Message, Sampling, Usage
from mlpo_bench.engines import open_engine
from mlpo_bench.errors import EngineError
from mlpo_bench.teams import ModelSpec
from tests.engines.imitated_server import (
    MODEL,
    ImitatedServer,
    Mode,
)


if TYPE_CHECKING:
    from mlpo_bench.engines import Engine

KEY = "sk-made-up-and-secret"
FIVE_TOKENS = Sampling(max_tokens=5)
TOLD = Usage(6, 4, 3)


def spec_of(server: ImitatedServer, model: str = MODEL, **more: Any) -> ModelSpec:
    return ModelSpec(**{"model": model, "base_url": server.url, "api_key_env": "MADE_UP_KEY", **more})


def ask(
    spec: ModelSpec,
    count: int = 1,
    sampling: Sampling = FIVE_TOKENS,
    said: list[str] | None = None,
    system: str | None = None,
) -> list[Completion]:
    async def go() -> list[Completion]:
        engine = await open_engine(spec, on_event=None if said is None else said.append)
        before = [Message("system", system)] if system else []
        try:
            chats = [[*before, Message("user", f"question {i}")] for i in range(count)]
            return await asyncio.gather(*(engine.complete(chat, sampling, i) for i, chat in enumerate(chats)))
        finally:
            await engine.close()

    return asyncio.run(go())


def ask_one(mode: str | Mode, **more: Any) -> Completion:
    with ImitatedServer(mode) as server:
        (made,) = ask(spec_of(server, **more))
    return made


def fault_of(mode: str | Mode, **more: Any) -> EngineError:
    with ImitatedServer(mode) as server, pytest.raises(EngineError) as caught:
        ask(spec_of(server, **more))
    return caught.value


def opened(spec: ModelSpec, said: list[str] | None = None) -> Engine:
    async def go() -> Engine:
        engine = await open_engine(spec, on_event=None if said is None else said.append)
        await engine.close()
        return engine

    return asyncio.run(go())


def body_of(mode: str | Mode = "well-behaved", system: str | None = None, **more: Any) -> dict[str, Any]:
    with ImitatedServer(mode) as server:
        assert ask(spec_of(server, **more), system=system)[0].text == "fine"
    return server.asked[-1].body
