"""A run in other tools' formats: what those tools read back is what the run holds."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
import weakref
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
import orjson
import pyarrow.parquet as pq
import pytest
import typer
import zstandard
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lm_eval.api.model import LM
from lm_eval.evaluator import simple_evaluate
from lm_eval.loggers import EvaluationTracker
from lm_eval.tasks import TaskManager
from lm_eval.utils import get_results_filenames, get_sample_results_filenames
from pyarrow import csv
from typer.testing import CliRunner

from mlpo_bench.cli._display import display
from mlpo_bench.cli.export import export as export_command
from mlpo_bench.errors import UsageError
from mlpo_bench.export import FORMATS, export, inspect_log, tables
from mlpo_bench.export.inspect_log import SCORER
from mlpo_bench.log import LoadedRun, RunDirectory
from mlpo_bench.log.files import write_table
from mlpo_bench.log.ledger import read_ledger
from mlpo_bench.log.records import read_records, write_records
from mlpo_bench.log.seals import sealed
from mlpo_bench.log.transcripts import read_transcripts
from mlpo_bench.matrix.config import RunConfig
from mlpo_bench.runs.runner import run_cells


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lm_eval.api.instance import Instance

SAY = r"""
- when: 'You lead'
  say: ["<think>Let me see: \"a\", b.</think><answer>Yes</answer>", "<think>no</think><answer>(A)</answer>"]
