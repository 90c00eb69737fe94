"""Options are read however a table writes them, and answers as it calls them; what is in doubt is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlpo_bench import questions
from mlpo_bench.errors import UsageError


XY = "(A) x\n(B) y"
Table = list[tuple[Any, Any]]


def row(number: int, choices: object, answer: object) -> dict[str, Any]:
    return {"question": f"{number}?", "choices": choices, "answer": answer}


def write(tmp_path: Path, table: Table) -> Path:
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(row(number, *one)) + "\n" for number, one in enumerate(table)))
    return path


def asked(path: Path) -> list[tuple[str, str]]:
    items = questions.load(questions.find(str(path)), "all").items
    return [(item.text.partition("\nOptions:\n")[2], item.gold) for item in items]


OBJECTS = [{"label": "A", "text": "x"}, {"label": "B", "text": "y"}]
READ: dict[str, tuple[Table, list[tuple[str, str]]]] = {
    "objects": ([(OBJECTS, "B")], [(XY, "(B)")]),
    "objects by key": ([([{"key": "q", "text": "x"}, {"key": "r", "text": "y"}], "R")], [(XY, "(B)")]),
    "objects without labels": ([([{"text": "x"}, {"text": "y"}], "y")], [(XY, "(B)")]),
    "objects as text": ([(json.dumps(OBJECTS), "B")], [(XY, "(B)")]),
    "texts by label": ([({"A": "x", "B": "y"}, "B")], [(XY, "(B)")]),
    "texts by label, as Parquet fills them up": ([({"A": "x", "B": "y", "C": None}, "B")], [(XY, "(B)")]),
    "labels in another order": ([({"text": ["x", "y"], "label": ["B", "A"]}, "A")], [(XY, "(B)")]),
    "labels that are numbers": ([({"text": ["x", "y"], "label": ["1", "2"]}, "1")], [(XY, "(A)")]),
    "labels that are numbers, as numbers": ([({"text": ["x", "y"], "label": [1, 2]}, 2)], [(XY, "(B)")]),
    "labels before texts": ([({"text": ["B", "A"], "label": ["A", "B"]}, "A")], [("(A) B\n(B) A", "(A)")]),
    "labels of two kinds": (
        [({"text": ["x", "y"], "label": ["1", "2"]}, "2"), ({"text": ["x", "y"], "label": ["A", "B"]}, "B")],
        [(XY, "(B)"), (XY, "(B)")],
    ),
    "positions beside letters": ([({"text": ["x", "y"], "label": ["A", "B"]}, n) for n in (0, 1)],
                                 [(XY, "(A)"), (XY, "(B)")]),
    "letters of their own": ([(["A. x", "B. y"], "B")], [(XY, "(B)")]),
    "letters of their own, in parentheses": ([(["(a) x", "(b) y"], "b")], [(XY, "(B)")]),
    "an answer with its letter": ([(["A) x", "B) y"], "B) y"), (["x", "y"], "y")], [(XY, "(B)"), (XY, "(B)")]),
    "letters out of order": ([(["B. x", "A. y"], "A. y")], [("(A) B. x\n(B) A. y", "(B)")]),
    "letters of some": ([(["A. x", "y"], "y")], [("(A) A. x\n(B) y", "(B)")]),
    "letters in parentheses, beside texts that are letters": ([(["B", "A"], "(A)")], [("(A) B\n(B) A", "(A)")]),
    "texts that are numbers": ([(["7", "8"], "8")], [("(A) 7\n(B) 8", "(B)")]),
    "texts and letters that agree": ([(["A", "B"], "B")], [("(A) A\n(B) B", "(B)")]),
}  # fmt: skip


@pytest.mark.parametrize(("table", "expected"), READ.values(), ids=READ)
def test_choices_are_read_as_they_are_meant(tmp_path: Path, table: Table, expected: list[tuple[str, str]]) -> None:
    assert asked(write(tmp_path, table)) == expected


REFUSED: dict[str, tuple[Table, str]] = {
    "an object without a text": ([([{"value": "x"}, {"value": "y"}], "x")], "a choice is a text, or an object with "),
    "a text among objects": ([([{"text": "x"}, "y"], "x")], "a choice is a text, or an object with its text and label"),
    "a list for a text": ([([["x"], ["y"]], "x")], r"a choice and its label are texts, not \['x'\]"),
    "an object for a text": ([({"A": {"text": "x"}, "B": "y"}, "A")], "a choice and its label are texts, not {'text'"),
    "one choice for many": ([({"text": "x", "label": "A"}, "A")], "its choices are no list, but {'text': 'x', 'label'"),
    "fewer labels": ([({"text": ["x", "y"], "label": ["A"]}, "A")], "it has 2 choices and 1 labels; give each choice"),
    "a label missing": ([([{"text": "x", "label": "A"}, {"text": "y"}], "A")], "it has 2 choices and 1 labels; give "),
    "labels twice": ([({"text": ["x", "y"], "label": ["A", "a"]}, "A")], r"labels \(A \| a\) are not all different"),
    "no label": ([({"text": ["x", "y"], "label": ["1", "2"]}, "3")], r"'3' is none of .*, nor one of their labels "),
    "a position beside labels that are numbers": ([({"text": ["x", "y"], "label": ["1", "2"]}, 0)], "'0' is none of "),
    "positions or texts": ([(["0", "1", "2", "3"], 1), (["3", "2", "1", "0"], 0)],
                           r"line 2: its answer '0' is the text of \(D\) and the position, from 0, of \(A\), and"),
    "letters or texts": ([(["x", "y"], "A"), (["B", "A"], "A")][1:],
                         r"line 1: its answer 'A' is the letter of \(A\) and the text of \(B\), .* in parentheses"),
}  # fmt: skip


@pytest.mark.parametrize(("table", "message"), REFUSED.values(), ids=REFUSED)
def test_choices_in_doubt_are_refused_in_a_sentence(tmp_path: Path, table: Table, message: str) -> None:
    with pytest.raises(UsageError, match=message) as told:
        questions.find(str(write(tmp_path, table)))
    assert told.match(r"mine\.jsonl, line \d: ")
    assert "\n" not in str(told.value)


COLUMNS = [
    ("option1,option2,answer", ["2", "1"], ["(B)", "(A)"]),
    ("option1,option2,answer", ["0", "1"], ["(A)", "(B)"]),
    ("Option 1,Option 2,answer", ["y", "x"], ["(B)", "(A)"]),
    ("choice_0,choice_1,answer", ["1", "1"], ["(B)", "(B)"]),
    ("optionA,optionB,answer", ["B", "A"], ["(B)", "(A)"]),
    ("choicea,Choice-B,answer", ["B", "A"], ["(B)", "(A)"]),
    ("option1,option2,answer", ["B", "A"], ["(B)", "(A)"]),
    ("a,b,answer", ["B", "A"], ["(B)", "(A)"]),
]


@pytest.mark.parametrize(("header", "answers", "golds"), COLUMNS)
def test_a_column_for_each_option_is_known_by_letter_or_number(
    tmp_path: Path, header: str, answers: list[str], golds: list[str]
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(f"question,{header}\n" + "".join(f"{n}?,x,y,{answer}\n" for n, answer in enumerate(answers)))
    assert asked(path) == [(XY, gold) for gold in golds]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("option1,option3,answer", "its column 'option1' is called as if it held an option, and is not read"),
        ("a,c,b,option_e,answer", "its column 'option_e' is called"),
        ("a,b,d,answer", "its column 'd' is called"),
        ("choices,options,answer", "its column 'options' is called"),
        ("Choice one,Choice two,answer", "its column 'Choice one' is called"),
        ("option1,option2,option_a,answer", "its column 'option_a' is called"),
        (
            "option1,option2,answer",
            "its answer '1' is the column's number of .A. and the position, from 0, of .B., and",
        ),
    ],
)
def test_columns_that_are_called_options_and_are_not_read_are_named(tmp_path: Path, header: str, message: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(f"question,{header}\n?,{','.join('x' * header.count(','))},1\n".replace("x,x,1", "x,y,1"))
    with pytest.raises(UsageError, match=message):
        questions.find(str(path))


@pytest.mark.parametrize(
    "cell",
    [
        "['a long option'\n 'another one'\n 'a third']",
        "{'text': array(['one',\n 'two'], dtype=object)}",
        "['a | c', 'b']",
        '{"A": "x", "A": "y", "B": "z"}',
        '["x", "y"',
        "array(['x',\n 'y'])",
    ],
)
def test_a_list_that_is_no_json_is_not_cut_into_options(tmp_path: Path, cell: str) -> None:
    with pytest.raises(UsageError, match=r"line 1: its choices .* are no JSON .*; they look as Python prints a list"):
        asked(write(tmp_path, [(cell, "x")]))


def test_an_option_may_begin_with_a_bracket(tmp_path: Path) -> None:
    assert asked(write(tmp_path, [("[1, 2] | [3, 4]", "B")])) == [("(A) [1, 2]\n(B) [3, 4]", "(B)")]


def test_what_pandas_leaves_of_a_missing_option_is_none(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"question": "?", "a": "x", "b": "y", "c": NaN, "answer": "B"}\n')
    assert asked(path) == [(XY, "(B)")]


@pytest.mark.parametrize(
    ("choices", "kind", "message"),
    [
        ([("A", "x"), ("B", "y")], pa.map_(pa.string(), pa.string()), ""),
        ([b"x", b"y"], pa.list_(pa.binary()), "a choice and its label are texts, not b'x'"),
        (b"x | y", pa.binary(), "a choice and its label are texts, not b'x | y'"),
    ],
)
def test_what_parquet_holds_is_read_or_refused(tmp_path: Path, choices: Any, kind: Any, message: str) -> None:
    path = tmp_path / "mine.parquet"
    columns = {"question": pa.array(["?"]), "choices": pa.array([choices], kind), "answer": pa.array(["B"])}
    pq.write_table(pa.table(columns), path)
    if not message:
        assert asked(path) == [(XY, "(B)")]
        return
    with pytest.raises(UsageError, match=message):
        asked(path)


def test_a_column_that_only_begins_like_options_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("question,optional_note,answer\n?,x,1\n")
    assert asked(tmp_path / "mine.csv") == [("", "1")]
