"""The stage `filter`: which questions a leader learns from, and the prompts made of them.

Rules are applied in turn, each to what the one before it left. All are pure functions of shares of right answers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from mlpo_bench.errors import UsageError
from mlpo_bench.protocols.seeding import shuffler
from mlpo_bench.training.asking import table
from mlpo_bench.training.overlap import everything_tested, refuse_tested, same, tested
from mlpo_bench.training.prompts import prompts_of
from mlpo_bench.training.rows import Kept, Opening, Prompt, read_rows, write_rows
from mlpo_bench.training.sampling import sample_leader, spent


if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from mlpo_bench.training.folder import TrainingFolder, Work
    from mlpo_bench.training.observer import TrainingObserver
    from mlpo_bench.training.recipe import Recipe
    from mlpo_bench.training.sections import Filter

Reason = Literal["too easy", "too hard"]


@dataclass(slots=True)
class Sieve:
    """Questions on their way through the rules.

    `suites` has every question's suite, in order; `easy` those that are too easy and stay all the same; `lost` counts
    by suite and reason.
    """

    suites: dict[str, str]
    seed: int
    easy: set[str] = field(default_factory=set)
    lost: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def through(self, rule: Filter, shares: Mapping[str, float]) -> None:
        """Drop what a rule drops, given each question's share of right answers."""
        verdicts = {name: verdict(rule, shares[name]) for name in self.suites}
        spared = self._spared(rule, [name for name, reason in verdicts.items() if reason == "too easy"])
        self.easy |= spared
        for name, reason in verdicts.items():
            if reason is not None and name not in spared:
                self.lost[self.suites.pop(name)][wording(rule, reason)] += 1
        self.easy &= self.suites.keys()

    def without(self, questions: Iterable[str], reason: str) -> None:
        """Drop questions for a reason of another kind."""
        for name in questions:
            self.lost[self.suites.pop(name)][reason] += 1

    def _spared(self, rule: Filter, easy: Sequence[str]) -> set[str]:
        """Return the share of the easy questions that stays, suite by suite; a larger share holds a smaller one."""
        spared: set[str] = set()
        for suite in dict.fromkeys(self.suites[name] for name in easy):
            of_suite = [name for name in easy if self.suites[name] == suite]
            shuffler(self.seed, suite, "easy", rule.rule).shuffle(of_suite)
            spared |= set(of_suite[: round(rule.easy * len(of_suite))])
        return spared


def verdict(rule: Filter, share: float) -> Reason | None:
    """Return why a rule drops a question of whose answers this share is right, or None where it keeps it."""
    if rule.rule == "off":
        return None
    if rule.rule != "paper" and share == 0:
        return "too hard"
    return "too easy" if share >= rule.least_too_easy else None


def wording(rule: Filter, reason: Reason) -> str:
    """Return in words why a rule drops a question."""
    if rule.rule == "leader":
        return "the leader always right" if reason == "too easy" else "the leader never right"
    return f"{rule.least_too_easy:.3g} or more of the openings right" if reason == "too easy" else "no opening right"


def shares_of(answers: Iterable[tuple[str, bool]]) -> dict[str, float]:
    """Return the share that is right by question, of pairs of a question and whether an answer is right."""
    right: defaultdict[str, list[bool]] = defaultdict(list)
    for name, is_right in answers:
        right[name].append(is_right)
    return {name: sum(each) / len(each) for name, each in right.items()}


async def run(folder: TrainingFolder, work: Work, store_path: Path, observer: TrainingObserver) -> None:
    """Make `questions.parquet` and `prompts.parquet`.

    Raises:
        UsageError: no question is left, one is tested by now, a prompt does not fit the leader, or the leader cannot be
            served.
        EngineError: an engine failed for good.
        Stopped: a person wants an end.
    """
    recipe = folder.recipe
    openings = read_rows(folder.rollouts, Opening)
    shares = shares_of((opening.question_id, opening.right) for opening in openings)
    leader_shares: dict[str, float] = {}
    sieve = Sieve({opening.question_id: opening.suite for opening in openings}, recipe.seed)
    before = Counter(sieve.suites.values())
    sieve.without(_tested(recipe, openings), "tested")
    for rule in recipe.filter:
        if rule.rule == "leader":
            left = prompts_of(recipe, _of(openings, sieve.suites))
            leader_shares = await _measured(recipe, rule, left, work, store_path, observer)
            sieve.through(rule, leader_shares)
        else:
            sieve.through(rule, shares)
    _tell(sieve, before, observer)
    kept = _of(openings, sieve.suites)
    if not kept:
        raise UsageError(
            "the filter leaves no question to learn from; choose another rule or bound, or more questions."
        )
    prompts = prompts_of(recipe, kept)
    observer.say(f"{len(prompts):,} prompts of {len(sieve.suites):,} questions")
    write_rows(folder.questions, Kept, _rows(kept, shares, leader_shares, sieve.easy))
    write_rows(folder.prompts, Prompt, prompts)
    work.facts |= {
        "questions": {suite: sum(s == suite for s in sieve.suites.values()) for suite in before},
        "dropped": {suite: dict(reasons) for suite, reasons in sieve.lost.items()},
        "easy": len(sieve.easy),
        "prompts": len(prompts),
    }


async def _measured(
    recipe: Recipe, rule: Filter, prompts: Sequence[Prompt], work: Work, store_path: Path, observer: TrainingObserver
) -> dict[str, float]:
    """Return how often the leader is right on each question, over all its prompts."""
    async with table([recipe.leader.spec], store_path, observer, deterministic=recipe.deterministic) as asked:
        samples = await sample_leader(recipe, prompts, rule.draws, asked)
    work.spent |= spent(one for of_prompt in samples for one in of_prompt)
    return shares_of(
        (prompt.question_id, one.right) for prompt, of_prompt in zip(prompts, samples, strict=True) for one in of_prompt
    )


def _tested(recipe: Recipe, openings: Iterable[Opening]) -> list[str]:
    """Return the questions that some suite has come to test since the openings were made.

    Raises:
        UsageError: the recipe's own suites test one.
    """
    texts = {one.question_id: one.text for one in openings}.items()
    data = recipe.questions.data
    refuse_tested(texts, tested(map(recipe.suite, recipe.suites), data))
    return list(same(texts, everything_tested(data)))


def _of(openings: Iterable[Opening], questions: Collection[str]) -> list[Opening]:
    return [opening for opening in openings if opening.question_id in questions]


def _rows(
    kept: Iterable[Opening], shares: Mapping[str, float], leader_shares: Mapping[str, float], easy: Collection[str]
) -> list[Kept]:
    counts = Counter(opening.question_id for opening in kept)
    return [
        Kept(
            question_id=one.question_id,
            suite=one.suite,
            subject=one.subject,
            answer_format=one.answer_format,
            gold=one.gold,
            text=one.text,
            openings=counts[one.question_id],
            share=shares[one.question_id],
            leader_share=leader_shares.get(one.question_id),
            easy=one.question_id in easy,
        )
        for one in {opening.question_id: opening for opening in kept}.values()
    ]


def _tell(sieve: Sieve, before: Counter[str], observer: TrainingObserver) -> None:
    for suite, count in before.items():
        left = [name for name, of in sieve.suites.items() if of == suite]
        reasons = "".join(f", {lost} dropped ({reason})" for reason, lost in sieve.lost[suite].items())
        easy = f", {spared} of them easy" if (spared := sum(name in sieve.easy for name in left)) else ""
        observer.say(f"{suite}: {count} questions{reasons}: {len(left)} kept{easy}")
