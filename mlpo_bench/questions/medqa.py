"""MedQA: questions of the United States' licensing examination, five options each (Jin et al., arXiv 2009.13081).

    DATA/medqa/test.jsonl                           one {"question", "options": {"A": ..., ...}, "answer_idx",
                                                    "meta_info"} on each line
    DATA/medqa/data/test-00000-of-00001.parquet     question, choices, answer_idx (a position), meta_info

Its authors' English test split, all of it tested: it shows what a leader does with what it was not trained for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.questions import olmo
from mlpo_bench.questions.answerable import checked
from mlpo_bench.questions.folder import Folder
from mlpo_bench.questions.question import Entry, with_options
from mlpo_bench.questions.suite import SUITES, Suite


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from mlpo_bench.questions.files import Files


_SUBJECTS = {"step1": "step_1", "step2&3": "step_2_and_3"}


def entry(step: str, index: int, question: str, choices: Sequence[str], answer: int) -> Entry:
    """Return the question of a published row.

    Args:
        step: Which steps of the examination it is of, as published.
        index: The position in the test split, from 0.
        question: The question alone.
        choices: The options; where one is written over several lines, they become one.
        answer: The position of the right one, from 0.
    """
    text = with_options(question, [" ".join(choice.split()) for choice in choices])
    return Entry.of("medqa", _SUBJECTS[step], index, text, f"({'ABCDE'[answer]})", "option", tested=True)


def _from_folder(files: Files) -> Iterator[Entry]:
    name = "test.jsonl"
    if files.has(name) or not (shards := files.shards("data", "test") or files.shards("", "test")):
        for index, (place, row) in enumerate(files.records(name, "question", "meta_info", "answer_idx")):
            letters = sorted(row["options"])
            choices = [row["options"][letter] for letter in letters]
            right = letters.index(row["answer_idx"])
            yield checked(place, entry(row["meta_info"], index, row["question"], choices, right))
        return
    rows = (row for shard in shards for _, row in files.records(shard, "question", "meta_info"))
    yield from _from_rows(rows)


def _from_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[Entry]:
    for index, row in enumerate(rows):
        yield entry(row["meta_info"], index, row["question"], row["choices"], row["answer_idx"])


def _from_olmo(root: Path) -> Iterator[Entry]:
    yield from _from_rows(olmo.requests(root, "medqa_en", "rc_5shot"))


MEDQA = Suite(
    name="medqa",
    title="MedQA",
    subjects=tuple(_SUBJECTS.values()),
    size=1_273,
    licence="MIT",
    published="github.com/jind11/MedQA",
    all_tested=True,
    sources=(Folder(_from_folder), olmo.Olmo(_from_olmo)),
)
SUITES.add(MEDQA, module=__name__)
