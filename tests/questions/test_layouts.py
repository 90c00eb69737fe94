"""Suites are read from the files that people have, and what cannot be read is told in one sentence."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fixtures.golds import gold  # type: ignore[import-not-found]

from mlpo_bench import questions
from mlpo_bench.errors import UsageError
from mlpo_bench.questions import SUITES, Hub, Package, loading, own


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

MMLU, BBH, MATH = (SUITES[name].subjects for name in ("mmlu", "bbh", "math"))
SHARD = "-00000-of-00001.parquet"


@pytest.fixture(autouse=True)
def _no_other_source(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no other place answer."""
    loading.forget()
    monkeypatch.delenv(loading.DATA_VARIABLE, raising=False)
    for place in (Package, Hub):
        monkeypatch.setattr(place, "read", lambda *_: pytest.fail("another source was asked"))
    yield
    loading.forget()


def parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), path)


def lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def question(subject: str, part: str, answer: object = 3) -> dict[str, Any]:
    text = f"Made-up, {subject} of {part}?"
    return {"question": text, "subject": subject, "choices": ["one", "two", "three", "four"], "answer": answer}


def write_csv(data: Path, text: Callable[[str, str], str], encoding: str = "utf-8") -> None:
    for part in ("dev", "val", "test"):
        (data / "mmlu" / part).mkdir(parents=True)
        for subject in MMLU:
            path = data / "mmlu" / part / f"{subject}_{part}.csv"
            path.write_bytes(text(subject, part).encode(encoding))


def plain(subject: str, part: str) -> str:
    return f'"Made-up, {subject} of {part}?",one,two,three,four,D\n'


def told(suite: str, data: Path, split: str = "test") -> str:
    loading.forget()
    with pytest.raises(UsageError) as fault:
        questions.load(suite, split, data)
    assert "\n" not in str(fault.value)
    return str(fault.value)


def contents(suite: str, data: Path, split: str = "test") -> list[tuple[str, str, str]]:
    loading.forget()
    return [(item.id, item.text, item.gold) for item in questions.load(suite, split, data).items]


# MMLU


HEADER = "question,A,B,C,D,answer\n"
WRITTEN: dict[str, tuple[Callable[[str, str], str], str]] = {
    "a header": (lambda *of: HEADER + plain(*of), "utf-8"),
    "a blank last line": (lambda *of: plain(*of) + "\n", "utf-8"),
    "a last line of commas": (lambda *of: plain(*of) + ",,,,,\n", "utf-8"),
    "CRLF": (lambda *of: plain(*of).replace("\n", "\r\n"), "utf-8"),
    "a byte order mark": (plain, "utf-8-sig"),
    "UTF-16": (plain, "utf-16"),
    "all of it": (lambda *of: (HEADER + plain(*of) + "\n").replace("\n", "\r\n"), "utf-16"),
}


@pytest.mark.parametrize(("text", "encoding"), WRITTEN.values(), ids=WRITTEN)
def test_mmlu_s_tables_give_the_same_questions_however_they_were_saved(
    tmp_path: Path, text: Callable[[str, str], str], encoding: str
) -> None:
    write_csv(tmp_path / "as published", plain)
    write_csv(tmp_path / "as saved", text, encoding)
    assert len(contents("mmlu", tmp_path / "as published", "all")) == 3 * 57
    for split in ("test", "train", "all"):
        assert contents("mmlu", tmp_path / "as saved", split) == contents("mmlu", tmp_path / "as published", split)


@pytest.mark.parametrize("name", ["all/{}" + SHARD, "{}" + SHARD, "data/{}" + SHARD, "all/{}/0000.parquet", ""])
def test_mmlu_is_read_as_the_hub_has_it(tmp_path: Path, name: str) -> None:
    write_csv(tmp_path / "csv", plain)
    hub = tmp_path / "hub" / "mmlu"
    for part, split in (("dev", "dev"), ("val", "validation"), ("test", "test")):
        rows = [question(each, part) for each in MMLU]
        if name:
            parquet(hub / name.format(split), rows)
        for row in () if name else rows:
            parquet(hub / row["subject"] / f"{split}{SHARD}", [row])
    parquet(hub / "auxiliary_train" / f"train{SHARD}", [{"question": "Of another kind?"}])
    for split in ("test", "train"):
        assert contents("mmlu", tmp_path / "hub", split) == contents("mmlu", tmp_path / "csv", split)
    assert not questions.load("mmlu", "test", tmp_path / "hub").source.partial


