"""A list of words in order, canonically in lower case with single spaces between."""

from __future__ import annotations

import html
import re
from itertools import islice

from mlpo_bench.answers import passages
from mlpo_bench.answers.corrections import takes_back
from mlpo_bench.answers.format import Format


_MARK = r"[ \t]{0,8}(?:[-*\u2022+]|\(?[0-9]{1,3}(?:st|nd|rd|th)?[.):])[ \t]{1,8}"
_BULLET = re.compile(rf"^{_MARK}", re.MULTILINE)
_INLINE_NUMBER = re.compile(r"(?:(?<=\s)|\A)\(?[0-9]{1,3}[.):]\s")
_BETWEEN = re.compile(
    r"(?:<br\s?/?>|\s[-&\u2022\u00b7]\s|\s?(?:\u2014|-{2,3})\s?|->|=>|\\n|[\s,;<>|\u2192\u27f6/\u2022\u00b7])+",
    re.IGNORECASE,
)
_AROUND = '*_`"[](){}$.:!?'
_WORD = re.compile(r"[\w&'-]+")
_LETTERED = re.compile(r"(?:(?<=\s)|\A)\(?[a-hA-H][.)]\s")
_LISTS = re.compile(r"sorted|in (?:\w+ )?order|alphabetical|list|result|final|answer", re.IGNORECASE)
# What names a list less surely; what follows must look like one.
_ORDERED = re.compile(
    r"\b(?:order(?:ed|ing)?|sequence|after sorting|together|combin(?:ed?|ing)|arrang(?:ed?|ing|ement)"
    r"|alphabeti[sz]\w{1,4}|conclusion|solution)\b",
    re.IGNORECASE,
)
_OTHER_LIST = re.compile(
    r"\b(?:original(?:ly)?|unsorted|given|input|initial|before|remaining|starting|start|begin\w{0,5}|first|group\w{0,3}"
    r"|compar\w{1,4}|letters?|need|question|task|problem|incorrect|wrong|out of)\b",
    re.IGNORECASE,
)
# A line above a list, marked as a heading or so short that it can only be one.
_HEADING = re.compile(r"[ \t]{0,8}(?:#{1,6}[ \t]{1,4}[^\n]{1,100}|(?:[\w'-]{1,20}[ \t]){1,6}[\w'-]{1,20}[ \t]{0,8})")
_ANNOUNCED = re.compile(
    r"\A[\W_]{0,8}(?:so|thus|therefore|hence|finally"
    r"|(?:sorted|arranged|ordered|listed)\s(?:alphabetically|in alphabetical order))?,?\s?"
    r"(?:the|this|here|my|in)\b[^\n:.]{0,80}"
    r"\b(?:words?|list|order|result|sequence|answer)\b[^\n:.]{0,40}?(?:\b(?:are|is)\b(?!\s(?:now\s)?(?:sorted|listed|ordered|arranged|in)\b)|:)(?:\s?:)?\s{1,3}(?=\S)",
    re.IGNORECASE,
)
_TITLED = re.compile(r"[^\n:]{0,60}:\s{1,3}")
# A list as Python writes it.
_IN_CODE = re.compile(
    r"[`*\s]{0,4}(?:\w{1,20}\s?=\s?)?\[(?P<entries>\s{0,3}(?P<quote>[\"'])[\w&' -]{1,60}(?P=quote)"
    r"(?:\s?,\s{0,3}(?P=quote)[\w&' -]{1,60}(?P=quote)){1,200}\s{0,3})\][`*\s.]{0,4}"
)
# "| 1 | ape |"
_ROW = re.compile(
    r"^[ \t]{0,8}\|[ \t]{0,8}(?:[0-9]{1,3}[ \t]{0,8}\|[ \t]{0,8})?([\w&'-]{1,60})[ \t]{0,8}\|[ \t]{0,8}$", re.MULTILINE
)
_FEWEST = 2
_LIST_END = re.compile(r"[.!?]\s{1,3}|\s{0,3}\n\s{0,3}")
# "I sorted the words alphabetically.", behind a list
_REMARK = re.compile(
    r"(?=[A-Z][\w']{0,20} [a-z])(?=[^:]{0,300}\b(?:I|we|you|is|are|was|were|this|that|these|the|it|them|in|has|have)\b)"
    r"[^:]{4,300}\Z"
)
# "ape, bat and cat", "ape, bat, and cat": behind words between commas, an "and" before the last joins it to them
_AND_LAST = re.compile(r"(?P<before>,[^,]{1,80}?),?\sand\s{1,3}(?=[^\s,]{1,60}\W{0,3}\Z)")
_AND_OF_TWO = re.compile(r",\s{0,3}and\s{1,3}(?=[^\s,]{1,60}\W{0,3}\Z)")
_ENDS_TRIED = 400
_OF_SENTENCES = frozenset(
    ("the", "a", "to", "is", "are", "of", "not", "cannot", "it", "this", "be", "in", "sort", "you")
)


