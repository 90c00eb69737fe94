"""The questions that a run asks of a suite, each made when it is looked at."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from mlpo_bench.chat import Message
from mlpo_bench.harness import chats, documents
from mlpo_bench.packed import Packed
from mlpo_bench.questions import Question


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lm_eval.api.instance import Instance

    from mlpo_bench.chat import Sampling
    from mlpo_bench.questions import Item
    from mlpo_bench.questions.packed import Items

    Wording = tuple[tuple[Message, ...], str, str | None]
    """What lm-eval puts around a question's text: the messages before its prompt, and what stands before and after it
    there; the whole prompt and None where the text does not stand in it."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A question with what only the harness may know: its item with the gold answer, and lm-eval's request for it.

    It keeps nothing that can be made again: its document, its request and the text of that come from its item, its
    question, and `request`, which all samples of a task share.
    """

    question: Question
    sampling: Sampling
    item: Item
    place: int
    request: Instance

    @property
    def task(self) -> str:
        """The name of its lm-eval task."""
        return str(self.request.task_name)

    @property
    def gold(self) -> str:
        """The gold answer, for the judge alone."""
        return self.item.gold

    @property
    def doc(self) -> dict[str, str]:
        """The document that lm-eval's task has of it."""
        return documents.document(self.item)

    @property
    def context(self) -> str:
        """The chat as lm-eval has it, a string."""
        return chats.repack((*self.question.preamble, Message("user", self.question.prompt)))

    @property
    def generation(self) -> dict[str, Any]:
        """lm-eval's generation settings of the request."""
        settings: dict[str, Any] = self.request.args[1]
        return settings

    def asked(self, place: int, response: str) -> Instance:
        """Return lm-eval's request with the sample's document, as the one at a place, and what was answered."""
        return replace(self.request, doc=self.doc, metadata=(self.task, place, 1), resps=[response], filtered_resps={})


def as_question(context: str, doc: Mapping[str, Any]) -> Question:
    """Return what a protocol gets to see of a document: the rendered prompt and public fields, never the gold."""
    *preamble, prompt = chats.unpack(context)
    return Question(doc["suite"], doc["subject"], doc["id"], prompt.content, doc["answer_format"], tuple(preamble))


@dataclass(frozen=True, slots=True)
class _Task:
    """What the samples of a task share, the first of which stands at a place among those of the suite."""

    first: int
    request: Instance
    sampling: Sampling


class Samples(Packed[Sample]):
    """The samples of a suite, task by task.

    A run holds them from its beginning to its end, so what lm-eval says around all questions is kept once, and what
    they say where the suite's loaded questions keep it.
    """

    def __init__(self) -> None:
        self._items: list[Items] = []
        self._tasks: list[_Task] = []
        self._wordings: dict[Wording, int] = {}
        self._worded = array("I")
        self._words: list[Wording] = []

    def add(self, items: Items, requests: Iterable[Instance]) -> None:
        """Take a task's questions with the requests that lm-eval made of them."""
        for place, (item, request) in enumerate(zip(items, requests, strict=True)):
            if not place:
                shared = replace(request, doc={}, arguments=("", request.args[1]))
                self._tasks.append(_Task(len(self._worded), shared, chats.sampling(request.args[1])))
                self._items.append(items)
            wording = _wording(as_question(request.args[0], request.doc), item)
            if (number := self._wordings.setdefault(wording, len(self._words))) == len(self._words):
                self._words.append(wording)
            self._worded.append(number)

    def made(self, place: int) -> Sample:
        """Return the sample at a place."""
        nth = bisect_right(self._tasks, place, key=lambda task: task.first) - 1
        task = self._tasks[nth]
        within = place - task.first
        item = self._items[nth].made(within)
        preamble, before, after = self._words[self._worded[place]]
        prompt = before if after is None else f"{before}{item.text}{after}"
        question = Question(item.suite, item.subject, item.id, prompt, item.answer_format, preamble)
        return Sample(question, task.sampling, item, within, task.request)

    def others(self, sample: Sample, answer_format: str | None = None) -> list[int]:
        """Return the places of all samples but one, or of those of them that are answered in some form."""
        own = sample.place + next(task.first for task in self._tasks if task.request is sample.request)
        formats = chain.from_iterable(items.answer_formats for items in self._items)
        return [place for place, form in enumerate(formats) if place != own and answer_format in {None, form}]

    def task(self, place: int) -> str:
        """Return the name of the lm-eval task of the sample at a place."""
        return str(self._tasks[bisect_right(self._tasks, place, key=lambda task: task.first) - 1].request.task_name)

    def __len__(self) -> int:
        return len(self._worded)


def _wording(question: Question, item: Item) -> Wording:
    if not item.text or item.text not in question.prompt:
        return question.preamble, question.prompt, None
    before, _, after = question.prompt.partition(item.text)
    return question.preamble, before, after
