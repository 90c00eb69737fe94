"""docs/answers.md says how answers are read, with examples: every one of them holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlpo_bench import answers


PAGE = Path(__file__).parents[2] / "docs" / "answers.md"
READING, JUDGING = 6, 4


def rows(cells: int) -> list[tuple[str, ...]]:
    """Return the page's rows with so many cells, code marks taken off."""
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        row = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(row) == cells and not row[0].startswith("---") and row[0] != "rule":
            found.append(tuple(cell.strip("`").replace("⏎", "\n") for cell in row))
    return found


def read(form: str, text: str) -> str:
    answer = answers.read(form, text)
    return "-" if answer is None else answer


@pytest.mark.parametrize("row", rows(READING), ids=lambda row: row[0])
def test_a_rule_reads_its_example_and_leaves_the_text_beside_it(row: tuple[str, ...]) -> None:
    _, form, text, expected, beside, expected_beside = row
    assert read(form, text) == expected
    assert read(form, beside) == expected_beside


@pytest.mark.parametrize("row", rows(JUDGING), ids=lambda row: row[0])
def test_an_answer_is_right_for_what_it_says_and_wrong_for_its_neighbour(row: tuple[str, ...]) -> None:
    _, answer, right, wrong = row
    assert answers.judge("maths", answer, right)
    assert not answers.judge("maths", answer, wrong)


def test_the_page_has_rules_for_every_kind() -> None:
    assert len(rows(READING)) > 40
    assert len(rows(JUDGING)) > 15
