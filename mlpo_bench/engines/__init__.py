"""Who answers: one engine serves one model to everybody who asks for it.

`open_engine` starts the right one for a `ModelSpec`; the rest of the house knows engines only by the `Engine`
protocol.
"""

from __future__ import annotations

from mlpo_bench.engines.base import Engine, ModelFacts


__all__ = ["Engine", "ModelFacts"]
