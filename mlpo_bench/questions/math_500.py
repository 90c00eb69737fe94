r"""MATH-500: 500 test problems of MATH (Lightman et al., arXiv 2305.20050), in the order of their publishers.

    DATA/math_500/test.jsonl                       one {"problem", "solution"} on each line
    DATA/math_500/test-00000-of-00001.parquet      the same columns

They are the test split of `math`, which has them by subject; both at once would count them twice. Gold is the last
`\boxed{}` of the solution, as it is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.questions import olmo
from mlpo_bench.questions.answerable import checked
from mlpo_bench.questions.folder import Folder
from mlpo_bench.questions.hub import Hub, Repository
from mlpo_bench.questions.math import last_box
from mlpo_bench.questions.question import Entry
from mlpo_bench.questions.suite import SUITES, Suite


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from mlpo_bench.questions.files import Files


_REPOSITORY = Repository("HuggingFaceH4/MATH-500", "6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be")


def entry(index: int, row: Mapping[str, Any]) -> Entry:
    """Return the problem of a published row (`problem`, `solution`).

    Args:
        index: The position in the list, from 0.
        row: The row, in LaTeX.

    Raises:
        ValueError: The solution boxes nothing.
    """
    gold = " ".join(last_box(row["solution"]).split())
    return Entry.of("math_500", "math_500", index, row["problem"], gold, "maths", tested=True)


def _from_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[Entry]:
    for index, row in enumerate(rows):
        yield entry(index, row)


def _from_folder(files: Files) -> Iterator[Entry]:
    name = "test.jsonl"
    shards = [] if files.has(name) else files.shards("", "test")
    rows = (each for shard in shards or [name] for each in files.records(shard, "problem", "solution"))
    for index, (place, row) in enumerate(rows):
        yield checked(place, entry(index, row))


def _from_olmo(root: Path) -> Iterator[Entry]:
    yield from _from_rows(olmo.requests(root, "minerva_math_500"))


def _from_hub() -> Iterator[Entry]:
    yield from _from_rows(_REPOSITORY.rows(None, "test"))


MATH_500 = Suite(
    name="math_500",
    title="MATH-500",
    subjects=("math_500",),
    size=500,
    licence="MIT",
    published="huggingface.co/datasets/HuggingFaceH4/MATH-500",
    all_tested=True,
    part_of="math",
    sources=(Folder(_from_folder), olmo.Olmo(_from_olmo), Hub(_REPOSITORY, entries=_from_hub)),
)
SUITES.add(MATH_500, module=__name__)
