"""An answer about a passage: a number, a date, or words of it; several parts are a set.

The rule is DROP's exact match (Dua et al., arXiv 1903.00161): an answer is right where its parts are those of one of
the accepted answers, each without case, articles, punctuation and needless zeros. The share of words in common (F1),
which its authors print beside it, is not a verdict and is not used.
"""

from __future__ import annotations

import json
import re
import string

from mlpo_bench.answers import passages
from mlpo_bench.answers.format import Format


BETWEEN = " | "
"""What stands between the parts of an answer."""

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_DECIMAL = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_ENDS = re.compile(r"[.!?](?=\s+[A-Z])")
_ABBREVIATED = re.compile(r"(?:\b(?:[A-Z]|St|Mt|Ft|Mr|Mrs|Ms|Dr|Jr|Sr|vs|No)|\.[A-Z])\Z")


class Spans(Format):
    """Parts of a text, in any order. Nothing is read from a text that does not mark its answer.

    Gold is a JSON list of the accepted answers, each the list of its parts; any other text is one accepted answer as
    it is written.
    """

    name = "spans"
    free = True
    instruction = (
        "End with a number, a date or words of the passage, as <answer>X</answer>, several as <answer>X | Y</answer>."
    )

    def clause(self, after: str) -> str:
        """Return the first sentence after "answer is"; the stop of "St." or of an initial ends none."""
        line = passages.first_line(after.lstrip("*_ \n"))
        for stop in _ENDS.finditer(line):
            if not _ABBREVIATED.search(line, 0, stop.start()):
                return line[: stop.start()]
        return line

    def parse(self, passage: str) -> str | None:
        """Return the parts of a passage, each without the markup around it."""
        passage = passages.bare(passages.unwrapped(passages.unemphasised(passage.strip())).rstrip("."))
        parts = [" ".join(passages.bare(part).split()) for part in re.split(r"\||\n", passage)]
        kept = [part for part in parts if normalised(part)]
        return BETWEEN.join(kept) or None

    def judge(self, answer: str, gold: str) -> bool:
        """Return whether an answer has exactly the parts of an accepted one: as many, and no other."""
        return _parts(answer) in {_parts(BETWEEN.join(one)) for one in accepted(gold)}

    def key(self, answer: str) -> str:
        """Return the parts normalised, in order of the alphabet."""
        return BETWEEN.join(sorted(map(normalised, answer.split("|"))))

    def written(self, gold: str) -> str:
        """Return the first accepted answer."""
        return BETWEEN.join(accepted(gold)[0])


def _parts(answer: str) -> tuple[int, frozenset[str]]:
    """Return how many parts an answer has, and which, as DROP's exact match compares them."""
    parts = [normalised(part) for part in answer.split("|")]
    return len(parts), frozenset(parts)


def accepted(gold: str) -> list[list[str]]:
    """Return the accepted answers of a gold one, each as its parts."""
    try:
        answers = json.loads(gold)
    except (ValueError, RecursionError):
        answers = None
    if isinstance(answers, list) and answers and all(isinstance(one, list) for one in answers):
        return [[str(part) for part in one] for one in answers]
    return [gold.split("|")]


def normalised(part: str) -> str:
    """Return a part as DROP compares it: words by spaces and hyphens, numbers by value, no articles, no punctuation."""
    words = (_word(word) for word in re.split(r"[\s-]", passages.plain(part).casefold()))
    return " ".join(word for word in words if word)


def _word(word: str) -> str:
    if not _DECIMAL.fullmatch(word):
        word = word.translate(_PUNCTUATION)
    if _DECIMAL.fullmatch(word):
        whole, _, fraction = word.lstrip("+").partition(".")
        sign, whole = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
        value = f"{whole.lstrip('0') or '0'}.{fraction.rstrip('0') or '0'}"
        return value if value == "0.0" else sign + value
    return " ".join(_ARTICLES.sub(" ", word).split())
