"""inspect_ai's logs, one for each cell, so that its viewer opens conversations and its data frames take figures."""

from __future__ import annotations

import hashlib
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from mlpo_bench import atomic
from mlpo_bench.errors import UsageError
from mlpo_bench.export import times
from mlpo_bench.export.rows import settings
from mlpo_bench.log import outputs
from mlpo_bench.runs.gold import load_asked


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from inspect_ai.event import ModelEvent
    from inspect_ai.log import EvalResults, EvalSample, EvalSpec
    from inspect_ai.model import ChatMessage, ModelOutput, ModelUsage

    from mlpo_bench.export.times import Span
    from mlpo_bench.harness.samples import Sample
    from mlpo_bench.log.records import Record
    from mlpo_bench.log.run import LoadedRun
    from mlpo_bench.matrix.cells import Cell

SCORER = "mlpo_judge"
_RIGHT, _WRONG = "C", "I"


def export_inspect(run: LoadedRun, target: Path, data: Path | None = None) -> list[Path]:
    """Write `<cell>.eval` for each cell, of inspect_ai's own classes, one conversation after another.

    A sample's messages are the question and every turn, in order, each with its seat, round and verdict as metadata;
    its events are the calls, with all that each seat read.

    Raises:
        UsageError: inspect_ai is not installed, or the data that the run asked are not there.
    """
    try:
        import inspect_ai.log  # noqa: F401 - what is written needs it
    except ImportError:
        raise UsageError("the format inspect needs inspect_ai; install it: pip install inspect_ai") from None
    every = run.ended
    loaded = load_asked(run, [cell.suite for cell in every], data)
    paths = []
    for cell in every:
        paths.append(target / f"{cell.id}.eval")
        outputs.check(paths[-1], outputs.EVALUATION)
        with atomic.written(paths[-1]) as beside:
            _write(beside, run, cell, loaded[cell.suite])
    return paths


def _write(path: Path, run: LoadedRun, cell: Cell, gold: Mapping[str, Sample]) -> None:
    """Write a cell's log as inspect_ai lays one out: a member for each sample, their summaries, and the header.

    inspect_ai's own writer takes all samples at once, and those of a big run fit into no memory.
    """
    from inspect_ai.log import EvalLog, EvalPlan, EvalStats, condense_sample

    records = {record.question: record for record in run.records(cell.id)}
    models = {seat: member.name for seat, member in cell.setting.team.seats.items()}
    spec, sessions = _spec(run, cell, list(records)), run.manifest["sessions"]
    stats = EvalStats(started_at=sessions[0]["started"], completed_at=sessions[-1]["ended"] or "")
    log = EvalLog(status="success", eval=spec, results=_results(run, cell, len(records)), stats=stats)
    summaries: list[bytes] = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("_journal/start.json", _json({"version": log.version, "eval": spec, "plan": EvalPlan()}))
        spans, whole = times.of_turns(run, cell), times.of_questions(run, cell)
        for line in run.transcripts(cell):
            question = line["question"]
            held = whole.get(question), [times.of(spans, question, turn) for turn in line.get("turns", ())]
            sample = condense_sample(_sample(line, records[question], gold[question], models, held))
            file.writestr(f"samples/{sample.id}_epoch_{sample.epoch}.json", _json(sample))
            summaries.append(_json(sample.summary()))
            stats.model_usage = _added([stats.model_usage, sample.model_usage])
            stats.role_usage = _added([stats.role_usage, sample.role_usage])
        file.writestr("summaries.json", b"[" + b",".join(summaries) + b"]")
        file.writestr("header.json", _json(log))


def _json(value: object) -> bytes:
    """Return a value as inspect_ai writes it."""
    return to_json(value, exclude_none=True, fallback=lambda _: None)


def _spec(run: LoadedRun, cell: Cell, questions: list[str]) -> EvalSpec:
    from inspect_ai.log import EvalConfig, EvalDataset, EvalRevision, EvalSpec
    from inspect_ai.model import ModelConfig

    manifest, setting = run.manifest, cell.setting
    git, source = manifest["git"], manifest["sources"][cell.suite]
    return EvalSpec(
        eval_id=_identity(manifest["config_sha256"], cell.id),
        run_id=_identity(manifest["config_sha256"]),
        created=manifest["sessions"][0]["started"],
        task=cell.suite,
        task_id=_identity(cell.suite, cell.label, cell.team),
        task_display_name=f"{cell.suite}: {cell.name}",
        task_args={"seed": setting.seed, **settings(cell), "settings": setting.protocol.settings},
        solver=cell.label,
        dataset=EvalDataset(
            name=cell.suite,
            location=f"{source['where']} ({source['revision']})",
            samples=len(questions),
            sample_ids=questions,
            shuffled=False,
        ),
        model=setting.team.leader.name,
        model_roles={seat: ModelConfig(model=member.name) for seat, member in setting.team.seats.items()},
        config=EvalConfig(epochs=1),
        revision=EvalRevision(type="git", origin="", commit=git["commit"], dirty=git["dirty"]) if git else None,
        packages={name: version for name, version in manifest["versions"].items() if version},
        metadata={"run": run.path.resolve().name, "cell": cell.id, "config_sha256": manifest["config_sha256"]},
    )


