"""CommonsenseQA: questions with five options about what everybody knows (Talmor et al., arXiv 1811.00937).

    DATA/commonsense_qa/dev_rand_split.jsonl
        one {"id", "question": {"stem", "choices": [{"text", "label"}, ...]}, "answerKey"} on each line
    DATA/commonsense_qa/data/validation-00000-of-00001.parquet
        id, question, choices {"text": [...], "label": [...]}, answerKey, as the hub has them

Its authors' validation split, all of it tested, as they keep the answers of their test split to themselves. In 24
questions an option stands twice; in 6 of them it is the right one, of which its publisher's letter alone counts.
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


_REPOSITORY = Repository("tau/commonsense_qa", "94630fe30dad47192a8546eb75f094926d47e155")


def entry(name: str, question: str, choices: Sequence[str], letter: str) -> Entry:
    """Return the question of a published row.

    Args:
        name: Its publisher's id.
        question: The question alone.
        choices: The five options.
        letter: The right one's: `A` to `E`.
    """
    text, gold = with_options(question, choices), f"({letter})"
    return Entry.of("commonsense_qa", "commonsense", name, text, gold, "option", tested=True)


def _from_folder(files: Files) -> Iterator[Entry]:
    name = "dev_rand_split.jsonl"
    if files.has(name) or not (shards := files.shards("data", "validation") or files.shards("", "validation")):
        for place, row in files.records(name, "id", "answerKey"):
            choices = [choice["text"] for choice in sorted(row["question"]["choices"], key=lambda one: one["label"])]
            yield checked(place, entry(row["id"], row["question"]["stem"], choices, row["answerKey"]))
        return
    yield from _from_rows(row for shard in shards for _, row in files.records(shard, "id", "question", "answerKey"))


def _from_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[Entry]:
    for row in rows:
        yield entry(row["id"], row["question"], row["choices"]["text"], row["answerKey"])


def _from_olmo(root: Path) -> Iterator[Entry]:
    yield from _from_rows(olmo.rows(root, "tau/commonsense_qa/none/validation"))


def _from_hub() -> Iterator[Entry]:
    yield from _from_rows(_REPOSITORY.rows(None, "validation"))


COMMONSENSE_QA = Suite(
    name="commonsense_qa",
    title="CommonsenseQA",
    subjects=("commonsense",),
    size=1_221,
    licence="MIT",
    published="huggingface.co/datasets/tau/commonsense_qa",
    max_tokens=512,
    all_tested=True,
    sources=(
        Folder(_from_folder, marks=("dev_rand_split.jsonl",)),
        olmo.Olmo(_from_olmo),
        Hub(_REPOSITORY, entries=_from_hub),
    ),
)
SUITES.add(COMMONSENSE_QA, module=__name__)