@pytest.mark.parametrize("answer", [3, "D"])
def test_the_test_split_alone_is_read_and_announced(tmp_path: Path, answer: object) -> None:
    parquet(tmp_path / "mmlu" / "all" / f"test{SHARD}", [question(each, "test", answer) for each in MMLU])
    loaded = questions.load("mmlu", "test", tmp_path)
    assert (len(loaded.items), loaded.items[0].gold) == (57, "(D)")
    assert loaded.source.partial
    assert loaded.source.note == "the whole test split, and no train split, for dev and val are not there"
    assert "has no train split" in told("mmlu", tmp_path, "train")


def test_shards_are_read_in_order_and_must_all_be_there(tmp_path: Path) -> None:
    folder = tmp_path / "mmlu" / "all"
    for number, half in enumerate((MMLU[:30], MMLU[30:])):
        parquet(folder / f"test-0000{number}-of-00002.parquet", [question(each, "test") for each in half])
    assert len(contents("mmlu", tmp_path)) == 57
    (folder / "test-00001-of-00002.parquet").unlink()
    loading.forget()
    assert told("mmlu", tmp_path).endswith("has 1 of the 2 files test-*-of-*.parquet; fetch all.")


def test_a_split_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    for name in (f"test{SHARD}", "test.parquet"):
        parquet(tmp_path / "mmlu" / "all" / name, [question(each, "test") for each in MMLU])
    assert told("mmlu", tmp_path).endswith(f"'test' twice, as all/test{SHARD} and all/test.parquet; keep one.")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": 4}, "row 1: its answer 4 is no position from 0 to 3, nor a letter."),
        ({"answer": "E"}, "row 1: its answer 'E' is no position from 0 to 3, nor a letter."),
        ({"answer": None}, "row 1: its answer None is no position from 0 to 3, nor a letter."),
        ({"choices": ["one", "two"]}, "row 1: its choices are no 4 texts, but ['one', 'two']."),
        ({"question": None}, "row 1: its question is no text, but None."),
    ],
)
def test_a_row_of_the_hub_s_that_is_at_fault_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    parquet(tmp_path / "mmlu" / "all" / f"test{SHARD}", [question(MMLU[0], "test") | change])
    assert told("mmlu", tmp_path).endswith(f"test{SHARD}, {message}")


def test_subjects_that_are_missing_are_counted(tmp_path: Path) -> None:
    parquet(tmp_path / "mmlu" / "all" / f"test{SHARD}", [question(MMLU[0], "test")])
    assert "has no test question of anatomy and 55 more subjects: it must hold test/SUBJECT_test.csv" in told(
        "mmlu", tmp_path
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Made-up?,one,two,three,four,5\n", "row 1: its answer '5' is none of A, B, C, D."),
        ("0,Made-up?,one,two,three,four,A\n", "row 1 of test/abstract_algebra_test.csv has 7 columns)."),
        ('"Made-up?,one,two,three,four,A\n', "is no CSV (line 1: unexpected end of data)."),
        ('"One,a,b,c,d,A\nTwo "x",a,b,c,d,B\nThree,a,b,c,d,C\n', "is no CSV (line 2: ',' expected after '\"')."),
    ],
)
def test_a_table_of_another_form_is_told(tmp_path: Path, text: str, message: str) -> None:
    write_csv(tmp_path, plain)
    (tmp_path / "mmlu" / "test" / "abstract_algebra_test.csv").write_text(text)
    assert told("mmlu", tmp_path).endswith(message)


def test_utf_16_without_its_mark_and_other_encodings_are_told(tmp_path: Path) -> None:
    write_csv(tmp_path, plain)
    path = tmp_path / "mmlu" / "test" / "abstract_algebra_test.csv"
    path.write_bytes(plain("a", "test").encode("utf-16-le"))
    assert (
        told("mmlu", tmp_path) == f"{path} is not UTF-8 text, but UTF-16 without its mark, it seems; save it as UTF-8."
    )
    path.write_bytes("Café?,one,two,three,four,A\n".encode("latin-1"))
    assert told("mmlu", tmp_path) == f"{path} is not UTF-8 text (line 1 holds the byte 0xe9); save it as UTF-8."


