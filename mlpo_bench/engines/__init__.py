"""Who answers: one engine serves one model to everybody who asks for it.

`open_engines` starts the right ones for a set of `ModelSpec`; the rest of the house knows engines only by the
`Engine` protocol. Importing this room imports no torch, transformers or vllm.
"""

from __future__ import annotations

from mlpo_bench.engines.base import Engine, ModelFacts, Share
from mlpo_bench.engines.executors import EXECUTORS, LOCAL, executor
from mlpo_bench.engines.late import open_when_asked
from mlpo_bench.engines.opening import OpenEngines, close_engines, open_engine, open_engines
from mlpo_bench.engines.scripted import ScriptedEngine
from mlpo_bench.engines.spec import ENGINES, EngineKind, ModelSpec, OpenOptions


__all__ = [
    "ENGINES",
    "EXECUTORS",
    "LOCAL",
    "Engine",
    "EngineKind",
    "ModelFacts",
    "ModelSpec",
    "OpenEngines",
    "OpenOptions",
    "ScriptedEngine",
    "Share",
    "close_engines",
    "executor",
    "open_engine",
    "open_engines",
    "open_when_asked",
]
