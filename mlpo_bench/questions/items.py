r"""From a publisher's row to an `Item`: the text of the question, its gold answer, and how it is answered.

Oddities of the data are met by rule, not by lists of exceptions:

- Three BBH questions (one in movie_recommendation, two in ruin_names) had an option with a comma in it, which their
  publisher cut into several options; their target is the whole phrase, which is no letter. A target that is none of
  the letters offered is therefore answered in words (format `phrase`).
- BBH writes yes and no in lower case in one subtask and capitalised in others; judges ignore case.
- The `answer` column of some copies of MATH is damaged (backslashes lost); gold is the last `\boxed{}` of the official
  solution.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mlpo_bench.questions.question import Item


if TYPE_CHECKING:
    from collections.abc import Sequence


Part = Literal["dev", "val", "test"]
GSM8K_PARTS: tuple[Literal["train", "test"], ...] = ("train", "test")

_BBH_FORMATS = {
    "boolean_expressions": "true_false",
    "causal_judgement": "yes_no",
    "dyck_languages": "brackets",
    "formal_fallacies": "valid_invalid",
    "multistep_arithmetic_two": "number",
    "navigate": "yes_no",
    "object_counting": "number",
    "sports_understanding": "yes_no",
    "web_of_lies": "yes_no",
    "word_sorting": "words",
}
_TESTED_OF_FIVE = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """An item and whether its publisher or our rule puts it in the test split."""

    item: Item
    tested: bool


def bbh(subject: str, index: int, text: str, target: str, *, shot: bool = False) -> Entry:
    """Return a BBH question; one in five of each subtask is tested.

    Args:
        subject: The subtask.
        index: The position in the subtask's file, from 0.
        text: The published input, options and all.
        target: The published target.
        shot: Whether this is a worked example from a prompt rather than a row of the file (it gets its own id).
    """
    name = _BBH_FORMATS.get(subject, "option")
    if name == "option" and not re.fullmatch(r"\([A-Z]\)", target):
        name = "phrase"
    place = f"shot-{index}" if shot else str(index)
    item = Item("bbh", subject, f"bbh/{subject}/{place}", text.strip(), target.strip(), name)
    return Entry(item, tested=index % 5 == _TESTED_OF_FIVE)


def mmlu(subject: str, part: Part, index: int, question: str, choices: Sequence[str], answer: int) -> Entry:
    """Return an MMLU question with its options written as BBH writes them.

    Args:
        subject: One of the 57.
        part: The publisher's split.
        index: The position in that split of that subject, from 0.
        question: The question alone.
        choices: The four options.
        answer: The position of the right one, from 0.
    """
    options = "\n".join(f"({letter}) {choice.strip()}" for letter, choice in zip("ABCD", choices, strict=True))
    text = f"{question.strip()}\nOptions:\n{options}"
    item = Item("mmlu", subject, f"mmlu/{subject}/{part}-{index}", text, f"({'ABCD'[answer]})", "option")
    return Entry(item, tested=part == "test")


def math(subject: str, index: int, problem: str, solution: str, *, tested: bool) -> Entry:
    """Return a problem of MATH.

    Args:
        subject: One of the 7.
        index: The position among the subject's published test problems, from 0.
        problem: LaTeX.
        solution: The official solution, whose last box holds the answer.
        tested: Whether it is one of the 500 of MATH-500.

    Raises:
        ValueError: The solution boxes nothing.
    """
    gold = " ".join(last_box(solution).split())  # to LaTeX a line break is a space
    item = Item("math", subject, f"math/{subject}/{index}", problem.strip(), gold, "maths")
    return Entry(item, tested=tested)


def gsm8k(part: Literal["train", "test"], index: int, question: str, answer: str) -> Entry:
    """Return a problem of GSM8K.

    Args:
        part: The publisher's split.
        index: The position in that split, from 0.
        question: The problem in words.
        answer: The official solution, with the number alone after `####` at its end.

    Raises:
        ValueError: The solution does not end so.
    """
    _, mark, gold = answer.rpartition("####")
    if not mark or not gold.strip():
        raise ValueError(f"this solution states no answer after ####: {answer[-80:]!r}")
    return _numbered("gsm8k", "gsm8k", index, question, gold.strip(), "number", tested=part == "test")


def reasoning_gym(task: str, index: int, text: str, gold: str, *, tested: bool) -> Entry:
    """Return an exercise of reasoning-gym.

    Args:
        task: One of the 15.
        index: The position in the series that the split's seed makes.
        text: The question, which says in what form it is to be answered.
        gold: A `gym.Gold` as text.
        tested: Whether the test split's seed made it.
    """
    return _numbered("reasoning_gym", task, index, text, gold, "gym", tested=tested)


def _numbered(suite: str, subject: str, index: int, text: str, gold: str, form: str, *, tested: bool) -> Entry:
    """Return an entry of a suite whose two splits are counted each from 0."""
    place = str(index) if tested else f"train-{index}"
    return Entry(Item(suite, subject, f"{suite}/{subject}/{place}", text.strip(), gold, form), tested=tested)


def last_box(solution: str) -> str:
    r"""Return what the last `\boxed` of a solution holds, its braces matched.

    Raises:
        ValueError: There is no box, or it is never closed.
    """
    start = solution.rfind("\\boxed")
    if start < 0:
        raise ValueError(f"this solution boxes no answer: {solution[-80:]!r}")
    rest = solution[start + len("\\boxed") :].lstrip()
    if not rest.startswith("{"):
        return rest[:1]
    depth = 0
    for at, character in enumerate(rest):
        escaped = at > 0 and rest[at - 1] == "\\"
        depth += 0 if escaped else (character == "{") - (character == "}")
        if depth == 0:
            return rest[1:at].strip()
    raise ValueError(f"the last box of this solution is never closed: {solution[-80:]!r}")
