"""What the task files in `tasks/` call: documents for lm-eval, the filter that reads answers, the metric.

A document has `id`, `suite`, `subject`, `question` (bare), `instruction` (the sentence on the answer's form), `answer`
(gold) and `answer_format`.
"""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpo_bench import answers, questions
from mlpo_bench.errors import UsageError
from mlpo_bench.packed import Packed
from mlpo_bench.questions.packed import Items
from mlpo_bench.questions.splits import fingerprint


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlpo_bench.questions import Item


log = logging.getLogger(__name__)

_FIELDS = ("id", "suite", "subject", "question", "instruction", "answer", "answer_format")


def build(
    suite: str,
    subject: str,
    split: str = "test",
    data: str | Path | None = None,
    limit: int | None = None,
    format: str | None = None,  # noqa: A002 - what a task's metadata and the command line call it
    **_: object,
) -> dict[str, Documents]:
    """Return the documents of one task: lm-eval's `custom_dataset`.

    lm-eval passes the task's metadata as arguments, so `--metadata '{"split": "train"}'` reaches this function;
    what else stands in there is ignored.

    Args:
        suite: What `questions.find` knows it by: a name, a file, or `module:NAME`.
        subject: One of the suite's subjects.
        split: `test`, `train` or `all`; the documents are called `test` whatever they are.
        data: A folder with the suites' published files.
        limit: Questions of the whole suite, of which this task gets its subject's.
        format: How the questions of a file are answered.

    Returns:
        The documents, as `test`; and as `train` what worked examples may be drawn from, where the source has any: none
        of it is among the documents.

    Raises:
        UsageError: A name is unknown, no source has the suite, or no document is left.
    """
    folder = Path(data) if data else None
    one = questions.find(suite, format)
    loaded = questions.load(one, split, folder)
    if subject not in one.subjects:
        questions.select(loaded.items, subjects=[subject])
    log.log(logging.WARNING if loaded.source.partial else logging.INFO, "%s from %s", suite, loaded.source)
    chosen = questions.select(loaded.items, limit).of_subject(subject)
    if not chosen:
        raise UsageError(f"no question of {suite}/{subject} is in the {split} split's first {limit}; raise the limit.")
    shots = Items.of(())
    with contextlib.suppress(UsageError):  # what is asked was found, so all that can be missing is a train split
        shots = Items.of(questions.load(one, "train", folder).items).of_subject(subject)
    return {"test": Documents(chosen), "train": Documents(_others(shots, chosen))}


def _others(shots: Items, asked: Items) -> Items:
    """Return worked examples less what is asked: lm-eval leaves it out only where both splits have one name."""
    known = {fingerprint(item.text) for item in asked}
    if not any(fingerprint(item.text) in known for item in shots):  # as ever, unless more than the test split is asked
        return shots
    return Items.of([item for item in shots if fingerprint(item.text) not in known])


class Documents(Packed[dict[str, str]]):
    """Items as lm-eval's documents, each made when lm-eval comes to it.

    Attributes:
        features: What a document has, by whose names lm-eval knows a template from a field.
    """

    features: Mapping[str, type] = dict.fromkeys(_FIELDS, str)

    def __init__(self, items: Items) -> None:
        self._items = items

    def made(self, place: int) -> dict[str, str]:
        """Return the document at a place."""
        return document(self._items.made(place))

    def __len__(self) -> int:
        return len(self._items)


class Unread(str):
    """Told in place of an answer; an answer of the same words is a plain string."""

    __slots__ = ()


UNREAD = Unread("[unread]")
"""What the filter gives for a response no answer can be read from."""


class CutOff(str):
    """A response of which it is known that its model was cut off; a plain string tells only what it says."""

    __slots__ = ()


def read(resps: Iterable[Sequence[str]], docs: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return the answers read from each document's responses: lm-eval's custom filter."""
    return [
        [_answer(doc, response) or UNREAD for response in responses] for responses, doc in zip(resps, docs, strict=True)
    ]


def _answer(doc: Mapping[str, Any], response: str) -> str | None:
    cut_off = isinstance(response, CutOff)
    return answers.read(doc["answer_format"], response, question=doc.get("question", ""), cut_off=cut_off)


def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, int]:
    """Return `acc` and `unread` (each 0 or 1) of a filtered response: lm-eval's metrics for a document."""
    answer = results[0]
    unread = isinstance(answer, Unread)
    right = not unread and answers.judge(doc["answer_format"], answer, doc["answer"])
    return {"acc": int(right), "unread": int(unread)}


def target(doc: Mapping[str, Any]) -> str:
    """Return how a worked example answers: for tasks whose gold answer is not what a model would write."""
    return f"<answer>{answers.written(doc['answer_format'], doc['answer'])}</answer>"


def document(item: Item) -> dict[str, str]:
    """Return an item as lm-eval's tasks have it, gold answer and all."""
    return {
        "id": item.id,
        "suite": item.suite,
        "subject": item.subject,
        "question": item.text,
        "instruction": answers.FORMATS[item.answer_format].instruction,
        "answer": item.gold,
        "answer_format": item.answer_format,
    }
