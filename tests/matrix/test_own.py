"""Suites of one's own, as a matrix tells where they are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlpo_bench.errors import UsageError
from mlpo_bench.matrix.config import RunConfig, read_config


@pytest.fixture
def matrix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("mine.csv", "bbh.csv"):
        (tmp_path / name).write_text("question,answer\n1?,1\n")
    (tmp_path / "a_module_of_suites.py").write_text(
        "from mlpo_bench.questions import Suite\n"
        "MATH = Suite(name='math', title='m', subjects=(), size=0, sources=())\n"
        "OURS = Suite(name='ours', title='o', subjects=(), size=0, sources=())\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / "matrix.yaml"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "suites: [bbh]\nown: {bbh: {at: mine.csv}}\n",
            "own says that mine.csv is the suite 'bbh', and its name is 'm",
        ),
        ("suites: [other]\nown: {other: {at: mine.csv}}\n", "is the suite 'other', and its name is 'mine': call it so"),
        ("suites: [bbh]\nown: {bbh: {at: bbh.csv}}\n", "own gives bbh.csv the name of the suite 'bbh'; rename the f"),
        ("suites: [mine.csv]\nformat: {3: number}\n", "a format is named for 3, which is no file of questions here."),
        (
            "suites: [bbh]\nformat: number\n",
            "matrix.yaml:1: field 'suites': format is for files of questions; the suites asked for",
        ),
    ],
)
def test_a_file_under_another_name_or_form_is_refused(matrix: Path, text: str, says: str) -> None:
    matrix.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_config(matrix)
    assert says in str(caught.value)


def test_a_module_s_suite_keeps_its_name(matrix: Path) -> None:
    def suite(name: str, at: str) -> object:
        matrix.write_text(f"suites: [{name}]\nown: {{{name}: {{at: 'a_module_of_suites:{at}'}}}}\n")
        return read_config(matrix).suite(name)

    assert suite("ours", "OURS")
    with pytest.raises(UsageError, match=r"own says that .*:OURS is the suite 'theirs', and its name is 'ours'"):
        suite("theirs", "OURS")
    with pytest.raises(UsageError, match=r"a_module_of_suites:MATH has the name of the suite 'math'; give it another"):
        suite("math", "MATH")


def test_a_run_is_read_where_its_file_has_got_a_namesake(matrix: Path) -> None:
    matrix.write_text("suites: [mine.csv]\nformat: number\n")
    of_run = read_config(matrix).model_dump(mode="json")
    entry = of_run["own"]["mine"] | {"at": str(Path("bbh.csv").resolve())}
    assert RunConfig.model_validate(of_run | {"suites": ["bbh"], "own": {"bbh": entry}}).suites == ("bbh",)
