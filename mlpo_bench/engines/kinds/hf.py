"""Transformers: weights on this machine, with an adapter beside them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from mlpo_bench.engines.engine_options import READING
from mlpo_bench.engines.spec import EngineKind


if TYPE_CHECKING:
    from mlpo_bench.engines.base import Engine
    from mlpo_bench.engines.spec import ModelSpec, OpenOptions


class Transformers(EngineKind):
    """Serves what `transformers` can load."""

    name = "hf"
    needs_weights = True
    facts_follow = True
    options = READING | {"quantization", "max_num_seqs", "device_map"}
    packages: ClassVar[tuple[str, ...]] = ("transformers",)

    @classmethod
    async def open(cls, spec: ModelSpec, options: OpenOptions) -> Engine:
        """Load the weights."""
        from mlpo_bench.engines import hf

        assert options.weights is not None
        return await asyncio.to_thread(hf.load, options.weights, spec, deterministic=options.deterministic)