# BBH


def examples(subject: str) -> list[dict[str, str]]:
    return [{"input": f"Made-up {subject} question {n}?", "target": gold(subject, n)} for n in range(5)]


def write_bbh(data: Path) -> Path:
    (data / "bbh").mkdir(parents=True)
    for subject in BBH:
        (data / "bbh" / f"{subject}.json").write_text(json.dumps({"examples": examples(subject)}))
    return data / "bbh"


@pytest.mark.parametrize("name", [f"{{}}/test{SHARD}", "{}/test/0000.parquet", "{}.parquet"])
def test_bbh_is_read_as_copies_on_the_hub_have_it(tmp_path: Path, name: str) -> None:
    write_bbh(tmp_path / "json")
    for subject in BBH:
        parquet(tmp_path / "hub" / "bbh" / name.format(subject), examples(subject))
    for split in ("test", "train"):
        assert contents("bbh", tmp_path / "hub", split) == contents("bbh", tmp_path / "json", split)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"examples": [{"input": "?", "target": 5}]}', "snarks.json, row 1: its target is no text, but 5."),
        ('{"examples": [{"input": ["?"], "target": "(A)"}]}', "row 1: its input is no text, but ['?']."),
        ('{"examples": [{"input": null, "target": "(A)"}]}', "row 1: its input is no text, but None."),
        ('{"examples": [{"inputs": "?", "target": "(A)"}]}', "row 1 has no 'input'; it has 'inputs', 'target'."),
        ('{"examples": ["?"]}', "row 1 is no object with input, target, but '?'."),
        ('{"examples": {}}', 'snarks.json must hold its questions as {"examples": [...]}.'),
        ("[]", 'snarks.json must hold its questions as {"examples": [...]}.'),
        (
            '{"examples": [{"input": "\\ud800?", "target": "(A)"}]}',
            "its input holds half of a surrogate pair (U+D800),",
        ),
        (
            '{"examples": [{"input": "?", "target": "\\udfff"}]}',
            "its target holds half of a surrogate pair (U+DFFF), wh",
        ),
        ("[" * 100_000, "snarks.json is nested too deep to be read."),
        ("[" + "9" * 5_000 + "]", "snarks.json is no JSON (a number has more digits than are read)."),
        ("", "snarks.json is no JSON (Expecting value: line 1 column 1 (char 0))."),
        ("version https://git-lfs.github.com/spec/v1\n", "not the file; fetch it with `git lfs pull`."),
    ],
)
def test_a_row_of_bbh_that_is_at_fault_is_named(tmp_path: Path, content: str, message: str) -> None:
    (write_bbh(tmp_path) / "snarks.json").write_text(content)
    assert message in told("bbh", tmp_path)


NO_PHRASE = "its target 'Perhaps' is neither a letter, such as (A), nor an option."


@pytest.mark.parametrize(
    ("subject", "rows", "message"),
    [
        ("navigate", [], "navigate.json holds no question."),
        ("navigate", [{"input": "Back?", "target": ""}], "navigate.json, row 1: its target is empty."),
        ("navigate", [{"input": " ", "target": "Yes"}], "navigate.json, row 1: its input is empty."),
        ("web_of_lies", [{"input": "?", "target": "Perhaps"}], "its answer 'Perhaps' cannot be read as format yes_no"),
        ("boolean_expressions", [{"input": "?", "target": "Yes"}], "its answer 'Yes' cannot be read as format true_f"),
        ("formal_fallacies", [{"input": "?", "target": "True"}], "its answer 'True' cannot be read as format vali"),
        ("object_counting", [{"input": "?", "target": "seven or so"}], "its answer 'seven or so' cannot be read as f"),
        ("snarks", [{"input": "?", "target": "Perhaps"}], NO_PHRASE),
        ("snarks", [{"input": "?\nOptions:\n(A) One\n(B) Two", "target": "Perhaps"}], NO_PHRASE),
        ("snarks", [{"input": "?\nOptions:\n(A) x\n(B) y", "target": "(C)"}], "row 1: its answer (C) is none of "),
    ],
)  # fmt: skip
def test_a_question_that_no_answer_would_be_right_for_is_refused_with_its_row(
    tmp_path: Path, subject: str, rows: list[dict[str, str]], message: str
) -> None:
    (write_bbh(tmp_path) / f"{subject}.json").write_text(json.dumps({"examples": rows}))
    assert message in told("bbh", tmp_path)


