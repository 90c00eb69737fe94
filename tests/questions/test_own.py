"""Tables of questions become suites; what is wrong with one is told with its row."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlpo_bench import questions
from mlpo_bench.errors import UsageError
from mlpo_bench.questions import own


ROWS = [
    {"question": "Capital of Peru?", "choices": ["Quito", "Lima", "Oslo"], "answer": "B", "subject": "Places"},
    {"question": "Largest planet?", "choices": ["Jupiter", "Mars"], "answer": "A", "subject": "Space travel"},
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    match path.suffix:
        case ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "\n")
        case ".json":
            path.write_text(json.dumps({"about": "made up", "examples": rows}))
        case ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def items(path: Path, form: str | None = None, split: str = "all") -> list[tuple[str, str, str, str]]:
    loaded = questions.load(questions.find(str(path), form), split)
    return [(item.id, item.text, item.gold, item.answer_format) for item in loaded.items]


EXPECTED = [
    ("mine/places/1", "Capital of Peru?\nOptions:\n(A) Quito\n(B) Lima\n(C) Oslo", "(B)", "option"),
    ("mine/space_travel/2", "Largest planet?\nOptions:\n(A) Jupiter\n(B) Mars", "(A)", "option"),
]


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".parquet"])
def test_every_kind_of_file_gives_the_same_questions(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"mine{ending}", ROWS)
    assert items(path) == EXPECTED
    (tmp_path / "other").mkdir()
    as_lines = write(tmp_path / "other" / "mine.jsonl", ROWS)
    assert own.digest(questions.find(str(path))) == own.digest(questions.find(str(as_lines)))


WRITTEN = {
    "letters": """\
question,a,b,c,answer,subject
Capital of Peru?,Quito,Lima,Oslo,B,Places
Largest planet?,Jupiter,Mars,,A,Space travel
""",
    "semicolons, blank lines and a mark at the beginning": """\
\ufeffQuestion ;Option A;option_b;Choice C;ANSWER;Category

Capital of Peru?;Quito;Lima;Oslo;(b);Places
Largest planet?;Jupiter;Mars;;(a);Space travel
;;;;;
""",
    "the options' own texts": """\
prompt,options,target,topic
Capital of Peru?,Quito | Lima | Oslo,lima,Places
Largest planet?,"[""Jupiter"", ""Mars""]",Jupiter,Space travel
""",
    "positions from 0": """\
