"""lm-eval's own layout: a folder for each row and seed with results_<date>.json and samples_<task>_<date>.jsonl.

It is what lm-eval 0.4.13 writes with `--log_samples --output_path`, so that what reads its files reads these.
"""

from __future__ import annotations

import hashlib
import json
import re
from itertools import groupby
from typing import TYPE_CHECKING, Any

import orjson

from mlpo_bench.export import times
from mlpo_bench.export.rows import settings
from mlpo_bench.harness.documents import UNREAD
from mlpo_bench.log import outputs
from mlpo_bench.log.cell_files import read_suite
from mlpo_bench.matrix.config import row_name
from mlpo_bench.runs.gold import load_asked


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mlpo_bench.harness.samples import Sample
    from mlpo_bench.log.records import Record
    from mlpo_bench.log.run import LoadedRun
    from mlpo_bench.matrix.cells import Cell

    Loaded = dict[str, dict[str, Sample]]
    Samples = dict[str, list[dict[str, Any]]]

FILTER = "read"
"""What our tasks call their filter, which reads the answer from a text."""

_BY_TASK = ("results", "groups", "group_subtasks", "versions", "n-shot", "higher_is_better", "n-samples")


def export_lm_eval(run: LoadedRun, target: Path, data: Path | None = None) -> list[Path]:
    """Write the folders; questions that a fault left unanswered are in no file, as they are in no figure.

    Raises:
        UsageError: the data that the run asked are not there.
    """
    every = run.ended
    loaded = load_asked(run, [cell.suite for cell in every], data)

    def place(cell: Cell) -> tuple[str, int]:
        return row_name(cell.team, cell.label), cell.setting.seed

    order = {place(cell): number for number, cell in reversed(list(enumerate(run.cells)))}
    written: list[Path] = []
    for (name, seed), of_row in groupby(sorted(every, key=lambda cell: order[place(cell)]), key=place):
        model = f"{run.path.resolve().name}/{name}" + (f", seed {seed}" if seed else "")
        written += _write(run, target, model, list(of_row), loaded)
    return written


def _write(run: LoadedRun, target: Path, model: str, of_row: list[Cell], loaded: Loaded) -> list[Path]:
    sanitized = re.sub(r"[\"<>:/|\\?*\[\]]+", "__", model)
    started = run.manifest["sessions"][0]["started"]
    date = re.sub(r"[+Z].*", "", started).replace(":", "-") + ".000000"
    place = target / sanitized
    place.mkdir(parents=True, exist_ok=True)
    samples: Samples = {}
    for cell in of_row:
        samples |= _samples(run, cell, loaded[cell.suite])
    results = _results(run, of_row, samples) | _experiment(run, of_row, model, sanitized)
    paths = [place / f"results_{date}.json"]
    outputs.write(paths[0], json.dumps(results, indent=2, ensure_ascii=False).encode(), outputs.RESULTS)
    for task, lines in samples.items():
        paths.append(place / f"samples_{task}_{date}.jsonl")
        content = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
        outputs.write(paths[-1], content, outputs.SAMPLES)
    return paths


def _samples(run: LoadedRun, cell: Cell, sample_of: dict[str, Sample]) -> Samples:
    """Return a cell's samples by task, in the order of its questions."""
    records = {record.question: record for record in run.records(cell.id)}
    samples: Samples = {}
    for line in run.transcripts(cell):
        if "error" not in line:
            one = sample_of[line["question"]]
            samples.setdefault(one.task, []).append(_sample(one, line["final"], records[line["question"]]))
    return samples


def _sample(sample: Sample, final: str, record: Record) -> dict[str, Any]:
    doc, context = sample.doc, sample.context
    return {
        "doc_id": sample.place,
        "doc": doc,
        "target": sample.gold,
        "arguments": {"gen_args_0": {"arg_0": context, "arg_1": sample.generation}},
        "resps": [[final]],
        "filtered_resps": [UNREAD if record.answer is None else record.answer],
        "filter": FILTER,
        "metrics": ["acc", "unread"],
        "doc_hash": _hash(json.dumps(doc, indent=2, default=str, ensure_ascii=False)),
        "prompt_hash": _hash(context),
        "target_hash": _hash(sample.gold),
        "acc": int(bool(record.right)),
        "unread": int(record.unread),
    }


def _results(run: LoadedRun, of_row: list[Cell], samples: Samples) -> dict[str, Any]:
    """Return what lm-eval said of the cells of a row, put together as if it had scored them at once."""
    scored = [result.lm_eval for cell in of_row if (result := run.result.get(cell.id))]
    suites = {cell.suite: read_suite(run.directory.suite_path(cell.suite)) for cell in of_row}
    together: dict[str, Any] = {name: {} for name in _BY_TASK}
    for one in scored:
        for name in _BY_TASK:
            together[name] |= one.get(name, {})
    configs = {
        task: config | {"num_fewshot": together["n-shot"].get(task, 0)}
        for suite in suites.values()
        for task, config in suite["lm_eval"].items()
        if task in samples
    }
    hashes = {
        task: _hash("".join(s["doc_hash"] + s["prompt_hash"] + s["target_hash"] for s in lines))
        for task, lines in samples.items()
    }
    return together | {"configs": configs, "task_hashes": hashes} | _run(run, of_row[0])


def _run(run: LoadedRun, cell: Cell) -> dict[str, Any]:
    """Return what lm-eval tells of a run: the model, how it was asked, and by which versions."""
    manifest, config, setting = run.manifest, run.config, cell.setting
    versions = manifest["versions"]
    members = {seat: member.name for seat, member in setting.team.seats.items()}
    return {
        "config": {
            "model": "mlpo-team",
            "model_args": settings(cell) | {"settings": setting.protocol.settings, "team": members},
            "batch_size": None,
            "batch_sizes": [],
            "device": None,
            "use_cache": None,
            "limit": config.limit,
            "bootstrap_iters": None,
            "gen_kwargs": dict(config.generation),
            "random_seed": setting.seed,
            "numpy_seed": None,
            "torch_seed": None,
            "fewshot_seed": None,
        },
        "git_hash": (manifest["git"] or {}).get("commit"),
        "date": manifest["sessions"][0]["started"],
        "pretty_env_info": json.dumps(manifest["hardware"]),
        "transformers_version": versions.get("transformers"),
        "lm_eval_version": versions.get("lm_eval"),
        "upper_git_hash": None,
    }


def _experiment(run: LoadedRun, of_row: Sequence[Cell], model: str, sanitized: str) -> dict[str, Any]:
    """Return what lm-eval tells of an evaluation, which lasted from its first request to its last answer."""
    spans = [span for cell in of_row for span in times.of_questions(run, cell).values()]
    began, ended = (min(b for b, _ in spans), max(e for _, e in spans)) if spans else (None, None)
    return {
        "model_source": "mlpo-team",
        "model_name": model,
        "model_name_sanitized": sanitized,
        "system_instruction": None,
        "system_instruction_sha": None,
        "fewshot_as_multiturn": None,
        "chat_template": None,
        "chat_template_sha": None,
        "start_time": began and began.timestamp(),
        "end_time": ended and ended.timestamp(),
        "total_evaluation_time_seconds": str((ended - began).total_seconds()) if began and ended else None,
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