class Words(Format):
    """A word list: separated by spaces, commas, dashes or lines, numbered or not."""

    name = "words"
    free = True
    instruction = (
        "End with all the words in order, separated by spaces, written as <answer>first second third</answer>."
    )
    longest = 5_000

    def clause(self, after: str) -> str:
        """Return what follows "answer is" on its line, or else the list below it: marked entries, or a word a line."""
        return _listed(after[: self.longest]) or passages.sentence(after)

    def parse(self, passage: str) -> str | None:
        """Return the words of a passage, or None where it is not made of words."""
        passage = passages.bare(passages.unwrapped(html.unescape(passage).replace("\\&", "&")).replace("\u00a0", " "))
        while announced := _ANNOUNCED.match(passage) or _TITLED.match(passage):
            passage = passage[announced.end() :]
        if "..." in passage or "\u2026" in passage:
            return None
        passage = re.sub(r"\s\([^()]{0,80}\)\W{0,3}\Z", "", passage)
        passage = re.sub(r"(,\s{0,3}|\s)then\s{1,3}", ", ", passage) if passage.count(" then ") > 1 else passage
        passage = _LETTERED.sub(" ", passage) if len(_LETTERED.findall(passage)) > 1 else passage
        passage = _INLINE_NUMBER.sub(" ", _BULLET.sub("", passage))
        if "," in passage:
            passage = _AND_LAST.sub(r"\g<before>, ", _AND_OF_TWO.sub(", ", passage))
        words = [_stripped(word) for word in _BETWEEN.split(passage)]
        words = [word for word in words if word.strip("-&'")]
        if not words or not all(_WORD.fullmatch(word) for word in words) or _ANNOUNCED.match(" ".join(words)):
            return None
        return " ".join(words)

    def instead(self, said: str, answer: str) -> str | None:
        """Return a list that has all the words of the one that it takes the place of."""
        listed = self.parse(said)
        return listed if listed and set(answer.split()) <= set(listed.split()) else None

    def last_resort(self, text: str) -> str | None:
        """Return the list that closes a text, announced by a colon or by its sentence, or the bare list that it is."""
        if passages.unfinished(text[-80:]):
            return None
        if rows := _rows(text):
            return self.parse(rows)
        if below := _below_heading(text, self.longest):
            return self._closing(below)
        announced, colon, after = text.rstrip().rpartition(":")
        title = passages.last_line(announced)[-200:]
        if colon and len(after) <= self.longest and (_LISTS.search(title) or _names_one(title, after)):
            return self._closing(after)
        line = passages.last_line(text)
        if len(line) <= self.longest and (match := _ANNOUNCED.match(line)) and _LISTS.search(match.group()):
            return self._closing(line[match.end() :])
        return self._bare(text.strip())

    def opening(self, text: str) -> str | None:  # noqa: ARG002 - a first line of words is a sentence
        """Return nothing: a line of words above others is no answer."""
        return None

    def key(self, answer: str) -> str:
        """Return the words in lower case with single spaces, which gold may have commas for."""
        return passages.without_subject(" ".join(passages.plain(answer).casefold().replace(",", " ").split()))

    def _closing(self, after: str) -> str | None:
        """Return the list that follows its announcement, perhaps with a remark on it behind it."""
        after = _INLINE_NUMBER.sub(" ", _BULLET.sub("", (_listed(after) or after).strip()))
        for end in islice(_LIST_END.finditer(after), _ENDS_TRIED):
            rest = after[end.end() :]
            if _REMARK.match(rest) and not takes_back(rest):
                listed = self.parse(after[: end.start()])
                return None if listed is None or _speaks_of(rest, listed) else listed
        return None if re.search(r"[.!?]\s", after) else self.parse(after)

    def _bare(self, text: str) -> str | None:
        """Return the words that a whole text consists of, where they stand without a sentence's marks and capitals."""
        if _listed(text) and _listed(text).strip() == text.strip():
            return self.parse(text)
        if quoted := _IN_CODE.fullmatch(passages.last_line(text)):
            return self.parse(quoted["entries"])
        if len(_INLINE_NUMBER.findall(text)) >= _FEWEST and _INLINE_NUMBER.match(text):
            text = _INLINE_NUMBER.sub("", text)
        text = passages.bare(text).strip("[]").removesuffix(".")
        words = re.sub(r"\s(?:[<>]|[-=]>|\u2192)\s|\|", " ", text).split()
        return self.parse(text) if len(words) >= _FEWEST and all(map(_is_plain, words)) else None