input\tchoices\tlabel\ttask
Capital of Peru?\tQuito|Lima|Oslo\t1\tPlaces
Largest planet?\tJupiter|Mars\t0\tSpace travel
""",
}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_headers_and_answers_may_be_written_in_several_ways(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text, encoding="utf-8")
    assert items(path) == EXPECTED


@pytest.mark.parametrize(
    ("golds", "form"),
    [(["yes", "No"], "yes_no"), (["3", "-1,200.5"], "number"), (["True", "false"], "true_false"), ([4, 2.0], "number")],
)
def test_a_form_that_all_answers_have_is_seen(tmp_path: Path, golds: list[Any], form: str) -> None:
    path = write(
        tmp_path / "mine.jsonl", [{"question": f"Number {n}?", "answer": gold} for n, gold in enumerate(golds)]
    )
    assert {one[3] for one in items(path)} == {form}


def test_a_form_that_is_in_doubt_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", [{"question": "Who?", "answer": "Ada Lovelace"}])
    with pytest.raises(UsageError, match=r"mine\.jsonl: say in which form .*--format.*phrase"):
        questions.find(str(path))
    assert items(path, "phrase") == [("mine/mine/1", "Who?", "Ada Lovelace", "phrase")]


def test_a_column_of_splits_is_heeded(tmp_path: Path) -> None:
    rows = [{"question": f"{n}?", "answer": n, "split": split} for n, split in enumerate(["test", "train", "Dev"])]
    path = write(tmp_path / "mine.jsonl", rows)
    assert [one[0] for one in items(path, split="test")] == ["mine/mine/1"]
    assert [one[0] for one in items(path, split="train")] == ["mine/mine/2", "mine/mine/3"]


def test_without_one_four_in_five_are_tested_and_a_question_keeps_its_split(tmp_path: Path) -> None:
    rows = [{"question": f"What is {n}?", "answer": n} for n in range(500)]
    path = write(tmp_path / "mine.jsonl", rows)
    tested = {one[1] for one in items(path, split="test")}
    assert 360 < len(tested) < 440
    assert len(items(path, split="train")) == 500 - len(tested)
    assert f"{len(tested)} of 500 are tested, by a rule" in str(questions.load(str(path)).source)
    fewer = write(tmp_path / "fewer.jsonl", rows[100:][::-1])
    assert {one[1] for one in items(fewer, split="test")} < tested


def test_a_folder_of_files_is_one_suite_and_files_may_be_its_splits(tmp_path: Path) -> None:
    (tmp_path / "quiz").mkdir()
    for name in ("train", "test"):
        write(tmp_path / "quiz" / f"{name}.jsonl", [{"question": f"Of {name}?", "answer": "1"}])
    assert items(tmp_path / "quiz", split="test") == [("quiz/quiz/test-1", "Of test?", "1", "number")]
    assert items(tmp_path / "quiz", split="train") == [("quiz/quiz/train-1", "Of train?", "1", "number")]


def test_a_file_that_changes_is_read_anew(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", [{"question": "One?", "answer": "1"}])
    before = own.digest(questions.find(str(path)))
    write(path, [{"question": "One?", "answer": "12"}])
    assert own.digest(questions.find(str(path))) != before


@pytest.mark.parametrize(
    ("text", "form", "message"),
    [
        ("question,anwser\n1?,1\n", None, r"no column 'answer'; did you mean 'anwser'\? Its columns: question, anw"),
        ("answer\n1\n", None, "has no column 'question'"),
        ("", None, "holds no question"),
        ("question,answer\n", None, "holds no question"),
        ("question,answer\n1?,1\n2?,\n", "number", "mine.csv, line 3: its answer is empty"),
        ("question,answer\n,1\n", "number", "line 2: its question is empty"),
        ("question,answer\n1?,1\n2?,a hat\n", "number", "line 3: its answer 'a hat' cannot be read as format number"),
        ("question,answer\n1?,1\n2?,2,3\n", None, "line 3: it has 3 cells, and the header 2"),
        ("id,question,answer\nx,1?,1\nx,2?,2\n", None, "line 3: it has the id of line 2, 'x'"),
        ("question,answer,answer\n1?,1,2\n", None, "two columns are called 'answer'"),
        ("question,answer,split\n1?,1,tset\n", None, "line 2: its split 'tset' is none of test, train"),
        ("question,answer,a,b\n1?,C,x,y\n2?,A,x,y\n", None, r"line 2: its answer 'C' is none of .* \(x \| y\)"),
        ("question,answer,a,b\n1?,z,x,y\n2?,x,x,y\n", None, r"line 2: its answer 'z' is none of its choices"),
        ("question,answer,a,b,c\n1?,A,x,,y\n", None, "line 2: a question has 2 to 18 choices, none of them empty"),
        ("question,answer,a,b\n1?,A,x,y\n", "number", "line 2: it has choices, and is to be answered by format number"),
        ("question,answer\n1?,Lima\n", "option", "line 2: its answer 'Lima' is no option's letter"),
        ("question,answer\n1?,1\n", "nubmer", "no answer format is called 'nubmer'; did you mean 'number'"),
        ('question,answer\n"1?,1\n', None, "line 2: it is no CSV .* are its quotation marks closed"),
        ("question,answer\n1?,yes\n2?,no\n 1? ,NO\n", None, "line 4: it asks what line 2 asks, .* NO for yes"),
        ("question,answer\n1?,7\n1?,8\n", "maths", "line 3: it asks what line 2 asks, with the answer 8 for 7"),
        ("question,answer,a,b\n1?,A,x,y\n1?,y,x,y\n1?,B,x,y\n", None, "line 4: it asks .* the answer \\(B\\) for "),
        ("question,answer\n1?,yes\n2?,\n", None, "mine.csv, line 3: its answer is empty"),
        ("question,answer,a,b\n1?,1,x,y\n", None, "mine.csv: its answers are positions, which count from 0, and none"),
        ("question,answer,a,b,c\n1?,1,x,y,z\n2?,3,x,y,z\n3?,2,x,y,z\n", None, "write the options' letters .A, B, ...."),
        ('question,answer\n"Which?\n(A) x\n(B) y",(D)\n', "option", r"line 2: its answer \(D\) is none of its opt"),
        ("question,answer\n" + "?,\n" * 5, "number", r"line 2: .*; line 3: .*; line 4: .*; and 2 more\.$"),
    ],
)  # fmt: skip
def test_faults_are_told_by_their_lines(tmp_path: Path, text: str, form: str | None, message: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=message) as told:
        questions.find(str(path), form)
    assert "\n" not in str(told.value)


def test_what_is_no_such_file_is_told(tmp_path: Path) -> None:
    latin = tmp_path / "latin.csv"
    latin.write_bytes("question,answer\nCafé?,1\n".encode("latin-1"))
    with pytest.raises(UsageError, match=r"latin\.csv is not UTF-8 text \(line 2 holds the byte 0xe9\)"):
        questions.find(str(latin))
    for name, content, message in (
        ("x.json", "[", "is no JSON"),
        ("x.json", '{"a": 1}', "must hold one list"),
        ("x.jsonl", '{"question": "1?", "answer": "1"}\n{', "line 2 is no JSON"),
        ("x.jsonl", "[1]", "line 1: a question is an object"),
        ("x.parquet", "-", "is no Parquet file"),
        ("bbh.csv", "question,answer\n1?,1\n", "has the name of the suite 'bbh'; rename"),
        ("x.txt", "-", "is no table of questions: these end in .csv, .tsv, .jsonl, .json, .parquet"),
        ("1.csv", "question,answer\n1?,1\n", "gives no name"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(UsageError, match=message):
            questions.find(str(tmp_path / name))
    with pytest.raises(UsageError, match="there is no file"):
        questions.find(str(tmp_path / "none.csv"))
    with pytest.raises(UsageError, match="One of your own is a file"):
        questions.find("mine")
    with pytest.raises(UsageError, match="--format is for files"):
        questions.find("bbh", "option")


def test_a_file_in_utf_16_as_spreadsheets_save_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes("question\tanswer\nCafé?\t1\n".encode("utf-16"))
    assert items(path) == [("mine/mine/1", "Café?", "1", "number")]


@pytest.mark.parametrize(("row", "fault"), [("null", "is empty"), ("NaN", "is no text, but nan"), ('" "', "is empty")])
def test_an_answer_that_is_none_is_named_before_the_form_is_asked_for(tmp_path: Path, row: str, fault: str) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(f'{{"question": "a?", "answer": "Yes"}}\n{{"question": "b?", "answer": {row}}}\n')
    with pytest.raises(UsageError, match=rf"^mine\.jsonl, line 2: its answer {fault}\.$"):
        questions.find(str(path))


def test_a_question_may_stand_there_twice_with_one_answer(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", [{"question": "a?", "answer": "Yes"}, {"question": "A? ", "answer": "yes"}])
    assert len(items(path)) == 2
    assert "1 of its questions stand there again" in str(questions.load(str(path)).source)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"question": "a?", "question": "b?", "answer": "Yes"}', "'question' stands twice in one object"),
        ('{"question": "a?", "answer": NaN}', "line 1: its answer is no text, but nan"),
        ('{"question": "a?", "answer": null}', "line 1: its answer is empty"),
        ('{"question": Infinity, "answer": "1"}', "line 1: its question is no text, but inf"),
        ('{"question": "a?", "answer": "1", "id": {"a": 1}}', "line 1: its id is no text, but {'a': 1}"),
        ('{"question": "a?", "answer": "1", "subject": [1]}', "line 1: its subject is no text, but \\[1\\]"),
        ('{"question": "a?", "answer": "1", "id": "a\\ud800"}', "line 1: its id holds half of a surrogate pair"),
        ('{"question": "", "answer": ""}', "holds no question"),
    ],
)
def test_what_json_leaves_open_is_refused(tmp_path: Path, line: str, fault: str) -> None:
    (tmp_path / "mine.jsonl").write_text(line + "\n")
    with pytest.raises(UsageError, match=fault):
        questions.find(str(tmp_path / "mine.jsonl"), "literal")


def test_what_pandas_leaves_of_a_missing_id_or_subject_is_none(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text('{"question": "a?", "answer": "Yes", "id": NaN, "subject": NaN}\n')
    assert items(tmp_path / "mine.jsonl") == [("mine/mine/1", "a?", "Yes", "yes_no")]


@pytest.mark.parametrize("name", ["loop.csv", "a" * 300 + ".csv", "dangling"])
def test_what_a_path_leads_to_nowhere_is_told(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "loop.csv":
        path.symlink_to(path)
    elif name == "dangling":
        path.mkdir()
        (path / "bad.csv").symlink_to("nowhere.csv")
    with pytest.raises(UsageError, match="cannot be read: "):
        questions.find(str(path))


def test_bytes_are_no_text(tmp_path: Path) -> None:
    pq.write_table(pa.table({"question": [b"a?"], "answer": ["Yes"]}), tmp_path / "mine.parquet")
    with pytest.raises(UsageError, match=r"row 1: its question is no text, but b'a\?'"):
        questions.find(str(tmp_path / "mine.parquet"))


def test_a_pipe_is_no_table(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mine.csv")
    with pytest.raises(UsageError, match=r"mine\.csv is a pipe, not a file"):
        questions.find(str(tmp_path / "mine.csv"))