@pytest.mark.parametrize("target", ["rita, sue and bob poo", "sue and bob poo", "(B)"])
def test_a_target_in_words_is_one_of_the_options_whole_or_cut_at_its_commas(tmp_path: Path, target: str) -> None:
    cut = {"input": "Which is it?\nOptions:\n(A) rita\n(B) sue and bob poo", "target": target}
    (write_bbh(tmp_path) / "ruin_names.json").write_text(json.dumps({"examples": [cut] * 2}))
    loading.forget()
    assert target in {item.gold for item in questions.load("bbh", "test", tmp_path).items}


@pytest.mark.parametrize(
    ("suite", "name", "rows", "message"),
    [
        ("boolq", "dev.jsonl", [], "dev.jsonl holds no question."),
        ("boolq", "data/validation" + SHARD, [{"question": "", "passage": "p", "answer": True}], "question is empty."),
        ("gsm8k", "train.jsonl", [{"question": "?", "answer": "#### some"}], "line 1: its answer 'some' cannot be"),
        ("arc_challenge", "ARC-Challenge/test" + SHARD,
         [{"id": "x", "question": "?", "answerKey": "", "choices": {"text": ["a"], "label": [""]}}],
         "its answerKey is empty."),
        ("commonsense_qa", "dev_rand_split.jsonl",
         [{"id": "x", "question": {"stem": "?", "choices": [{"text": "a", "label": "A"}]}, "answerKey": "C"}],
         "line 1: its answer (C) is none of its options, (A)."),
        ("math_500", "test.jsonl", [{"problem": "?", "solution": r"\boxed{ }"}], "line 1: its answer is empty."),
        ("bbeh", "benchmark_tasks/bbeh_boardgame_qa/task.json", [], "task.json holds no question."),
    ],
)  # fmt: skip
def test_so_it_is_in_every_suite(
    tmp_path: Path, suite: str, name: str, rows: list[dict[str, Any]], message: str
) -> None:
    path = tmp_path / suite / name
    path.parent.mkdir(parents=True)
    if path.suffix == ".parquet":
        parquet(path, rows)
    elif path.suffix == ".json":
        path.write_text(json.dumps({"examples": rows}))
    else:
        lines(path, rows)
    loading.forget()
    assert message in told(suite, tmp_path)


def test_a_pipe_or_a_folder_in_a_file_s_place_is_refused_at_once(tmp_path: Path) -> None:
    path = write_bbh(tmp_path) / "snarks.json"
    path.unlink()
    os.mkfifo(path)
    assert told("bbh", tmp_path) == f"{path} is a pipe, not a file; put the file itself there."
    path.unlink()
    path.mkdir()
    assert told("bbh", tmp_path) == f"{path} is a folder, not a file; put the file itself there."


def test_a_link_may_not_lead_out_of_the_data_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    path = write_bbh(data) / "snarks.json"
    elsewhere = path.rename(tmp_path / "elsewhere.json")
    path.symlink_to(elsewhere)
    assert told("bbh", data) == f"{path} is a link out of the data folder, to {elsewhere}; put the file itself there."
    elsewhere.rename(data / "kept.json")
    path.unlink()
    path.symlink_to(Path("..", "kept.json"))
    assert len(contents("bbh", data)) == 27
    path.unlink()
    path.symlink_to(path)
    assert told("bbh", data).startswith(f"{path} cannot be read: ")


def test_a_suite_s_folder_may_be_a_link_of_one_s_own_even_to_the_hub_s_cache(tmp_path: Path) -> None:
    snapshot = tmp_path / "datasets--one--bbh" / "snapshots" / "0" / "data"
    snapshot.parent.mkdir(parents=True)
    write_bbh(tmp_path / "made").rename(snapshot)
    blobs = tmp_path / "datasets--one--bbh" / "blobs"
    blobs.mkdir()
    blob = (snapshot / "snarks.json").rename(blobs / "3f")
    (snapshot / "snarks.json").symlink_to(blob)
    data = tmp_path / "data"
    data.mkdir()
    (data / "bbh").symlink_to(snapshot)
    assert len(contents("bbh", data)) == 27