- say: ["=1+1. The answer is Yes.", "The answer is (A).", "I cannot tell,\nat all.", "The answer is No."]
"""
TASKS = Path(__file__).parents[2] / "tasks"
HOSTILE = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    [
        "\x00",
        "<think>a</think>b",
        "=cmd()",
        '",\r\n"',
        "\u2028\u202e\x1b[2J",
        "data:image/png;base64,aaaa",
        "'",
        "NULL",
        "",
    ]
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, made_up: Path) -> Iterator[RunDirectory]:
    """Two seeds of three protocols over 22 questions of two subjects."""
    folder = tmp_path_factory.mktemp("exported")
    script = folder / "script.yaml"
    script.write_text(SAY)
    member = {"model": str(script), "engine": "scripted"}
    config = RunConfig.model_validate(
        {
            "suites": ["bbh"], "data": str(made_up), "subjects": ["navigate", "snarks"], "split": "all",
            "seeds": [0, 1], "team": {"leader": member, "peers": [member]}, "rounds": [1],
            "protocols": ["solo", {"vote": {"samples": 3}}, "leader"],
        }
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch, display(quiet=True) as observer:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        made = RunDirectory.for_run(config, folder / "runs", "exported")
        asyncio.run(run_cells(made, folder / "store.sqlite", observer))
        yield made


def records(run: RunDirectory) -> list[dict[str, Any]]:
    return [asdict(r) for cell in run.results().cells for r in read_records(run.records_path(cell.cell))]


def conversations(run: RunDirectory, cell: str) -> list[dict[str, Any]]:
    return list(read_transcripts(run.path / "transcripts" / f"{cell}.jsonl.zst"))


def of_record(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    added = {"label", "team", "protocol", "rounds", "peers", "settings", "began", "ended", "duration"}
    return [{name: value for name, value in row.items() if name not in added} for row in rows]


def test_parquet_holds_every_question_and_every_turn(run: RunDirectory, tmp_path: Path) -> None:
    questions, turns = (pq.read_table(path).to_pylist() for path in export(LoadedRun(run), "parquet", tmp_path))
    assert of_record(questions) == records(run)
    assert {(row["label"], row["protocol"], row["rounds"], row["peers"], row["seed"]) for row in questions} == {
        (label, protocol, rounds, peers, seed)
        for label, protocol, rounds, peers in (
            ("solo", "solo", None, 0), ("vote of 3", "vote", None, 0), ("leader, 1 round, 3 peers", "leader", 1, 3),
        )
        for seed in (0, 1)
    }  # fmt: skip
    settings = {row["protocol"]: json.loads(row["settings"]) for row in questions}
    assert settings["leader"]["rounds"] == 1
    assert settings["vote"]["samples"] == 3
    written = [
        {"cell": cell.cell, "question": line["question"]} | turn
        for cell in run.results().cells
        for line in conversations(run, cell.cell)
        for turn in line["turns"]
    ]
    timed = {"began", "ended"}
    assert [{name: value for name, value in turn.items() if name not in timed} for turn in turns] == [
        {name: turn.get(name) for name in turns[0] if name not in timed} for turn in written
    ]
    assert {turn["reasoning"] for turn in turns} == {None}
    assert len(turns) == sum(row["calls"] for row in questions) == 2 * 22 * (1 + 3 + 4)


def test_csv_and_json_lines_hold_every_question(run: RunDirectory, tmp_path: Path) -> None:
    (of_csv,), (of_lines,) = export(LoadedRun(run), "csv", tmp_path), export(LoadedRun(run), "jsonl", tmp_path)
    options = csv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""])
    lines = [json.loads(line) for line in of_lines.read_text().splitlines()]
    assert of_record(lines) == records(run)
    table = csv.read_csv(of_csv, parse_options=csv.ParseOptions(newlines_in_values=True), convert_options=options)
    assert [row["answer"] for row in table.to_pylist()] == [row["answer"] for row in lines]
    first = table.to_pylist()[0]
    assert first | {name: lines[0][name] for name in ("began", "ended")} == lines[0]
    assert first["began"] == datetime.fromisoformat(lines[0]["began"])


def planted(run: RunDirectory, folder: Path, text: str, reasoning: str | None = None) -> LoadedRun:
    """A copy of a run's first cell, one of whose conversations ends in a text of its own, and one in a fault."""
    cell = run.results().cells[0].cell
    for part in ("records", "transcripts", "cells", "suites", "ledger"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for name in ("config.yaml", "manifest.json", "suites/bbh.json", f"cells/{cell}.json", f"ledger/{cell}.parquet"):
        (folder / name).write_bytes((run.path / name).read_bytes())
    told = json.loads((folder / f"cells/{cell}.json").read_bytes())
    assert told.pop("files")  # the digests of what is about to be changed
    n = told["n"] - 1
    told |= {"n": n, "errors": told["errors"] + 1, "accuracy": told["right"] / n}
    (folder / f"cells/{cell}.json").write_bytes(orjson.dumps(sealed(told)))
    results = json.loads(run.results_path.read_bytes())
    results["unfinished"] = [result["cell"] for result in results["cells"][1:]]
    results["cells"] = [told]
    (folder / "results.json").write_bytes(orjson.dumps(sealed(results)))
    first, second, *rest = conversations(run, cell)
    first["final"] = first["turns"][0]["text"] = first["turns"][0]["answer"] = text
    first["turns"][0] |= {"reasoning": reasoning} if reasoning else {}
    second = {"question": second["question"], "error": text or "fault"}
    lines = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in (first, second, *rest))
    (folder / "transcripts" / f"{cell}.jsonl.zst").write_bytes(zstandard.compress(lines))
    found = read_records(run.records_path(cell))
    changed = [type(r)(**asdict(r) | {"answer": text} if r.question == first["question"] else asdict(r)) for r in found]
    fault = {"right": None, "answer": None, "error": text or "fault"}
    changed = [type(r)(**asdict(r) | fault) if r.question == second["question"] else r for r in changed]
    write_records(folder / "records" / f"{cell}.parquet", changed)
    return LoadedRun(RunDirectory(folder))


def as_written(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a table as JSON writes it, times in words."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


@given(HOSTILE)
@example("\x00")
@example("")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_tables_give_back_any_text(run: RunDirectory, tmp_path: Path, text: str) -> None:
    changed = planted(run, tmp_path / "run", text)
    (path,) = export(changed, "jsonl", tmp_path / "out")
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert of_record(lines) == records(changed.directory)
    assert lines[0]["answer"] == text
    questions, turns = (pq.read_table(path).to_pylist() for path in export(changed, "parquet", tmp_path / "out"))
    assert [as_written(question) for question in questions] == lines
    assert turns[0]["text"] == text
    (path,) = export(changed, "csv", tmp_path / "out")
    options = csv.ConvertOptions(
        strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""],
        column_types=dict.fromkeys(("answer", "error"), "string"),
    )  # fmt: skip
    table = csv.read_csv(path, parse_options=csv.ParseOptions(newlines_in_values=True), convert_options=options)
    assert [(row["answer"], row["error"]) for row in table.to_pylist()] == [(r["answer"], r["error"]) for r in lines]


