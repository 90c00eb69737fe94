"""An answer to one of reasoning-gym's exercises, whose own judge has the word: some have more than one right answer."""

from __future__ import annotations

import re

from mlpo_bench import gym
from mlpo_bench.answers import passages
from mlpo_bench.answers.format import Format


_ASSIGNED = re.compile(r"[A-Za-z]\w{0,12}\s?=\s?(?=[-+]?[0-9.])")


class Exercise(Format):
    """A short text in the form that the question asks for. Gold is a `gym.Gold`; `written` is its reference answer.

    Nothing is read from a text that does not mark its answer. The judge takes most answers to the letter, so equal
    answers are those that differ in spacing alone; of "c = 97" the number is the answer.
    """

    name = "gym"
    instruction = "End with the answer alone, in the form the question asks for, written as <answer>...</answer>."

    def parse(self, passage: str) -> str | None:
        """Return a passage without the markup in and around it and without a full stop."""
        answer = passages.bare(passages.unemphasised(passage.strip()).rstrip(".")).replace(r"\times", "\u00d7")
        if (assigned := _ASSIGNED.match(answer)) and "=" not in answer[assigned.end() :] and "," not in answer:
            answer = answer[assigned.end() :]
        return " ".join(answer.split()).rstrip(". ") or None

    def judge(self, answer: str, gold: str) -> bool:
        """Return whether reasoning-gym gives an answer its full score.

        Raises:
            BadInput: The package is not installed, or its version makes other exercises.
        """
        return gym.right(gym.Gold.read(gold), answer)

    def key(self, answer: str) -> str:
        """Return the answer with single spaces."""
        return " ".join(answer.split())

    def written(self, gold: str) -> str:
        """Return the reference answer."""
        return gym.Gold.read(gold).answer
