"""One of two words: yes or no, True or False, valid or invalid."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from mlpo_bench.answers import passages
from mlpo_bench.answers.format import Format


if TYPE_CHECKING:
    from collections.abc import Mapping


class Verdict(Format):
    """A choice between two words. `words` maps each way to say one to its canonical form."""

    words: ClassVar[Mapping[re.Pattern[str], str]]

    def parse(self, passage: str) -> str | None:
        """Return the one word of the two that a passage says."""
        said = {canonical for pattern, canonical in self.words.items() if pattern.search(passage)}
        return said.pop() if len(said) == 1 else None

    def last_resort(self, text: str) -> str | None:
        """Return the word that the closing line consists of, opens with, or comes to as a conclusion or a result."""
        line = passages.last_line(text)
        opening = re.match(r"[*_]{0,2}([A-Za-z]{2,7})[*_]{0,2}[.,:;!]\s", line)
        if opening and (said := self.parse(opening.group(1))):
            return said
        stated = line.rpartition("=")[2]
        if passages.concludes(line) or passages.bare(stated.rstrip(". *")).isalpha():
            return self.parse(stated)
        return None


def _word(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w'-])(?:{pattern})(?![\w'-])", re.IGNORECASE)


class YesNo(Verdict):
    """Yes or No. "No" counts where it stands by itself: "no longer" is no answer."""

    name = "yes_no"
    instruction = "End with Yes or No, written as <answer>Yes</answer> or <answer>No</answer>."
    words: ClassVar = {
        _word("yes"): "Yes",
        re.compile(
            r"(?<![\w'-])no(?=[\s*_`\"')}$]{0,4}(?:\Z|[.,:;!?—]|-\s|because\b|since\b|as\b))", re.IGNORECASE
        ): "No",
    }


class TrueFalse(Verdict):
    """True or False. A negated one ("not True") is an expression, and no answer."""

    name = "true_false"
    instruction = "End with True or False, written as <answer>True</answer> or <answer>False</answer>."
    words: ClassVar = {_word("true"): "True", _word("false"): "False", _word("not|and|or"): ""}

    def parse(self, passage: str) -> str | None:
        """Return True or False where a passage says that alone."""
        return super().parse(passage) or None


class ValidInvalid(Verdict):
    """Valid or invalid; "not valid" is invalid."""

    name = "valid_invalid"
    instruction = "End with valid or invalid, written as <answer>valid</answer> or <answer>invalid</answer>."
    words: ClassVar = {
        _word(r"(?<!not )(?<!n't )(?<!not deductively )(?:deductively\s)?valid"): "valid",
        _word(r"invalid|(?:not|isn't)\s(?:deductively\s)?valid"): "invalid",
    }
