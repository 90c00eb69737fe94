"""A list of words in order, canonically in lower case with single spaces between."""

from __future__ import annotations

import re

from mlpo_bench.answers import passages
from mlpo_bench.answers.format import Format


_BULLET = re.compile(r"^[ \t]{0,8}(?:[-*•+]|\(?[0-9]{1,3}[.):])[ \t]{1,8}", re.MULTILINE)
_INLINE_NUMBER = re.compile(r"(?:(?<=\s)|\A)\(?[0-9]{1,3}[.):]\s")
_BETWEEN = re.compile(r"[\s,;<>|→⟶/]+|(?:->)|(?:\\n)")
_AROUND = '*_`"[](){}$.:!?'
_WORD = re.compile(r"[\w&'-]+")
_LISTS = re.compile(r"sort|order|alphabet|list|result|words", re.IGNORECASE)


class Words(Format):
    """A word list: separated by spaces, commas or lines, numbered or not."""

    name = "words"
    instruction = (
        "End with all the words in order, separated by spaces, written as <answer>first second third</answer>."
    )
    longest = 5_000

    def clause(self, after: str) -> str:
        """Return what follows "answer is" on its line, or else the list below it."""
        head = after[: self.longest]
        if _BULLET.match(head):
            entries = re.split(r"\n(?![ \t]{0,8}(?:[-*•+]|\(?[0-9]{1,3}[.):])[ \t])", head, maxsplit=1)
            return entries[0]
        return passages.sentence(head)

    def parse(self, passage: str) -> str | None:
        """Return the words of a passage, or None where it is not made of words."""
        passage = passages.bare(passage.replace("\\&", "&"))
        if re.match(r"[^\n:]{0,60}:\s", passage):
            passage = passage.partition(":")[2]
        passage = _INLINE_NUMBER.sub(" ", _BULLET.sub("", passage))
        if "," in passage:
            passage = re.sub(r",\s{0,3}and\s{1,3}(?=[^\s,]{1,60}\W{0,3}\Z)", ", ", passage)
        words = [_stripped(word) for word in _BETWEEN.split(passage)]
        words = [word for word in words if word]
        if not words or not all(_WORD.fullmatch(word) for word in words):
            return None
        return " ".join(words)

    def last_resort(self, text: str) -> str | None:
        """Return the list that closes a text after a colon which announces it."""
        announced, colon, after = text.rstrip().rpartition(":")
        if not colon or len(after) > self.longest or not _LISTS.search(passages.last_line(announced)[-200:]):
            return None
        if re.search(r"[.!?]\s", _INLINE_NUMBER.sub(" ", _BULLET.sub("", after.strip()))):
            return None
        return self.parse(after)

    def key(self, answer: str) -> str:
        """Return the words in lower case with single spaces."""
        return " ".join(passages.plain(answer).casefold().split())


def _stripped(word: str) -> str:
    """Return a word without the marks around it; an apostrophe inside it stays."""
    return word.strip(_AROUND).strip("'").strip(_AROUND).casefold()
