"""The letter of an option, canonically `(B)`."""

from __future__ import annotations

import re

from mlpo_bench.answers import passages
from mlpo_bench.answers.format import Format


_STATED = re.compile(
    r"(?:(?:the\s)?(?:correct\s|right\s|best\s)?(?:option|choice|letter|answer)\s{0,2}:?\s{0,2})?"
    r"[*_`\"'$]{0,4}"
    r"(?:[(\[{]\s?(?P<inside>[A-R])\s?[)\]}]|(?P<alone>[A-R])"
    r"(?=[*_`\"'$]{0,4}\s{0,3}(?:\Z|[.,:;)!?*\]}=\n]|[-—]\s|because\b|since\b|as\b|which\b|and\b|or\b|&|/)))"
    r"[*_`\"'$]{0,4}",
    re.IGNORECASE,
)
_ANOTHER = re.compile(r"[\s,;/&]{0,4}(?:and\b|or\b|,|;|/|&)[\s*_]{0,4}(?:[(\[]\s?[A-R]\s?[)\]]|[A-R]\b(?!'))")
_IN_BRACKETS = re.compile(r"\(([A-R])\)")
_NAMED = re.compile(
    r"\b(?:[Oo]ption|[Cc]hoice|[Ll]etter)(?:\sis)?[\s:]{1,3}[*_]{0,2}([A-R])"
    r"(?=[*_\s]{0,4}(?:\Z|[.,:;)]|is\b|because\b|since\b|as\b))"
)
_ENTRY = re.compile(r"[\s*_\-]{0,6}\(?[A-Z]\)\s")


class Option(Format):
    """A letter, as `(B)`.

    A letter alone counts only where it cannot be a word: "A dog" names no option. Where several options are named
    with nothing to tell which is meant, none is. Letters go to R, the most that a question offers, so the (X) of the
    instruction, echoed, is no answer.
    """

    name = "option"
    instruction = "End with the letter of the right option, written as <answer>(X)</answer>."

    def parse(self, passage: str) -> str | None:
        """Return the one option that a passage names."""
        passage = passages.bare(passage)
        if stated := _STATED.match(passage):
            if _ANOTHER.match(passage, stated.end()):
                return None
            return _canonical(stated.group("inside") or stated.group("alone"))
        return _only(passage)

    def last_resort(self, text: str) -> str | None:
        """Return the one option that the closing line names, unless that line is an entry of a list of options."""
        *_, before, line = ["", *(text.strip().rsplit("\n", 1))]
        line = line.strip()
        if re.fullmatch(r"[*_`\"'$\s]{0,6}\(?[A-R]\)?[.*_`\"'$\s]{0,6}", line):
            return _canonical(re.sub(r"[^A-Z]", "", line))
        if _ENTRY.match(line) and _ENTRY.match(passages.last_line(before)):
            return None
        return _only(line)

    def key(self, answer: str) -> str:
        """Return the letter alone."""
        return answer.strip("() .").upper()


def _only(passage: str) -> str | None:
    """Return the option in brackets that is the only one a passage names."""
    named = {*_IN_BRACKETS.findall(passage), *_NAMED.findall(passage)}
    return _canonical(named.pop()) if len(named) == 1 else None


def _canonical(letter: str) -> str:
    return f"({letter.upper()})"
