"""An answer to one of reasoning-gym's exercises, whose own judge has the word: some have more than one right answer."""

from __future__ import annotations

import re

from mlpo_bench import gym
from mlpo_bench.answers import passages
from mlpo_bench.answers.format import Format


_ASSIGNED = re.compile(r"[A-Za-z]\w{0,12}\s?=\s?(?=[-+]?[0-9.])")


_ASSIGNED_BACKWARDS = re.compile(r"\A([-+]?[0-9.]{1,40})\s?=\s?[A-Za-z]\w{0,12}\Z")
_TIMES = re.compile(r"(?<=[0-9])\s{0,3}(?:[x*\u00b7\u22c5]|\\cdot)\s{0,3}(?=[0-9])")


class Exercise(Format):
    """A short text in the form that the question asks for. Gold is a `gym.Gold`; `written` is its reference answer.

    Nothing is read from a text that does not mark its answer. The judge takes most answers to the letter, so equal
    answers are those that differ in spacing alone; of "c = 97" the number is the answer.
    """

    name = "gym"
    free = True
    instruction = "End with the answer alone, in the form the question asks for, written as <answer>...</answer>."

    def parse(self, passage: str) -> str | None:
        """Return a passage without the markup in and around it and without a full stop."""
        unmarked = re.sub(r"(?<!\w)__(\S[^_\n]{0,200})__(?!\w)", r"\1", passages.unemphasised(passage.strip()))
        answer = passages.bare(unmarked.rstrip(".")).replace(r"\times", "\u00d7")
        answer = _ASSIGNED_BACKWARDS.sub(r"\1", answer)
        if (assigned := _ASSIGNED.match(answer)) and "=" not in answer[assigned.end() :] and "," not in answer:
            answer = answer[assigned.end() :]
        return " ".join(answer.split()).rstrip(". ") or None

    def judge(self, answer: str, gold: str) -> bool:
        """Return whether reasoning-gym gives an answer its full score.

        Raises:
            UsageError: The package is not installed, or its version makes other exercises.
        """
        exercise = gym.Gold.read(gold)
        if "\u00d7" in exercise.answer:
            answer = _TIMES.sub(" \u00d7 ", answer)
        return gym.right(exercise, answer)

    def key(self, answer: str) -> str:
        """Return the answer with single spaces."""
        return " ".join(answer.split())

    def written(self, gold: str) -> str:
        """Return the reference answer."""
        return gym.Gold.read(gold).answer

    def quoted(self, answer: str) -> str:
        """Return the answer: what was read is none of the judge's references."""
        return answer
