"""Does a team of language models, led by one that was trained to lead, beat what the same compute buys otherwise?

>>> import mlpo_bench as mb
>>> protocols = ["solo", "vote", mb.Leader(rounds=1)]
>>> run = mb.run(suites=["bbh"], protocols=protocols, team="team.yaml", data="data", limit=27, name="mine")
>>> print(run.verdict().sentence)  # doctest: +ELLIPSIS
Not shown: ... vote of the leader's own answers at the same tokens...

All that is public is named here and told in `docs/python.md`; a module is imported when one of its names is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from mlpo_bench.api.run import Run, Verdict, load_run
    from mlpo_bench.api.running import arun, run
    from mlpo_bench.chat import Completion, Message, Sampling, Usage
    from mlpo_bench.engines import Engine, EngineKind, ModelFacts, ModelSpec, OpenOptions
    from mlpo_bench.errors import ContextOverflow, EngineError, UsageError
    from mlpo_bench.matrix.config import RunConfig
    from mlpo_bench.protocols import (
        Critique,
        Debate,
        Depth,
        Draws,
        Extend,
        Leader,
        Mixture,
        Oracle,
        Pick,
        Protocol,
        Recursive,
        Refine,
        Room,
        Seat,
        Select,
        SelfMixture,
        Solo,
        Think,
        Transcript,
        Turn,
        Vote,
        Weighted,
        majority,
        shuffler,
    )
    from mlpo_bench.questions import Question, Suite
    from mlpo_bench.runs.observer import RunObserver, Silent
    from mlpo_bench.store import Store
    from mlpo_bench.teams import Member, Team, read_team

    __version__: str

_PROTOCOLS = (
    "Critique Debate Depth Draws Extend Leader Mixture Oracle Pick Protocol Recursive Refine Room Seat Select "
    "SelfMixture Solo Think Transcript Turn Vote Weighted majority shuffler"
)
_MODULES = {
    "api.run": "Run Verdict load_run",
    "api.running": "arun run",
    "chat": "Completion Message Sampling Usage",
    "engines": "Engine EngineKind ModelFacts ModelSpec OpenOptions",
    "errors": "ContextOverflow EngineError UsageError",
    "matrix.config": "RunConfig",
    "protocols": _PROTOCOLS,
    "questions": "Question Suite",
    "runs.observer": "RunObserver Silent",
    "store": "Store",
    "teams": "Member Team read_team",
}
_HOMES = {name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names.split()}

__all__ = [
    "Completion",
    "ContextOverflow",
    "Critique",
    "Debate",
    "Depth",
    "Draws",
    "Engine",
    "EngineError",
    "EngineKind",
    "Extend",
    "Leader",
    "Member",
    "Message",
    "Mixture",
    "ModelFacts",
    "ModelSpec",
    "OpenOptions",
    "Oracle",
    "Pick",
    "Protocol",
    "Question",
    "Recursive",
    "Refine",
    "Room",
    "Run",
    "RunConfig",
    "RunObserver",
    "Sampling",
    "Seat",
    "Select",
    "SelfMixture",
    "Silent",
    "Solo",
    "Store",
    "Suite",
    "Team",
    "Think",
    "Transcript",
    "Turn",
    "Usage",
    "UsageError",
    "Verdict",
    "Vote",
    "Weighted",
    "arun",
    "load_run",
    "majority",
    "read_team",
    "run",
    "shuffler",
]

if not TYPE_CHECKING:  # a name that is not there is to be one for mypy, too

    def __getattr__(name: str) -> object:
        if name in _HOMES:
            globals()[name] = thing = getattr(import_module(_HOMES[name]), name)
            return thing
        if name != "__version__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        # Reading the metadata takes a sixth of the time that `--help` may take.
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("mlpo-bench")
        except PackageNotFoundError:  # a checkout on the path, never installed
            return "0+unknown"


def __dir__() -> list[str]:
    return [*globals(), *__all__]