class Repeating(LM):
    """Gives lm-eval the final texts of a cell, as if a model had just written them."""

    def __init__(self, finals: dict[str, str]) -> None:
        super().__init__()
        self.finals = finals

    @property
    def tokenizer_name(self) -> str:
        return "none"

    def chat_template(self, chat_template: bool | str = False) -> str:  # noqa: ARG002
        return "json"

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:  # noqa: ARG002
        from mlpo_bench.harness import chats

        return chats.pack(chat_history)

    def generate_until(self, requests: list[Instance]) -> list[str]:
        return [self.finals[request.doc["id"]] for request in requests]

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        raise NotImplementedError

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        raise NotImplementedError


@pytest.fixture(scope="module")
def plain(run: RunDirectory, made_up: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What lm-eval itself writes of the same final texts, with --log_samples and --output_path."""
    finals = {line["question"]: line["final"] for line in conversations(run, "bbh.solo")}
    manager = TaskManager(
        include_path=str(TASKS), include_defaults=False, metadata={"data": str(made_up), "split": "all"}
    )
    names = ["mlpo_bbh_navigate", "mlpo_bbh_snarks"]
    results = simple_evaluate(
        Repeating(finals), tasks=names, task_manager=manager, log_samples=True, apply_chat_template=True,
        bootstrap_iters=0,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("plain")
    tracker = EvaluationTracker(output_path=str(folder))
    tracker.general_config_tracker.log_experiment_args("mlpo-team", "model=exported/solo", "", "", False)
    samples = results.pop("samples")
    tracker.save_results_aggregated(results=results, samples=samples)
    for name in names:
        tracker.save_results_samples(task_name=name, samples=samples[name])
    return folder


def lines_of(folder: Path, task: str) -> list[dict[str, Any]]:
    (path,) = folder.glob(f"samples_{task}_*.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_lm_eval_files_are_those_that_lm_eval_writes(run: RunDirectory, plain: Path, tmp_path: Path) -> None:
    paths = export(LoadedRun(run), "lm-eval", tmp_path)
    ours, theirs = tmp_path / "exported__solo", plain / "exported__solo"
    assert theirs.is_dir()
    assert {path.parent.name for path in paths} == {
        f"exported__{name}{seed}"
        for name in ("solo", "vote of 3", "leader, 1 round, 3 peers")
        for seed in ("", ", seed 1")
    }
    names = [sorted(re.sub(r"\d{4}-.*", "DATE", path.name) for path in folder.iterdir()) for folder in (ours, theirs)]
    assert names[0] == names[1]
    for task in ("mlpo_bbh_navigate", "mlpo_bbh_snarks"):
        assert lines_of(ours, task) == lines_of(theirs, task)
    (of_ours,), (of_theirs,) = (
        [json.loads(path.read_text()) for path in folder.glob("results_*.json")] for folder in (ours, theirs)
    )
    assert set(of_theirs) - set(of_ours) - {"max_length", "eot_token_id", "bos_token_id"} == {
        name for name in of_theirs if name.startswith(("tokenizer", "pad_token", "eos_token", "bos_token"))
    }
    assert of_ours["task_hashes"] == of_theirs["task_hashes"]
    assert set(of_theirs["config"]) <= set(of_ours["config"])
    for task, figures in of_theirs["results"].items():
        assert of_ours["results"][task]["acc,read"] == figures["acc,read"]
        assert of_ours["n-samples"][task] == of_theirs["n-samples"][task]
        assert set(of_ours["configs"][task]) == set(of_theirs["configs"][task])


def test_lm_eval_files_open_with_what_reads_them(run: RunDirectory, tmp_path: Path) -> None:
    names = [str(path) for path in export(LoadedRun(run), "lm-eval", tmp_path)]
    results, samples = get_results_filenames(names), get_sample_results_filenames(names)
    assert (len(results), len(samples)) == (6, 12)
    assert set(results) | set(samples) == set(names)
    table = datasets.load_dataset("json", data_files=samples[0], split="train", cache_dir=str(tmp_path / "cache"))
    assert table.num_rows == 11
    assert {"doc", "target", "arguments", "resps", "filtered_resps", "acc"} <= set(table.column_names)


def test_lm_eval_samples_agree_with_the_records(run: RunDirectory, tmp_path: Path) -> None:
    export(LoadedRun(run), "lm-eval", tmp_path)
    found = {}
    for path in sorted((tmp_path / "exported__leader, 1 round, 3 peers, seed 1").glob("samples_*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            sample = json.loads(line)
            found[sample["doc"]["id"]] = (bool(sample["acc"]), bool(sample["unread"]))
    expected = read_records(run.records_path("bbh.leader-1-round-3-peers.seed-1"))
    assert found == {record.question: (record.right, record.unread) for record in expected}


def test_formats_with_gold_answers_need_the_run_s_data(run: RunDirectory, made_up: Path, tmp_path: Path) -> None:
    other = tmp_path / "data" / "bbh"
    other.mkdir(parents=True)
    for path in (made_up / "bbh").iterdir():
        (other / path.name).write_text(path.read_text().replace("even", "odd"))
    with pytest.raises(UsageError, match=r"bbh: the run asked data of sha256:\w+, but .* is here now"):
        export(LoadedRun(run), "lm-eval", tmp_path / "out", other.parent)


def test_what_cannot_be_exported_is_told(run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no format is called 'parket'; did you mean 'parquet'"):
        export(LoadedRun(run), "parket", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        export(LoadedRun(run), "csv", tmp_path / "file")
    monkeypatch.setitem(sys.modules, "inspect_ai.log", None)
    with pytest.raises(UsageError, match="pip install inspect_ai"):
        export(LoadedRun(run), "inspect", tmp_path)


def test_the_command_writes_into_a_folder(run: RunDirectory, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(export_command)
    done = CliRunner().invoke(app, [str(run.path), "--format", "parquet", "-o", str(tmp_path / "new")])
    assert done.output == f"2 files in {tmp_path / 'new'}\n"
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["questions.parquet", "turns.parquet"]
    assert set(FORMATS) == {"parquet", "csv", "jsonl", "lm-eval", "inspect"}


@pytest.fixture
def read_log() -> Callable[..., Any]:
    return pytest.importorskip("inspect_ai.log", reason="inspect_ai is not installed").read_eval_log  # type: ignore[no-any-return]


def text_of(message: Any) -> str:
    (content,) = message.content
    assert content.type == "text"
    return str(content.text)


def test_inspect_reads_what_the_run_holds(run: RunDirectory, tmp_path: Path, read_log: Callable[..., Any]) -> None:
    for path, result in zip(export(LoadedRun(run), "inspect", tmp_path), run.results().cells, strict=True):
        assert path.name == f"{result.cell}.eval"
        log = read_log(str(path), resolve_attachments=True)
        by_question = {record.question: record for record in read_records(run.records_path(result.cell))}
        assert (log.status, log.eval.task, log.eval.solver) == ("success", "bbh", result.label)
        assert read_log(str(path), header_only=True).results.scores[0].metrics["accuracy"].value == result.accuracy
        assert log.eval.dataset.sample_ids == list(by_question)
        lines = {line["question"]: line for line in conversations(run, result.cell)}
        assert {sample.id for sample in log.samples} == set(by_question) == set(lines)
        (usage,) = log.stats.model_usage.values()
        assert (usage.input_tokens, usage.output_tokens) == (result.prompt_tokens, result.completion_tokens)
        for sample in log.samples:  # inspect_ai puts them in the order of their ids
            record, line = by_question[sample.id], lines[sample.id]
            score = sample.scores[SCORER]
            assert (score.value, score.answer) == ("C" if record.right else "I", record.answer)
            assert score.explanation == line["final"] == text_of(sample.output.choices[0].message)
            asked, *said = sample.messages
            assert asked.role == "user"
            assert [text_of(m) for m in said] == [turn["text"] for turn in line["turns"]]
            assert [m.metadata["seat"] for m in said] == [turn["seat"] for turn in line["turns"]]
            read = [[text_of(m) for m in event.input] for event in sample.events]
            assert read == [[m["content"] for m in turn["read"]] for turn in line["turns"]]
            assert sample.target in {"Yes", "No", "(A)", "(B)"}
            assert sum(spent.output_tokens for spent in sample.role_usage.values()) == record.completion_tokens


@given(HOSTILE)
@example("\x00")
@example("<think>a</think>b")
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_inspect_gives_back_any_text(
    run: RunDirectory, tmp_path: Path, read_log: Callable[..., Any], text: str
) -> None:
    (path,) = export(planted(run, tmp_path / "run", text), "inspect", tmp_path / "out")
    first, second, *_ = read_log(str(path), resolve_attachments=True).samples
    assert text_of(first.messages[1]) == text
    assert first.scores[SCORER].answer == text
    assert second.error.message == (text or "fault")
    assert not second.scores


@pytest.mark.parametrize("thinking", ["Let me see.", "</think> a <think>", "=cmd()"])
def test_thinking_that_a_server_told_apart_stands_apart(
    run: RunDirectory, tmp_path: Path, read_log: Callable[..., Any], thinking: str
) -> None:
    changed = planted(run, tmp_path / "run", "It is 4.", thinking)
    _, turns = (pq.read_table(path).to_pylist() for path in export(changed, "parquet", tmp_path / "out"))
    assert [(turn["reasoning"], turn["text"]) for turn in turns[:1]] == [(thinking, "It is 4.")]
    assert {turn["reasoning"] for turn in turns[1:]} == {None}
    (path,) = export(changed, "inspect", tmp_path / "out")
    sample = read_log(str(path), resolve_attachments=True).samples[0]
    for message in (sample.messages[1], sample.events[0].output.choices[0].message):
        reasoning, text = message.content
        assert (reasoning.type, reasoning.reasoning, text.type, text.text) == (
            "reasoning",
            thinking,
            "text",
            "It is 4.",
        )
    assert text_of(sample.output.choices[0].message) == "It is 4."


def test_inspect_holds_one_conversation_at_a_time(
    run: RunDirectory, tmp_path: Path, read_log: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[weakref.ref[Any]] = []
    make, most = inspect_log._sample, [0]

    def counted(*given: Any) -> Any:
        sample = make(*given)
        made.append(weakref.ref(sample))
        most[0] = max(most[0], sum(one() is not None for one in made))
        return sample

    monkeypatch.setattr(inspect_log, "_sample", counted)
    (first, *_) = export(LoadedRun(run), "inspect", tmp_path)
    assert len(read_log(str(first)).samples) == 22
    assert most[0] <= 2


def test_turns_are_gathered_into_groups_of_rows() -> None:
    turns = [[{"turn": n}] * 400 for n in range(6)]
    assert [len(group) for group in tables._gathered(turns)] == [1200, 1200]
    assert [len(group) for group in tables._gathered(turns[:4])] == [1200, 400]
    assert list(tables._gathered([])) == []


def test_durations_are_by_the_clock_and_every_format_tells_who_conferred_how(run: RunDirectory, tmp_path: Path) -> None:
    questions, turns = (pq.read_table(path).to_pylist() for path in export(LoadedRun(run), "parquet", tmp_path))
    spans: dict[tuple[str, str], list[tuple[datetime, datetime]]] = {}
    for turn in turns:
        assert turn["began"] <= turn["ended"]
        spans.setdefault((turn["cell"], turn["question"]), []).append((turn["began"], turn["ended"]))
    for row in questions:
        of_turns = spans[row["cell"], row["question"]]
        assert (row["began"], row["ended"]) == (min(b for b, _ in of_turns), max(e for _, e in of_turns))
        assert row["duration"] == pytest.approx((row["ended"] - row["began"]).total_seconds(), abs=0.002)
        assert abs(datetime.now(UTC) - row["began"]).total_seconds() < 3600


def test_runs_from_before_times_were_kept_are_exported_without(run: RunDirectory, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run.path, copy)
    for path in (copy / "ledger").iterdir():
        write_table(read_ledger(path).drop_columns(["began"]), path)
    loaded = LoadedRun(RunDirectory(copy))
    questions, turns = (pq.read_table(path).to_pylist() for path in export(loaded, "parquet", tmp_path / "out"))
    assert {row["duration"] for row in questions} == {row["ended"] for row in (*questions, *turns)} == {None}