# MATH


def problem(subject: str, number: int) -> dict[str, str]:
    return {"problem": f"Made-up {subject} {number}", "solution": rf"So $\boxed{{{number}}}$."}


def five_hundred(subject: str = "Counting & Probability", number: int = 807) -> dict[str, str]:
    folder = subject.lower().replace(" & ", "_and_").replace(" ", "_")
    more = {"answer": str(number), "subject": subject, "unique_id": f"test/{folder}/{number}.json", "level": "3"}
    return problem(subject, number) | more


@pytest.mark.parametrize(
    "name",
    ["math/test.jsonl", "math/math500.jsonl", f"math/test{SHARD}", f"math/data/test{SHARD}", "MATH-500/test.jsonl"],
)
def test_math_500_alone_is_read_and_announced(tmp_path: Path, name: str) -> None:
    rows = [five_hundred(), five_hundred("Algebra", 7), five_hundred("Intermediate Algebra", 9)]
    (lines if name.endswith(".jsonl") else parquet)(tmp_path / name, rows)
    loaded = questions.load("math", "test", tmp_path)
    assert [(item.id, item.gold) for item in loaded.items] == [
        ("math/counting_and_probability/no-807", "807"),
        ("math/algebra/no-7", "7"),
        ("math/intermediate_algebra/no-9", "9"),
    ]
    assert loaded.source.note == "MATH-500 alone, the whole test split, and no train split"
    assert "has no train split of MATH" in told("math", tmp_path, "train")


def test_gold_is_the_answer_where_there_is_no_solution(tmp_path: Path) -> None:
    row = {"problem": "Made up", "answer": r"\frac{1}{2}", "subject": "Algebra", "unique_id": "test/algebra/7.json"}
    lines(tmp_path / "math" / "test.jsonl", [row])
    assert contents("math", tmp_path) == [("math/algebra/no-7", "Made up", r"\frac{1}{2}")]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([five_hundred(), five_hundred()], "holds the question math/counting_and_probability/no-807 twice; remove one"),
        ([five_hundred("Chemistry")], "line 1: its subject 'Chemistry' is none of MATH's: algebra, counting_and_"),
        (
            [five_hundred() | {"unique_id": ""}],
            "line 1: it has no unique_id, such as test/counting_and_probability/7.j",
        ),
        ([{"problem": 5}], "line 1: its problem is no text, but 5."),
        ([{k: v for k, v in five_hundred().items() if k not in {"solution", "answer"}}], "line 1 has no 'answer'; it"),
    ],
)
def test_a_problem_of_math_500_that_is_at_fault_is_named(
    tmp_path: Path, rows: list[dict[str, Any]], message: str
) -> None:
    lines(tmp_path / "math" / "test.jsonl", rows)
    assert message in told("math", tmp_path)


def test_math_is_read_as_the_hub_has_it_with_math_500_beside_it(tmp_path: Path) -> None:
    for subject in MATH:
        parquet(tmp_path / "math" / subject / f"test{SHARD}", [problem(subject, number) for number in (2, 10)])
    assert told("math", tmp_path).endswith("math has no test.jsonl: MATH-500, which says what of MATH is tested.")
    lines(tmp_path / "math" / "test.jsonl", [{"problem": "Made-up algebra 10"}])
    assert [one[0] for one in contents("math", tmp_path)] == ["math/algebra/1"]
    assert len(contents("math", tmp_path, "train")) == 13


def test_gsm8k_is_read_as_the_hub_has_it(tmp_path: Path) -> None:
    for part in ("train", "test"):
        rows = [{"question": f"Made-up, of {part}?", "answer": "So.\n#### 3"}]
        parquet(tmp_path / "gsm8k" / "main" / f"{part}{SHARD}", rows)
    assert contents("gsm8k", tmp_path) == [("gsm8k/gsm8k/0", "Made-up, of test?", "3")]


# A folder that lacks the suite


