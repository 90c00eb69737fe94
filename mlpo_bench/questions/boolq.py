"""BoolQ: questions that people asked, with a passage that answers them yes or no (Clark et al., arXiv 1905.10044).

    DATA/boolq/dev.jsonl                                one {"question", "passage", "answer": true or false} a line
    DATA/boolq/data/validation-00000-of-00001.parquet   the same columns, as the hub has them

Its authors' development split, all of it tested. The questions are as people typed them, without a capital or a mark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.questions import olmo
from mlpo_bench.questions.folder import Folder
from mlpo_bench.questions.hub import Hub, Repository
from mlpo_bench.questions.question import Entry
from mlpo_bench.questions.suite import SUITES, Suite


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from mlpo_bench.questions.files import Files


_REPOSITORY = Repository("google/boolq", "35b264d03638db9f4ce671b711558bf7ff0f80d5")


def entry(index: int, passage: str, question: str, *, answer: bool) -> Entry:
    """Return the question of a published row, below its passage.

    Args:
        index: The position in the split, from 0.
        passage: What the question is about.
        question: The question, as it was typed.
        answer: Whether it is answered with yes.
    """
    text = f"{passage.strip()}\n\nQuestion: {question.strip().removesuffix('?')}?"
    return Entry.of("boolq", "boolq", index, text, "Yes" if answer else "No", "yes_no", tested=True)


def _from_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[Entry]:
    for index, row in enumerate(rows):
        if not isinstance(row["answer"], bool):
            raise TypeError(f"question {index + 1} is answered by {row['answer']!r}, which is neither true nor false")
        yield entry(index, row["passage"], row["question"], answer=row["answer"])


def _from_folder(files: Files) -> Iterator[Entry]:
    name = "dev.jsonl"
    shards = [] if files.has(name) else files.shards("data", "validation") or files.shards("", "validation")
    yield from _from_rows(row for each in shards or [name] for _, row in files.records(each, "question", "passage"))


def _from_olmo(root: Path) -> Iterator[Entry]:
    yield from _from_rows(olmo.rows(root, "boolq/none/validation"))


def _from_hub() -> Iterator[Entry]:
    yield from _from_rows(_REPOSITORY.rows(None, "validation"))


BOOLQ = Suite(
    name="boolq",
    title="BoolQ",
    subjects=("boolq",),
    size=3_270,
    licence="CC BY-SA 3.0",
    published="huggingface.co/datasets/google/boolq",
    max_tokens=512,
    all_tested=True,
    sources=(Folder(_from_folder), olmo.Olmo(_from_olmo), Hub(_REPOSITORY, entries=_from_hub)),
)
SUITES.add(BOOLQ, module=__name__)
