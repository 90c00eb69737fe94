"""Making a recording, carrying it out again, and judging what came of it: no model, no torch, a few seconds."""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpo_bench import questions
from mlpo_bench.chat import Completion, Message, Usage
from mlpo_bench.engines import ModelFacts
from mlpo_bench.errors import UsageError
from mlpo_bench.gate.checks import Judgement
from mlpo_bench.gate.differences import Replayed, differences
from mlpo_bench.gate.history import Made
from mlpo_bench.gate.questions import lay_out
from mlpo_bench.gate.recording import (
    Identity,
    Recorded,
    Recording,
    RecordingBaseline,
    conversations_of,
    figures_of,
    model_key,
    recorded_config,
)
from mlpo_bench.harness.suite import quiet_lm_eval
from mlpo_bench.log import LoadedRun, RunDirectory
from mlpo_bench.runs.observer import Silent
from mlpo_bench.runs.runner import load_suites, run_cells
from mlpo_bench.store import Store


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlpo_bench.harness.suite import SuiteTasks
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.matrix.config import RunConfig
    from mlpo_bench.questions import Item
    from mlpo_bench.runs.observer import RunObserver
    from mlpo_bench.teams import Member


def judge_recording(path: Path) -> Judgement:
    """Carry a recording out again, and return how that differs from it.

    Raises:
        UsageError: the recording lacks a file, or its files do not belong together.
    """
    started = time.monotonic()
    recording = Recording(path)
    baseline = recording.baseline()
    recording.load(baseline)
    with tempfile.TemporaryDirectory(prefix="mlpo-bench-gate-") as folder:
        replayed = _again(recording, baseline, Path(folder))
    checks = differences(recording, baseline, replayed)
    made = baseline.history[-1]
    title = f"{path.name}, recorded {made.date} ({made.reason}), carried out again"
    return Judgement(title, tuple(checks), time.monotonic() - started)


def update_recording(path: Path, reason: str | None) -> int:
    """Take what a recording comes to now for what it should come to; return the number of differing conversations.

    Raises:
        UsageError: no reason is given, or something is asked that was not recorded.
    """
    recording = Recording(path)
    baseline = recording.baseline()
    recording.load(baseline)
    with tempfile.TemporaryDirectory(prefix="mlpo-bench-gate-") as folder:
        replayed = _again(recording, baseline, Path(folder))
        made = Made.now(reason, replayed.run)
    if unheld := [one for one in replayed.conversations.values() if one.error]:
        raise UsageError(
            f"{len(unheld)} conversations ask what was not recorded; make the recording anew: "
            f"mlpo-bench gate {path} --record --reason TEXT."
        )
    changed = sum(recording.conversations.get(name) != one for name, one in replayed.conversations.items())
    recording.conversations = replayed.conversations
    updated = {
        "history": (*baseline.history, made),
        "cells": replayed.cells,
        "sources": replayed.sources,
        "conversations": recording.write_conversations(),
    }
    baseline.model_copy(update=updated).write(recording.baseline_path)
    return changed


def record(path: Path, reason: str | None, observer: RunObserver) -> RecordingBaseline:
    """Ask the models of a recording's configuration everything anew, and write all its files.

    Raises:
        UsageError: no reason is given, or the run cannot be carried out whole.
    """
    recording = Recording(path)
    before = recording.baseline().history if recording.baseline_path.exists() else ()
    with tempfile.TemporaryDirectory(prefix="mlpo-bench-gate-") as folder:
        data, store = Path(folder, "data"), Path(folder, "store.sqlite")
        config = recording.config(data)
        lay_out(recording.questions_path, data, config)
        directory = RunDirectory.for_run(config, Path(folder), "recorded")
        results = asyncio.run(run_cells(directory, store, observer))
        if results.failed or results.unfinished:
            raise UsageError("the run could not be carried out whole, so there is nothing to record.")
        run = LoadedRun(directory)
        made = Made.now(reason, run)
        recording.requests = _requests(run, store, config)
        recording.conversations = conversations_of(run)
        manifest = run.manifest
        baseline = RecordingBaseline(
            history=(*before, made),
            models=dict(_identities(config, manifest["models"])),
            sources=_revisions(manifest),
            completions=recording.write_completions(),
            conversations=recording.write_conversations(),
            cells={cell.cell: figures_of(cell) for cell in results.cells},
        )
    baseline.write(recording.baseline_path)
    return baseline


