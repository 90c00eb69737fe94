"""GSM8K: problems for children in words, answered by a number (Cobbe et al., arXiv 2110.14168).

    DATA/gsm8k/{train,test}.jsonl                         one {"question", "answer"} on each line
    DATA/gsm8k/main/{train,test}-00000-of-00001.parquet   the same columns, as the hub has them

Its splits are its authors'; each is counted from 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlpo_bench.questions import olmo
from mlpo_bench.questions.answerable import checked
from mlpo_bench.questions.folder import Folder
from mlpo_bench.questions.hub import Hub, Repository
from mlpo_bench.questions.question import Entry
from mlpo_bench.questions.suite import SUITES, Suite


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mlpo_bench.questions.files import Files


_PARTS = ("train", "test")
_REPOSITORY = Repository("openai/gsm8k", "740312add88f781978c0658806c59bc2815b9866")


def entry(part: str, index: int, row: Mapping[str, Any]) -> Entry:
    """Return the problem of a published row: `question`, and `answer` with the number alone after `####` at its end.

    Args:
        part: The publisher's split: `train` or `test`.
        index: The position in that split, from 0.
        row: The row.

    Raises:
        ValueError: The answer does not end so.
    """
    _, mark, gold = row["answer"].rpartition("####")
    if not mark or not gold.strip():
        raise ValueError(f"this solution states no answer after ####: {row['answer'][-80:]!r}")
    tested = part == "test"
    place = index if tested else f"train-{index}"
    return Entry.of("gsm8k", "gsm8k", place, row["question"], gold.strip(), "number", tested=tested)


def _from_folder(files: Files) -> Iterator[Entry]:
    for part in _PARTS:
        name = f"{part}.jsonl"
        shards = [] if files.has(name) else files.shards("main", part) or files.shards("", part)
        rows = (each for shard in shards or [name] for each in files.records(shard, "question", "answer"))
        for index, (place, row) in enumerate(rows):
            yield checked(place, entry(part, index, row))


def _from_olmo(root: Path) -> Iterator[Entry]:
    for index, row in enumerate(olmo.requests(root, "gsm8k", "gold_bpb_5shot")):
        yield entry("test", index, row)


def _from_hub() -> Iterator[Entry]:
    for part in _PARTS:
        for index, row in enumerate(_REPOSITORY.rows("main", part)):
            yield entry(part, index, row)


GSM8K = Suite(
    name="gsm8k",
    title="GSM8K",
    subjects=("gsm8k",),
    size=8_792,
    licence="MIT",
    published="github.com/openai/grade-school-math",
    sources=(
        Folder(_from_folder, marks=("main/test*.parquet",)),
        olmo.Olmo(_from_olmo, missing="the whole test split, and no train split; pass --data for both"),
        Hub(_REPOSITORY, entries=_from_hub),
    ),
)
SUITES.add(GSM8K, module=__name__)
