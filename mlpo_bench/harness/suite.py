"""One suite as lm-eval sees it: its tasks loaded once, its documents rendered once, and any final texts scored."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import re
from array import array
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import lm_eval.api.task
import lm_eval.utils
from lm_eval.evaluator import evaluate

from mlpo_bench import answers, questions
from mlpo_bench.harness import chats, documents, tasks
from mlpo_bench.harness.lm_eval_scoring import AT_A_TIME, Answered, Finished, Part
from mlpo_bench.harness.samples import Samples
from mlpo_bench.harness.verdicts import Verdict
from mlpo_bench.shared import while_any


if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from lm_eval.api.instance import Instance
    from lm_eval.api.task import ConfigurableTask

    from mlpo_bench.harness.samples import Sample
    from mlpo_bench.questions import Item, Source, Suite

# lm-eval leaves standard errors out altogether where it may not bootstrap; ours are means, which need none.
BOOTSTRAPS = 1_000
JUDGED = 1 << 14
"""How many judgements are kept: an answer is given again by other turns and in other cells, and soon if at all."""


@dataclass(frozen=True, slots=True)
class Scores:
    """lm-eval's word on a cell: its results document, and its verdict on each question that was answered, in order."""

    results: dict[str, Any]
    verdicts: list[Verdict]


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
        subjects_asked = dict.fromkeys(chosen.subjects)
        # A task takes lm-eval a while to make, and a partial source may lack some.
        asked = replace(suite, subjects=tuple(subject for subject in suite.subjects if subject in subjects_asked))
        self._group, self._tasks = tasks.load(asked, split, data)
        # lm-eval's configuration of every task that was scored: the same for all cells, so it is kept here once.
        self.configs: dict[str, Any] = {}
        self._judge = functools.lru_cache(maxsize=JUDGED)(answers.judge)
        self.samples = Samples()
        with _templates_compiled_once():
            task_of = tasks.names(suite)
            for subject in subjects_asked:
                items = chosen.of_subject(subject)
                self.samples.add(items, _requests(self._tasks[task_of[subject]], items))

    def judge(self, sample: Sample, text: str, *, cut_off: bool = False) -> Verdict:
        """Return the verdict on a text, by the reader and the judge that lm-eval's filter and metric use."""
        question = sample.question
        answer = answers.read(question.answer_format, text, question=question.prompt, cut_off=cut_off)
        return Verdict(answer, self.right(sample, answer))

    def right(self, sample: Sample, answer: str | None) -> bool:
        """Return whether an answer that was read is right."""
        return answer is not None and self._judge(sample.question.answer_format, answer, sample.gold)

    def score(self, answered: Sequence[int], finals: Iterable[str]) -> Scores:
        """Have lm-eval filter, judge and aggregate a cell's final texts.

        Args:
            answered: the places of the samples that were answered, in order; a fault of the machinery is no answer.
            finals: the final text of each of them, taken a few at a time.
        """
        if not answered:
            return Scores({}, [])
        texts, verdicts = iter(finals), list[Verdict]()
        scored = {
            name: Answered(self._tasks[name], self.samples, array("I", places), texts, verdicts)
            for name, places in groupby(answered, key=self.samples.task)
        }
        done = evaluate(
            Finished(),
            {"tasks": scored, "groups": {self._group.name: self._only(scored)}, "group_map": {}},
            bootstrap_iters=BOOTSTRAPS,
            log_samples=False,  # renders each gold answer and hashes each document and prompt, for every cell anew
        )
        configs = done.pop("configs")
        self.configs |= _without_addresses({name: configs[name] for name in configs if name not in self.configs})
        return Scores(dict(done), verdicts)

    def _only(self, scored: Mapping[str, Answered]) -> Any:  # noqa: ANN401 - lm-eval's Group, untyped here
        """Return the suite's group with those of its tasks that were asked."""
        names = [task.task_name for task in self._group]
        return replace(self._group, _children={name: scored[name] for name in names if name in scored})


def _requests(task: ConfigurableTask, items: Sequence[Item]) -> Iterator[Instance]:
    """Yield lm-eval's requests for a task's items."""
    for first in range(0, len(items), AT_A_TIME):
        part = Part(task, [documents.document(item) for item in items[first : first + AT_A_TIME]])
        part.build_all_requests(apply_chat_template=True, chat_template=chats.pack)
        yield from part.instances


def _without_addresses(configs: Mapping[str, Any]) -> dict[str, Any]:
    """Return lm-eval's task configurations as plain JSON; functions in them lose their place in memory."""
    plain: dict[str, Any] = json.loads(re.sub(r" at 0x[0-9a-f]+", "", json.dumps(configs, default=str)))
    return plain


@while_any
@contextlib.contextmanager
def _templates_compiled_once() -> Iterator[None]:
    """Let lm-eval compile a template of a task file once, instead of once for each document it renders."""
    environment, compiled = lm_eval.utils.env, lm_eval.utils.env.from_string
    environment.from_string = functools.lru_cache(maxsize=64)(compiled)
    try:
        yield
    finally:
        environment.from_string = compiled


@while_any
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
