"""The train questions of a recipe, rendered by the harness exactly as a run renders them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from mlpo_bench.errors import UsageError
from mlpo_bench.harness.suite import quiet_lm_eval
from mlpo_bench.matrix.config import RunConfig
from mlpo_bench.protocols.base import counted
from mlpo_bench.questions import in_order
from mlpo_bench.questions.splits import fingerprint
from mlpo_bench.runs.runner import load_suites
from mlpo_bench.training.overlap import everything_tested, named, refuse_tested, same, tested
from mlpo_bench.training.rows import Opening


if TYPE_CHECKING:
    from mlpo_bench.chat import Sampling, Usage
    from mlpo_bench.questions import Question
    from mlpo_bench.training.observer import TrainingObserver
    from mlpo_bench.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Posed:
    """A train question as a peer is asked it.

    `text` is what its publishers give, `gold` the answer, for the judge alone; `sampling` is the task's.
    """

    question: Question
    text: str
    gold: str
    sampling: Sampling

    def opening(
        self, seat: str, text: str, usage: Usage, *, variant: int, answer: str | None, right: bool, cut_off: bool
    ) -> Opening:
        """Return what a seat wrote to the question alone, as a row."""
        question = self.question
        return Opening(
            question_id=question.id,
            suite=question.suite,
            subject=question.subject,
            answer_format=question.answer_format,
            gold=self.gold,
            text=self.text,
            prompt=question.prompt,
            preamble=tuple(asdict(message) for message in question.preamble),
            seat=seat,
            variant=variant,
            opening=text,
            answer=answer,
            right=right,
            cut_off=cut_off,
            prompt_tokens=usage.prompt + usage.cached,
            completion_tokens=usage.completion,
            sampling=self.sampling,
        )


def posed(recipe: Recipe, observer: TrainingObserver) -> list[Posed]:
    """Return the train questions of a recipe's suites, each content once, none of which any suite tests.

    Raises:
        UsageError: no source, subject or question; or a train question that the suites themselves test.
    """
    chosen = recipe.questions
    config = RunConfig(
        suites=recipe.suites,
        own=recipe.own,
        split="train",
        limit=chosen.limit,
        subjects=chosen.subjects,
        data=chosen.data,
    )
    with quiet_lm_eval():
        suites = load_suites(config, recipe.suites, observer)
    questions = [
        Posed(sample.question, sample.item.text, sample.gold, sample.sampling)
        for suite in suites.values()
        for sample in suite.samples
    ]
    if not questions:
        raise _none_left(recipe)
    once = {fingerprint(one.text): one for one in reversed(questions)}
    if repeated := len(questions) - len(once):
        observer.say(f"{counted(repeated, 'question')} left out whose content is asked before")
    texts = [(one.question.id, one.text) for one in once.values()]
    refuse_tested(texts, tested(map(recipe.suite, recipe.suites), chosen.data))
    overlaps = _tested_elsewhere(recipe, texts, observer)
    kept = [one for one in reversed(once.values()) if one.question.id not in overlaps]
    if not kept:
        raise _none_left(recipe)
    return kept


def _tested_elsewhere(recipe: Recipe, texts: list[tuple[str, str]], observer: TrainingObserver) -> dict[str, str]:
    """Return which questions some suite tests, each with the test question's id; say so."""
    observer.begin("suites that questions are held against", len(in_order()))
    everywhere = everything_tested(recipe.questions.data, observer.advance)
    overlaps = same(texts, everywhere)
    if overlaps:
        observer.say(f"{counted(len(overlaps), 'question')} left out that is tested elsewhere: {named(overlaps)}")
    if everywhere.absent:
        observer.say(f"not at hand, so that no question was held against it: {', '.join(everywhere.absent)}")
    return overlaps


def _none_left(recipe: Recipe) -> UsageError:
    return UsageError(f"no train question is left of {', '.join(recipe.suite(name).title for name in recipe.suites)}.")
