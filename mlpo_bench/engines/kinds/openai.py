"""A server that speaks OpenAI's protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.engines.server_options import is_one_line
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
        """Check that there is an address, no adapter, and no revision that would be misread in an identity.

        Raises:
            ValueError: there is no address, or something that does not go with one.
        """
        if not spec.base_url:
            raise ValueError(f"engine {cls.name!r} needs a base_url, such as http://127.0.0.1:8000/v1")
        if spec.adapter:
            raise ValueError("an adapter belongs to its server: serve it there, and give its name there as the model")
        if spec.revision is not None and not is_one_line(spec.revision):
            raise ValueError("the revision of a server's model is a word without |")

    @classmethod
    async def open(cls, spec: ModelSpec, options: OpenOptions) -> Engine:
        """Connect to the server, or to all that serve the model."""
        from mlpo_bench.engines import server

        if len(spec.addresses) > 1:
            return await server.connect_each(spec, deterministic=options.deterministic, on_event=options.on_event)
        return await server.connect(spec, deterministic=options.deterministic, on_event=options.on_event)
