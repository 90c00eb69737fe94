r"""ARC-Challenge: questions of science at school that retrieval gets wrong (Clark et al., arXiv 1803.05457).

    DATA/arc_challenge/ARC-Challenge-Test.jsonl
        one {"id", "question": {"stem", "choices": [{"text", "label"}, ...]}, "answerKey"} on each line
    DATA/arc_challenge/ARC-Challenge/test-00000-of-00001.parquet
        id, question, choices {"text": [...], "label": [...]}, answerKey, as the hub has them

Its authors' test split, all of it tested. Some questions have numbers for letters, and some three or five options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.questions import olmo
from mlpo_bench.questions.answerable import checked
from mlpo_bench.questions.folder import Folder
from mlpo_bench.questions.hub import Hub, Repository
from mlpo_bench.questions.question import Entry, with_options
from mlpo_bench.questions.suite import SUITES, Suite


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from mlpo_bench.questions.files import Files


_REPOSITORY = Repository("allenai/ai2_arc", "210d026faf9955653af8916fad021475a3f00453")


def entry(name: str, question: str, choices: Sequence[str], answer: int) -> Entry:
    """Return the question of a published row.

    Args:
        name: Its publisher's id.
        question: The question alone.
        choices: The options.
        answer: The position of the right one, from 0.
    """
    gold = f"({'ABCDE'[answer]})"
    return Entry.of("arc_challenge", "science", name, with_options(question, choices), gold, "option", tested=True)


def _from_folder(files: Files) -> Iterator[Entry]:
    name = "ARC-Challenge-Test.jsonl"
    if files.has(name) or not (shards := files.shards("ARC-Challenge", "test") or files.shards("", "test")):
        for place, row in files.records(name, "id", "answerKey"):
            labels = [choice["label"] for choice in row["question"]["choices"]]
            choices = [choice["text"] for choice in row["question"]["choices"]]
            stem, right = row["question"]["stem"], labels.index(row["answerKey"])
            yield checked(place, entry(row["id"], stem, choices, right))
        return
    yield from _from_rows(row for shard in shards for _, row in files.records(shard, "id", "question", "answerKey"))


def _from_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[Entry]:
    for row in rows:
        answer = list(row["choices"]["label"]).index(row["answerKey"])
        yield entry(row["id"], row["question"], row["choices"]["text"], answer)


def _from_olmo(root: Path) -> Iterator[Entry]:
    for row in olmo.requests(root, "arc_challenge", "test_rc_5shot"):
        question = row["query"].removeprefix("Question: ").removesuffix("\nAnswer:")
        yield entry(row["id"], question, row["choices"], row["gold"])


def _from_hub() -> Iterator[Entry]:
    yield from _from_rows(_REPOSITORY.rows("ARC-Challenge", "test"))


ARC_CHALLENGE = Suite(
    name="arc_challenge",
    title="ARC-Challenge",
    subjects=("science",),
    size=1_172,
    licence="CC BY-SA 4.0",
    published="huggingface.co/datasets/allenai/ai2_arc",
    max_tokens=512,
    all_tested=True,
    sources=(
        Folder(_from_folder, marks=("ARC-Challenge-Test.jsonl", "ARC-Challenge/test*.parquet")),
        olmo.Olmo(_from_olmo),
        Hub(_REPOSITORY, entries=_from_hub),
    ),
)
SUITES.add(ARC_CHALLENGE, module=__name__)
