"""What a page says of a run before its figures: what ran, with what, from which data, when."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from mlpo_bench.matrix.config import row_name
from mlpo_bench.protocols.base import counted
from mlpo_bench.reports.figures import duration


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlpo_bench.log.results import Results
    from mlpo_bench.log.run import LoadedRun
    from mlpo_bench.teams import Team


def header(run: LoadedRun, results: Results) -> dict[str, Any]:
    """Return the run's name, its circumstances as terms with their lines, and what is missing."""
    manifest = run.manifest
    terms = {
        "Suites": [f"{suite.upper()}: {source}" for suite, source in results.sources.items()],
        "Team": [line for name, team in run.config.teams.items() for line in _team(name, team)],
        "Models": [_model(model) for model in manifest.get("models", [])],
        "Seeds": [", ".join(map(str, run.config.seeds))],
        "Begun": [str(session["started"]) for session in manifest["sessions"][:1]],
        "Ended": [str(session["ended"] or "still going, or cut short") for session in manifest["sessions"][-1:]],
        "Took": [f"{duration(run.seconds)} in {counted(len(manifest['sessions']), 'session')}"],
        "Command": list(dict.fromkeys(shlex.join(session["command"]) for session in manifest["sessions"])),
        "Code": [_git(manifest.get("git"))],
        "Versions": [", ".join(f"{name} {v}" for name, v in manifest["versions"].items() if v)],
        "Hardware": [_hardware(manifest.get("hardware") or {})],
        "Paid for": list(_paid(results)),
        "Configuration": [f"sha256 {results.config_sha256}"],
    }
    return {
        "name": run.path.resolve().name,
        "terms": [[term, lines] for term, lines in terms.items() if any(lines)],
        "notes": list(_missing(results)),
        "done": len(results.cells),
        "cells": len(results.cells) + len(results.unfinished),
    }


def _team(name: str, team: Team) -> Iterator[str]:
    """Yield a line for the leader and one for its peers, equal ones counted."""
    where = f"{name}: " if name != "team" else ""
    yield f"{where}leader {team.leader.label}"
    labels = [peer.label for peer in team.peers]
    counted = [f"{labels.count(label)} x {label}" for label in dict.fromkeys(labels)]
    if counted:
        yield f"{where}peers {', '.join(counted)}"


def _model(model: Mapping[str, Any]) -> str:
    size = f"{model['parameters']:,} parameters" if model.get("parameters") else None
    adapter = model.get("adapter")
    changed = f"adapter {adapter['name']} {adapter['revision']}" if adapter else None
    parts = [model.get("revision"), changed, model.get("engine"), model.get("dtype"), size, model.get("note")]
    return f"{model['name']} ({', '.join(str(part) for part in parts if part)})"


def _git(state: Mapping[str, Any] | None) -> str:
    if not state:
        return ""
    return f"git {state['commit']}{', with changes that are not committed' if state.get('dirty') else ''}"


def _hardware(hardware: Mapping[str, Any]) -> str:
    memory, cores = hardware.get("memory_gib"), hardware.get("cores")
    parts: Sequence[Any] = [
        hardware.get("processor"),
        f"{counted(cores, 'core')}" if cores else None,
        f"{memory} GiB" if memory else None,
        *hardware.get("accelerators", []),
        hardware.get("system"),
    ]
    return ", ".join(str(part) for part in parts if part)


def _paid(results: Results) -> Iterator[str]:
    """Yield what was paid for every model: each completion once, however many cells used it."""
    for model, paid in results.shared.paid.items():
        alone = results.shared.alone[model]
        yield (
            f"{model}: {paid.calls:,} calls, {paid.usage.total:,} tokens, "
            f"where all cells alone come to {alone.calls:,} and {alone.usage.total:,}"
        )


def _missing(results: Results) -> Iterator[str]:
    if results.unfinished:
        every = len(results.unfinished) + len(results.cells)
        yield f"{len(results.unfinished)} of {every} cells have yet to be run; this page shows those that are done."
    for cell in results.failed:
        name = row_name(cell.team, cell.label)
        yield (
            f"{cell.suite.upper()}, {name}: {cell.errors} of {cell.n + cell.errors} questions could not be asked; they "
            "are in no figure."
        )
