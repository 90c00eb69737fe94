"""One suite as lm-eval sees it: its tasks loaded once, its documents rendered once, and any final texts scored."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import lm_eval.api.task
import lm_eval.utils
from lm_eval.api.model import LM
from lm_eval.api.task import ConfigurableTask
from lm_eval.evaluator import evaluate

from mlpo_bench import answers, questions
from mlpo_bench.chat import Message
from mlpo_bench.harness import chats, documents, tasks
from mlpo_bench.harness.verdicts import Verdict
from mlpo_bench.questions import Question


if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from lm_eval.api.instance import Instance

    from mlpo_bench.chat import Sampling
    from mlpo_bench.questions import Item, Source, Suite

# lm-eval leaves standard errors out altogether where it may not bootstrap; ours are means, which need none.
BOOTSTRAPS = 1_000
# How many documents lm-eval renders at a time.
AT_A_TIME = 1_000


@dataclass(frozen=True, slots=True)
class Sample:
    """A question with what only the harness may know: its item with the gold answer, and lm-eval's request for it.

    A run holds all of its samples at once, so each keeps nothing that can be made again: its document, its request and
    the text of that come from its item, its question, and `request`, which all samples of a task share.
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

    def asked(self, doc: dict[str, str], place: int) -> Instance:
        """Return lm-eval's request with the sample's document, as the one at a place among those that are scored."""
        return replace(self.request, doc=doc, metadata=(self.task, place, 1), resps=[], filtered_resps={})


@dataclass(frozen=True, slots=True)
class Scores:
    """lm-eval's word on a cell: its results document, and its verdict on each question (by question id)."""

    results: dict[str, Any]
    verdicts: dict[str, Verdict]


def as_question(context: str, doc: Mapping[str, Any]) -> Question:
    """Return what a protocol gets to see of a document: the rendered prompt and public fields, never the gold."""
    *preamble, prompt = chats.unpack(context)
    return Question(doc["suite"], doc["subject"], doc["id"], prompt.content, doc["answer_format"], tuple(preamble))


class SuiteTasks:
    """A suite's tasks with the documents that a run asks.

    Args:
        suite: A suite or its name.
        split: `train`, `test` or `all`.
        limit: how many questions at most, spread evenly over subjects.
        subjects: only these; None for all.
        data: a folder with the suites' published files.

    Raises:
        UsageError: no such suite or subject, or no source for its data.
    """

    def __init__(
        self,
        suite: Suite | str,
        *,
        split: str = "test",
        limit: int | None = None,
        subjects: Collection[str] | None = None,
        data: Path | None = None,
    ) -> None:
        suite = questions.find(suite) if isinstance(suite, str) else suite
        self.name = suite.name
        loaded = questions.load(suite, split, data)
        self.source: Source = loaded.source
        chosen = questions.select(loaded.items, limit, subjects)
        # How many it would have been without a limit: one that is no smaller has cut nothing.
        self.whole = len(chosen) if limit is None else len(questions.select(loaded.items, None, subjects))
        subjects_asked = dict.fromkeys(item.subject for item in chosen)
        # A task takes lm-eval a while to make, and a partial source may lack some.
        asked = replace(suite, subjects=tuple(subject for subject in suite.subjects if subject in subjects_asked))
        self._group, self._tasks = tasks.load(asked, split, data)
        # lm-eval's configuration of every task that was scored: the same for all cells, so it is kept here once.
        self.configs: dict[str, Any] = {}
        self._right: dict[tuple[str, str], bool] = {}
        wanted = {item.id: item for item in chosen}
        with _templates_compiled_once():
            task_of = tasks.names(suite)
            self.samples = tuple(sample for one in subjects_asked for sample in self._render(task_of[one], wanted))

    def _render(self, name: str, wanted: Mapping[str, Item]) -> Iterator[Sample]:
        """Have lm-eval render a task's chosen documents, once for all cells."""
        task = self._tasks[name]
        items = [wanted[identity] for identity in task.eval_docs["id"] if identity in wanted]
        shared: Instance | None = None
        for place, (item, request) in enumerate(zip(items, _requests(task, items), strict=True)):
            if shared is None:
                shared = replace(request, doc={}, arguments=("", request.args[1]))
                sampling = chats.sampling(request.args[1])
            yield Sample(as_question(request.args[0], request.doc), sampling, item, place, shared)

    def judge(self, sample: Sample, text: str, *, cut_off: bool = False) -> Verdict:
        """Return the verdict on a text, by the reader and the judge that lm-eval's filter and metric use."""
        question = sample.question
        answer = answers.read(question.answer_format, text, question=question.prompt, cut_off=cut_off)
        return Verdict(answer, self.right(sample, answer))

    def right(self, sample: Sample, answer: str | None) -> bool:
        """Return whether an answer that was read is right: each one to a question is judged once, whoever gave it."""
        if answer is None:
            return False
        known = sample.question.id, answer
        if known not in self._right:
            self._right[known] = answers.judge(sample.question.answer_format, answer, sample.gold)
        return self._right[known]

    def score(self, finals: Mapping[str, str]) -> Scores:
        """Have lm-eval filter, judge and aggregate a cell's final texts (by question id).

        Questions without a final text are left out: a fault of the machinery is no wrong answer.
        """
        answered: dict[str, list[Sample]] = {}
        for sample in self.samples:
            if sample.question.id in finals:
                answered.setdefault(sample.task, []).append(sample)
        if not answered:
            return Scores({}, {})
        scored = {name: _Answered(self._tasks[name], samples) for name, samples in answered.items()}
        done = evaluate(
            _Finished(finals),
            {"tasks": scored, "groups": {self._group.name: self._only(scored)}, "group_map": {}},
            bootstrap_iters=BOOTSTRAPS,
            log_samples=False,  # renders each gold answer and hashes each document and prompt, for every cell anew
        )
        configs = done.pop("configs")
        self.configs |= _without_addresses({name: configs[name] for name in configs if name not in self.configs})
        return Scores(
            dict(done), {name: verdict for task in scored.values() for name, verdict in task.verdicts.items()}
        )

    def _only(self, scored: Mapping[str, _Answered]) -> Any:  # noqa: ANN401 - lm-eval's Group, untyped here
        """Return the suite's group with those of its tasks that were asked."""
        names = [task.task_name for task in self._group]
        return replace(self._group, _children={name: scored[name] for name in names if name in scored})


