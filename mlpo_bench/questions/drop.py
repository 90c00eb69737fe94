"""DROP: questions about a passage that take counting, sorting and adding (Dua et al., arXiv 1903.00161).

    DATA/drop/drop_dataset_dev.json
        {<section>: {"passage", "qa_pairs": [{"query_id", "question", "answer", "validated_answers": [...]}, ...]}, ...}
    DATA/drop/drop_validation.parquet
        passage, query_id, question, answer, validated_answers by column, as the hub has them

Its authors' development split, all of it tested; a question that stands twice below the same passage is asked once.
Gold holds every answer that somebody gave, as JSON: each is a list of spans, of which most have one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlpo_bench.questions import olmo
from mlpo_bench.questions.folder import Folder
from mlpo_bench.questions.hub import Hub, Repository
from mlpo_bench.questions.question import Entry
from mlpo_bench.questions.splits import fingerprint
from mlpo_bench.questions.suite import SUITES, Suite


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from mlpo_bench.questions.files import Files


_REPOSITORY = Repository("EleutherAI/drop", "619386fc7ffe6dace3cc6d3483c69b164ebf6bf3")


def entry(name: str, passage: str, question: str, accepted: Sequence[Sequence[str]]) -> Entry:
    """Return a question, below its passage.

    Args:
        name: Its publisher's id.
        passage: What it is about.
        question: The question alone.
        accepted: The answers that are right, each as its spans.
    """
    gold = json.dumps([list(spans) for spans in accepted], ensure_ascii=False)
    text = f"{passage.strip()}\n\nQuestion: {question.strip()}"
    return Entry.of("drop", "drop", name, text, gold, "spans", tested=True)


def accepted(answers: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """Return the spans of published answers (`number`, `spans`, `date`), each answer once; empty ones are none."""
    spans = [list(map(str.strip, _spans(answer))) for answer in answers]
    return [list(one) for one in dict.fromkeys(map(tuple, spans)) if all(one) and one]


def _spans(answer: Mapping[str, Any]) -> list[str]:
    if str(answer["number"]).strip():
        return [str(answer["number"])]
    if len(answer["spans"]):
        return list(answer["spans"])
    return [" ".join(filter(None, (answer["date"][part] for part in ("day", "month", "year"))))]


def _once(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield entries, of equal content the first, and of equal id: one is published twice, with another last mark."""
    seen: set[str] = set()
    for one in entries:
        identities = {one.item.id, fingerprint(one.item.text)}
        if not identities & seen:
            yield one
        seen |= identities


def _from_folder(files: Files) -> Iterator[Entry]:
    name = "drop_dataset_dev.json"
    if shards := [] if files.has(name) else files.shards("", "drop_validation"):
        columns = ("query_id", "passage", "question")
        yield from _from_rows(row for shard in shards for _, row in files.records(shard, *columns))
        return
    sections = files.json(name).values()
    yield from _once(
        entry(pair["query_id"], section["passage"], pair["question"], found)
        for section in sections
        for pair in section["qa_pairs"]
        if (found := accepted([pair["answer"], *pair.get("validated_answers", ())]))
    )


def _from_olmo(root: Path) -> Iterator[Entry]:
    yield from _once(
        entry(row["query_id"], row["passage"], row["question"], row["answers"])
        for row in olmo.requests(root, "drop", "bpb_5shot")
    )


def _from_hub() -> Iterator[Entry]:
    yield from _from_rows(_REPOSITORY.rows(None, "validation"))


def _from_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[Entry]:
    yield from _once(
        entry(row["query_id"], row["passage"], row["question"], found)
        for row in rows
        if (found := accepted([row["answer"], *_in_rows(row["validated_answers"])]))
    )


def _in_rows(columns: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Yield the answers that the hub's copy keeps by column."""
    for number, date, spans in zip(columns["number"], columns["date"], columns["spans"], strict=True):
        yield {"number": number, "date": date, "spans": spans}


DROP = Suite(
    name="drop",
    title="DROP",
    subjects=("drop",),
    licence="CC BY-SA 4.0",
    published="allenai.org/data/drop",
    gold_is_answer=False,
    all_tested=True,
    sources=(
        Folder(_from_folder, marks=("drop_dataset_dev.json", "drop_validation.parquet")),
        olmo.Olmo(_from_olmo, missing="{count} questions, drawn by chance; pass --data for the whole of it"),
        Hub(_REPOSITORY, entries=_from_hub),
    ),
)
SUITES.add(DROP, module=__name__)