def _speaks_of(remark: str, listed: str) -> bool:
    """Return whether a remark names a word of the list: it may move that word to another place."""
    return not set(listed.casefold().split()).isdisjoint(_WORD.findall(remark.casefold()))


def _listed(text: str) -> str:
    """Return the list that a text opens with, entries with marks or lines of one word, or an empty string."""
    lines = text.strip("\n").split("\n")
    while lines and not lines[0].strip():
        lines.pop(0)
    for entry in (re.compile(rf"{_MARK}\S"), re.compile(r"\s{0,8}[\w&'-]{1,60}[,.]?\s{0,8}\Z")):
        taken = []
        for line in lines:
            if not entry.match(line):
                break
            taken.append(line)
        if len(taken) >= _FEWEST:
            return "\n".join(taken)
    return ""


def _names_one(title: str, below: str) -> bool:
    """Return whether a title names the sorted list, however loosely, and what stands below it looks like one."""
    title = (passages.sentences(title) or [""])[-1]
    named = _LISTS.search(title) or _ORDERED.search(title)
    return named is not None and _OTHER_LIST.search(title) is None and _looks_listed(below)


def _below_heading(text: str, longest: int) -> str:
    """Return the list below the last heading that names one, or an empty string."""
    lines = text[-longest:].rstrip().split("\n")
    for at in range(len(lines) - 2, -1, -1):
        if lines[at].lstrip().startswith("#") or (_HEADING.fullmatch(lines[at]) and _LISTS.search(lines[at])):
            below = "\n".join(lines[at + 1 :])
            return below if _HEADING.fullmatch(lines[at]) and _names_one(lines[at], below) else ""
    return ""


def _looks_listed(text: str) -> bool:
    """Return whether a text opens with a list: marked entries, a word a line, or words that make no sentence."""
    if entries := _listed(text):
        return all(len(_BULLET.sub("", entry).split()) == 1 for entry in entries.split("\n"))
    line = _INLINE_NUMBER.sub("", passages.first_line(text))
    line = passages.bare(_LIST_END.split(line, maxsplit=1)[0].strip("[]")).removesuffix(".")
    parts = [part.removeprefix("and ") for part in re.split(r"\s?[,<>|\u2192]\s?", line)]
    if len(parts) > 1 and all(_WORD.fullmatch(part.strip(_AROUND)) for part in parts):
        return True
    words = line.split()
    return len(words) >= _FEWEST and all(_is_plain(word) for word in words)


def _is_plain(word: str) -> bool:
    """Return whether a word may stand in a bare list: in lower case, and none that sentences are made of."""
    return re.fullmatch(r"[a-z][a-z'&-]*,?", word) is not None and word not in _OF_SENTENCES


def _rows(text: str) -> str:
    """Return the words of the table that closes a text, a line each, or an empty string."""
    taken: list[str] = []
    for line in reversed(text.rstrip().split("\n")):
        row = _ROW.fullmatch(line)
        if row is None or not row.group(1).strip("-"):
            break
        taken.append(row.group(1))
    return "\n".join(reversed(taken)) if len(taken) >= _FEWEST else ""


def _stripped(word: str) -> str:
    """Return a word without the marks around it; an apostrophe inside it stays."""
    return word.strip(_AROUND).strip("'").strip(_AROUND).casefold()
