"""Imitates a vLLM server that batches as it does, and whose steps take as long as a formula says. See `peers.py`.

What a side makes of its server shows in the number of its steps, which no other work on the machine disturbs.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

# Seconds of a step, and more for each row and each prompt token that is read in it; about those of a GPU.
STEP_S, ROW_S, READ_S = 0.012, 0.00005, 0.00002
MOST_ROWS, MOST_READ, BLOCK = 256, 8_192, 32
MEAN_TOKENS = 100
CHARACTERS_PER_TOKEN = 4
WORDS = ("the", "answer", "is", "(A)", "so")


@dataclass(slots=True)
class Asked:
    """A request: its prompt's tokens, the blocks of its prefixes, what it has yet to write, and who waits."""

    prompt: int
    blocks: list[int]
    left: int
    done: asyncio.Future[None]


@dataclass(slots=True)
class Batcher:
    """Reads prompts in the order in which they came, whole, and writes a token for each row in every step."""

    waiting: list[Asked] = field(default_factory=list)
    running: list[Asked] = field(default_factory=list)
    known: set[int] = field(default_factory=set)
    steps: int = 0
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    def ask(self, asked: Asked) -> None:
        """Put a request behind the others."""
        self.waiting.append(asked)
        self._came.set()

    async def run(self) -> None:
        """Step for as long as there is something to do."""
        while True:
            if not self.waiting and not self.running:
                self._came.clear()
                await self._came.wait()
            read = self._admit()
            self.steps += 1
            await asyncio.sleep(STEP_S + ROW_S * len(self.running) + READ_S * read)
            for asked in self.running:
                asked.left -= 1
                if not asked.left:
                    asked.done.set_result(None)
            self.running = [asked for asked in self.running if asked.left]

    def _admit(self) -> int:
        read = 0
        while self.waiting and len(self.running) < MOST_ROWS:
            asked = self.waiting[0]
            hits = next((n for n, block in enumerate(asked.blocks) if block not in self.known), len(asked.blocks))
            fresh = asked.prompt - hits * BLOCK
            if read and read + fresh > MOST_READ:
                break
            read += fresh
            self.known.update(asked.blocks)
            self.running.append(self.waiting.pop(0))
        return read


async def answered(request: Request, batcher: Batcher) -> JSONResponse:
    """Answer with made-up words, as many as the prompt and the seed say."""
    body: dict[str, Any] = orjson.loads(await request.body())
    text = "".join(message["content"] for message in body["messages"])
    prompt = len(text) // CHARACTERS_PER_TOKEN + 20
    blocks = [zlib.crc32(text[: n * BLOCK * CHARACTERS_PER_TOKEN].encode()) for n in range(1, prompt // BLOCK + 1)]
    source = random.Random(zlib.crc32(text.encode()) * 31 + (body.get("seed") or 0))  # noqa: S311 - not a secret
    written = min(body["max_tokens"], 1 + int(source.expovariate(1 / MEAN_TOKENS)))
    asked = Asked(prompt, blocks, written, asyncio.get_running_loop().create_future())
    batcher.ask(asked)
    await asked.done
    message = {"role": "assistant", "content": " ".join(source.choices(WORDS, k=written))}
    usage = {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    told = {"id": "made-up", "object": "chat.completion", "created": 1, "model": body["model"]}
    return JSONResponse({**told, "choices": [choice], "usage": usage})


def application(name: str) -> Starlette:
    """Return the server of a model of this name."""
    batcher = Batcher()

    @contextlib.asynccontextmanager
    async def stepping(_: Starlette) -> AsyncIterator[None]:
        steps = asyncio.create_task(batcher.run())
        yield
        steps.cancel()

    async def chat(request: Request) -> JSONResponse:
        return await answered(request, batcher)

    async def models(_: Request) -> JSONResponse:
        model = {"id": name, "object": "model", "created": 1, "owned_by": "vllm", "max_model_len": 8_192}
        return JSONResponse({"object": "list", "data": [model]})

    async def forget(_: Request) -> JSONResponse:
        batcher.known.clear()
        batcher.steps = 0
        return JSONResponse({})

    async def steps(_: Request) -> JSONResponse:
        return JSONResponse(batcher.steps)

    routes = [
        Route("/v1/chat/completions", chat, methods=["POST"]),
        Route("/v1/models", models),
        Route("/reset_prefix_cache", forget, methods=["POST"]),
        Route("/steps", steps),
        Route("/health", models),
    ]
    return Starlette(routes=routes, lifespan=stepping)


if __name__ == "__main__":
    uvicorn.run(application(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