class _Part(ConfigurableTask):
    """A part of a task's documents: lm-eval's own in all but where they come from."""

    def __init__(self, task: ConfigurableTask, docs: Sequence[dict[str, str]]) -> None:
        self.__dict__.update(task.__dict__)  # in place of lm-eval's constructor, which would build the data set again
        self._docs = docs

    def doc_iterator(self, **_: object) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield the documents with their places."""
        return enumerate(self._docs)


def _requests(task: ConfigurableTask, items: Sequence[Item]) -> Iterator[Instance]:
    """Yield lm-eval's requests for a task's items; some at a time, as they are many times what is kept of them."""
    for first in range(0, len(items), AT_A_TIME):
        part = _Part(task, [documents.document(item) for item in items[first : first + AT_A_TIME]])
        part.build_all_requests(apply_chat_template=True, chat_template=chats.pack)
        yield from part.instances


class _Answered(_Part):
    """The part of a task that one cell answered.

    Its requests were rendered before, and are not rendered anew. What scoring writes, it writes here, so that nothing
    of one cell is left for the next.
    """

    def __init__(self, task: ConfigurableTask, samples: Sequence[Sample]) -> None:
        super().__init__(task, [sample.doc for sample in samples])
        asked = zip(samples, self._docs, strict=True)
        self._instances = [sample.asked(doc, place) for place, (sample, doc) in enumerate(asked)]
        self.verdicts: dict[str, Verdict] = {}

    def build_all_requests(self, **_: object) -> None:
        """Keep the requests there are."""

    def process_results(self, doc: dict[str, Any], results: Sequence[str]) -> dict[str, Any]:
        """Return the metrics of a filtered response, and take note of the verdict that they state."""
        metrics: dict[str, Any] = super().process_results(doc, results)
        self.verdicts[doc["id"]] = _verdict(None if metrics["unread"] else str(results[0]), bool(metrics["acc"]))
        return metrics


class _Finished(LM):
    """The model that lm-eval scores: it hands over what was already answered."""

    def __init__(self, finals: Mapping[str, str]) -> None:
        super().__init__()
        self._finals = finals

    def generate_until(self, requests: Sequence[Instance]) -> list[str]:
        return [self._finals[request.doc["id"]] for request in requests]

    def loglikelihood(self, requests: Sequence[Instance]) -> list[tuple[float, bool]]:
        raise NotImplementedError

    def loglikelihood_rolling(self, requests: Sequence[Instance]) -> list[float]:
        raise NotImplementedError


def _without_addresses(configs: Mapping[str, Any]) -> dict[str, Any]:
    """Return lm-eval's task configurations as plain JSON; functions in them lose their place in memory."""
    plain: dict[str, Any] = json.loads(re.sub(r" at 0x[0-9a-f]+", "", json.dumps(configs, default=str)))
    return plain


# A run keeps a verdict on every question of every cell, most of them equal: these share one.
_verdict = functools.lru_cache(maxsize=1 << 12)(Verdict)


@contextlib.contextmanager
def _templates_compiled_once() -> Iterator[None]:
    """Let lm-eval compile a template of a task file once, instead of once for each document it renders."""
    environment, compiled = lm_eval.utils.env, lm_eval.utils.env.from_string
    environment.from_string = functools.lru_cache(maxsize=64)(compiled)
    try:
        yield
    finally:
        environment.from_string = compiled


@contextlib.contextmanager
def quiet_lm_eval() -> Iterator[None]:
    """Keep what lm-eval and our tasks tell of every single task (warnings, a progress bar) off a live display."""
    # Who asks for everything (`-vv`) gets it.
    told = logging.getLogger("mlpo_bench").isEnabledFor(logging.DEBUG)
    loggers = [] if told else [logging.getLogger(name) for name in ("lm_eval", documents.__name__)]
    levels, bar = [logger.level for logger in loggers], lm_eval.api.task.tqdm
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    lm_eval.api.task.tqdm = functools.partial(bar, disable=True)
    try:
        yield
    finally:
        lm_eval.api.task.tqdm = bar
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