def write_math(data: Path) -> None:
    for subject in MATH:
        for number in (2, 10):
            path = data / "math" / "test" / subject / f"{number}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(problem(subject, number)))
    lines(data / "math" / "test.jsonl", [{"problem": "Made-up algebra 10"}])


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside another suite"])
@pytest.mark.parametrize(
    ("suite", "at", "message"),
    [
        ("mmlu", "data", "Its files lie in {data}/data: rename that folder to {data}/mmlu."),
        ("math", "MATH", "Its files lie in {data}/MATH: rename that folder to {data}/math."),
        ("bbh", "BIG-Bench-Hard/bbh", "It lies in {data}/BIG-Bench-Hard: --data {data}/BIG-Bench-Hard"),
        (
            "mmlu",
            "one/two/data",
            "lie in {data}/one/two/data: rename that folder to {data}/one/two/mmlu, and name --da",
        ),
    ],
)
def test_a_suite_under_another_name_or_deeper_is_pointed_to(
    tmp_path: Path, suite: str, at: str, message: str, beside: bool
) -> None:
    written: dict[str, Callable[[Path], object]] = {
        "bbh": write_bbh,
        "math": write_math,
        "mmlu": lambda data: write_csv(data, plain),
    }
    written[suite](tmp_path / "made")
    data = tmp_path / "unpacked"
    (data / at).parent.mkdir(parents=True)
    (tmp_path / "made" / suite).rename(data / at)
    if beside:
        (data / "gsm8k").mkdir()
    assert message.format(data=data) in told(suite, data)
    assert f"{data} has no folder {suite}/. " in told(suite, data)


def test_a_suite_s_own_folder_is_no_data_folder(tmp_path: Path) -> None:
    write_bbh(tmp_path)
    assert told("bbh", tmp_path / "bbh").endswith(f"name the one above, --data {tmp_path}")
    shutil.move(tmp_path / "bbh", tmp_path / "loose")
    assert told("bbh", tmp_path / "loose").endswith(f"put them into {tmp_path / 'loose' / 'bbh'}.")


def test_a_suite_s_folder_within_itself_is_pointed_to(tmp_path: Path) -> None:
    write_bbh(tmp_path / "bbh")
    assert told("bbh", tmp_path).endswith(
        f"does not hold the files of bbh. It lies in {tmp_path / 'bbh'}: --data {tmp_path / 'bbh'}"
    )


def test_a_suite_that_is_nowhere_near_is_searched_for_in_bounded_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlpo_bench.folders._MOST", 50)
    looked: list[str] = []
    scandir = os.scandir

    def looking(path: str) -> Any:
        looked.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", looking)
    for number in range(60):
        (tmp_path / f"{number:02}" / "deeper").mkdir(parents=True)
    assert "has no folder of any suite" in told("bbh", tmp_path)
    assert len(looked) <= 50


# Files of one's own


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"question": ["?"], "answer": "1"}, "its question is no text, but ['?']."),
        ({"question": "?", "answer": {"a": 1}}, "its answer is no text, but {'a': 1}."),
        ({"question": "\ud83d?", "answer": "1"}, "its question holds half of a surrogate pair (U+D83D), which is no"),
        ({"question": "?", "answer": "A", "choices": ["\ud83d", "b"]}, "a choice of it holds half of a surrogate pair"),
    ],
)
def test_a_row_of_one_s_own_that_is_no_text_is_named(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    lines(tmp_path / "mine.jsonl", [row])
    form = "option" if "choices" in row else "number"
    with pytest.raises(UsageError, match=r"mine\.jsonl, line 1: ") as fault:
        questions.find(str(tmp_path / "mine.jsonl"), form)
    assert message in str(fault.value)


def test_repeated_questions_of_one_s_own_are_counted(tmp_path: Path) -> None:
    lines(tmp_path / "mine.jsonl", [{"question": q, "answer": "1"} for q in ("One?", "Two?", "one?", "ONE?")])
    assert "2 of its questions stand there again" in str(questions.load(str(tmp_path / "mine.jsonl"), "all").source)


def test_a_pipe_is_no_table(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mine.csv")
    with pytest.raises(UsageError, match=r"mine\.csv"):
        own.suite_of(tmp_path / "mine.csv")