def _again(recording: Recording, baseline: RecordingBaseline, folder: Path) -> Replayed:
    """Carry out a recording in a folder, all completions taken from it."""
    lay_out(recording.questions_path, folder / "data")
    config = recorded_config(recording.config(folder / "data"), baseline.models)
    store_path = folder / "store.sqlite"
    with Store(store_path) as store:
        for request, one in recording.requests.items():
            store.put(bytes.fromhex(request), one.completion)
    directory = RunDirectory.for_run(config, folder, "replay")
    results = asyncio.run(run_cells(directory, store_path, Silent()))
    run = LoadedRun(directory)
    return Replayed(
        run=run,
        planned=frozenset(cell.id for cell in run.cells),
        conversations=conversations_of(run),
        cells={cell.cell: figures_of(cell) for cell in results.cells},
        sources=_revisions(run.manifest),
        asked={item.id: item for suite in config.suites for item in _items(suite, config)},
    )


def _items(suite: str, config: RunConfig) -> Sequence[Item]:
    return questions.load(config.suite(suite), config.split, Path(config.data) if config.data else None).items


def _revisions(manifest: Mapping[str, Any]) -> dict[str, str]:
    return {suite: source["revision"] for suite, source in manifest["sources"].items()}


def _identities(config: RunConfig, models: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Identity]]:
    """Yield for every member of a run which model it stands for, from what the manifest says of its engines."""
    loaded = [ModelFacts.of(model) for model in models]
    for member in dict.fromkeys(m for team in config.teams.values() for m in team.measured):
        fitting = [f for f in loaded if f.full_name == member.name and member.may_be_served_by(f.engine)]
        if len(fitting) != 1:
            raise UsageError(f"{len(fitting)} engines answered as {model_key(member)}; a recording needs one each.")
        (facts,) = fitting
        revision = facts.fingerprint.removeprefix(f"{facts.name}|")
        yield model_key(member), Identity(engine=facts.engine, revision=revision, context=facts.context)


def _requests(run: LoadedRun, store: Path, config: RunConfig) -> dict[str, Recorded]:
    """Return all completions of a run's own store, with the requests that its conversations tell."""
    with Store(store) as kept:
        recorded = {key.hex(): Recorded(made) for key, made in kept.items()}
    with quiet_lm_eval():
        suites = load_suites(config, config.suites, Silent())
    for cell in run.cells:
        for request, one in _asked(run, cell, suites[cell.suite]):
            recorded[request] = replace(one, completion=recorded[request].completion)
    # Requests of one question stand together, those without one last: that compresses best, and is easiest to read.
    order = {request: place for place, request in enumerate(recorded)}
    return dict(sorted(recorded.items(), key=lambda each: (each[1].messages is None, each[1].prompt, order[each[0]])))


def _asked(run: LoadedRun, cell: Cell, suite: SuiteTasks) -> Iterator[tuple[str, Recorded]]:
    """Yield every request of a cell's conversations, as its seats made it (its completion is not known here)."""
    base = {sample.question.id: sample.sampling for sample in suite.samples}
    nothing = Completion("", Usage(), "stop", 0.0)
    for line in run.transcripts(cell):
        for turn in line["turns"]:
            member: Member = cell.setting.team.seats[turn["seat"]]
            sampling = cell.setting.sampling(member, base[line["question"]], turn.get("max_tokens"))
            messages = tuple(Message(m["role"], m["content"]) for m in turn["read"])
            yield turn["request"], Recorded(nothing, messages, sampling)