def _results(run: LoadedRun, cell: Cell, total: int) -> EvalResults | None:
    from inspect_ai.log import EvalMetric, EvalResults, EvalScore

    result = run.result.get(cell.id)
    if result is None:
        return None
    figures = {
        "accuracy": result.accuracy,
        "accuracy_low": result.low,
        "accuracy_high": result.high,
        "unread": result.unread / result.n if result.n else None,
        "cut_off": result.cut_off / result.n if result.n else None,
    }
    metrics = {name: EvalMetric(name=name, value=value) for name, value in figures.items() if value is not None}
    score = EvalScore(
        name=SCORER, scorer=SCORER, scored_samples=result.n, unscored_samples=result.errors, metrics=metrics
    )
    return EvalResults(total_samples=total, completed_samples=result.n, scores=[score])


def _sample(
    line: dict[str, Any],
    record: Record,
    sample: Sample,
    models: Mapping[str, str],
    held: tuple[Span | None, Sequence[Span | None]],
) -> EvalSample:
    """Return a sample; `held` tells from when to when by the clock, and of each turn, where that is known."""
    from inspect_ai.log import EvalError, EvalSample

    question = sample.question
    shared: dict[str, Any] = {
        "id": question.id,
        "epoch": 1,
        "input": [_message("user", question.prompt)],
        "target": sample.gold,
        # What engines took for its turns when they were first made, whatever was asked beside them.
        "metadata": {"subject": question.subject, "suite": question.suite, "engine_seconds": record.seconds},
    }
    if "error" in line:
        return EvalSample(error=EvalError(message=line["error"], traceback="", traceback_ansi=""), **shared)
    turns, (whole, spans) = line["turns"], held
    lasted = (whole[1] - whole[0]).total_seconds() if whole else None
    return EvalSample(
        messages=[*shared["input"], *(_said(turn, models) for turn in turns)],
        output=_output(line["final"], record.cut_off, models["leader"]),
        scores={SCORER: _score(line["final"], record)},
        events=[_event(turn, models, span) for turn, span in zip(turns, spans, strict=True)],
        model_usage=_added({models[turn["seat"]]: _usage(turn)} for turn in turns),
        role_usage=_added({turn["seat"]: _usage(turn)} for turn in turns),
        started_at=whole[0].isoformat() if whole else None,
        completed_at=whole[1].isoformat() if whole else None,
        total_time=lasted,
        working_time=lasted,
        turn_count=len(turns),
        **shared,
    )


def _score(final: str, record: Record) -> Any:  # noqa: ANN401 - a Score, whose alias its package exports untyped
    from inspect_ai.scorer import Score

    return Score(
        value=_RIGHT if record.right else _WRONG,
        answer=record.answer,
        explanation=final,
        metadata={"unread": record.unread, "cut_off": record.cut_off},
    )


def _message(role: str, text: str, reasoning: str | None = None, **more: Any) -> ChatMessage:  # noqa: ANN401
    """Return a message whose text stays whole: as a plain string, inspect_ai would take thinking out of it.

    Thinking that a server told apart from the text is a part of its own, before it.
    """
    from inspect_ai.model import (
        ChatMessageAssistant,
        ChatMessageSystem,
        ChatMessageUser,
        ContentReasoning,
        ContentText,
    )

    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
    thinking = [ContentReasoning(reasoning=reasoning)] if reasoning else []
    return kinds[role](content=[*thinking, ContentText(text=text)], **more)


def _said(turn: dict[str, Any], models: Mapping[str, str]) -> ChatMessage:
    told = ("seat", "round", "stage", "sample", "answer", "right", "finish_reason", "seconds")
    metadata = {name: turn.get(name) for name in told}
    said = {"model": models[turn["seat"]], "source": "generate", "metadata": metadata}
    return _message("assistant", turn["text"], turn.get("reasoning"), **said)


def _output(
    text: str, cut_off: bool, model: str, usage: ModelUsage | None = None, reasoning: str | None = None
) -> ModelOutput:
    from inspect_ai.model import ChatCompletionChoice, ModelOutput

    message = _message("assistant", text, reasoning, model=model, source="generate")
    choice = ChatCompletionChoice(message=message, stop_reason="max_tokens" if cut_off else "stop")
    return ModelOutput(model=model, choices=[choice], usage=usage)


def _event(turn: dict[str, Any], models: Mapping[str, str], span: Span | None) -> ModelEvent:
    from inspect_ai.event import ModelEvent
    from inspect_ai.model import GenerateConfig

    model = models[turn["seat"]]
    return ModelEvent(
        timestamp=span[0] if span else datetime.fromtimestamp(0, UTC),  # earlier runs did not keep when
        completed=span[1] if span else None,
        model=model,
        role=turn["seat"],
        input=[_message(read["role"], read["content"]) for read in turn["read"]],
        tools=[],
        tool_choice="none",
        config=GenerateConfig(),
        output=_output(turn["text"], turn["finish_reason"] == "length", model, _usage(turn), turn.get("reasoning")),
        working_time=turn["seconds"],
        metadata={name: turn.get(name) for name in ("round", "stage", "sample", "answer", "right")},
    )


def _usage(turn: Mapping[str, Any]) -> ModelUsage:
    from inspect_ai.model import ModelUsage

    read, cached, written = (turn[f"{kind}_tokens"] for kind in ("prompt", "cached", "completion"))
    return ModelUsage(
        input_tokens=read, input_tokens_cache_read=cached, output_tokens=written, total_tokens=read + cached + written
    )


def _added(usages: Iterable[Mapping[str, ModelUsage]]) -> dict[str, ModelUsage]:
    totals: dict[str, ModelUsage] = {}
    for usage in usages:
        for name, spent in usage.items():
            totals[name] = totals[name] + spent if name in totals else spent
    return totals


def _identity(*parts: str) -> str:
    """Return an identifier that is the same whenever the same is exported."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:22]
