"""A server that speaks OpenAI's chat completions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.engines.spec import EngineKind


if TYPE_CHECKING:
    from mlpo_bench.engines.base import Engine
    from mlpo_bench.engines.spec import ModelSpec, OpenOptions


class Server(EngineKind):
    """Asks a model that a server serves."""

    name = "openai"
    takes_address = True

    @classmethod
    def check(cls, spec: ModelSpec) -> None:
        """Check that there is an address, and no adapter.

        Raises:
            ValueError: there is no address, or an adapter.
        """
        if not spec.base_url:
            raise ValueError(f"engine {cls.name!r} needs a base_url, such as http://127.0.0.1:8000/v1")
        if spec.adapter:
            raise ValueError("an adapter belongs to its server: serve it there, and give its name there as the model")

    @classmethod
    async def open(cls, spec: ModelSpec, options: OpenOptions) -> Engine:
        """Connect to the server."""
        from mlpo_bench.engines import openai

        return await openai.connect(spec, deterministic=options.deterministic)
