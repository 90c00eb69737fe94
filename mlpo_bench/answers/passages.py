r"""Small readings of text that every format shares: plain characters, thoughts, markup, lines and sentences.

Every function here takes time linear in the text, whatever it holds: patterns repeat only within small bounds.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING

from mlpo_bench.answers import layout
from mlpo_bench.answers.template_marks import without_marks
from mlpo_bench.answers.thoughts import without_thoughts


if TYPE_CHECKING:
    from collections.abc import Iterator


_READ_TO = 200_000
RIGHT_MARKS = "\u2705\u2714\u2713\u2611"
WRONG_MARKS = "\u274c\u2717\u2718\u2716\u274e\u2612"
_FULL_WIDTH = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}  # digits, letters, colon, brackets
_PLAIN = str.maketrans(
    _FULL_WIDTH
    | dict.fromkeys(map(ord, "\u2018\u2019\u201b\u2032"), "'")
    | dict.fromkeys(map(ord, "\u201c\u201d\u201f\u2033"), '"')
    | dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d"), "-")
    | dict.fromkeys(map(ord, "\u00a0\u2002\u2003\u2009\u202f\u3000"), " ")
    | dict.fromkeys(map(ord, "\u200b\u200c\u200d\ufeff"), "")
    | {0x3002: ". ", 0x3001: ", ", 0x2234: "So "}
)
_BOXES_TRIED = 20
_PICTURE = rf"[{RIGHT_MARKS}\u27a1\u25b6\u2b50\u2728\U0001f300-\U0001faff]"
_ADORNED = re.compile(rf"\A\s{{0,8}}(?:(?:{_PICTURE}|\u2192|\u21d2|[-=]>)\ufe0f?\s{{0,4}}){{1,4}}")
_ADORNED_END = re.compile(rf"(?:\s{{0,4}}(?:{_PICTURE}|\u220e|\u25a0|\u25a1)\ufe0f?){{1,4}}\s{{0,4}}\Z")

_FENCE = re.compile(r"^[ \t]{0,8}(?:```|~~~)[\w+-]{0,20}[ \t]{0,8}$", re.MULTILINE)
_BOLD = re.compile(r"(?<![\w*])\*\*(?=\S)([^*\n]{1,2000})(?<=\S)\*\*(?![\w*])")
_ITALIC = re.compile(r"(?<![\w*)\]}])\*(?=[^\s*])([^*\n]{1,2000})(?<=\S)\*(?![\w*(\[{])")
_BOX = re.compile(
    r"\\(?:boxed|fbox|framebox)\s{0,3}(?:\{|(?P<number>-?[0-9][0-9.,/]{0,40}(?<![.,/]))"
    r"(?![0-9]|,?\s?(?:\.\.|\\[lc]?dots)))"  # "10, ..." goes on
)
_FORMULA_END = re.compile(r"\$|\\[)\]]|\n|</")
_SENTENCE_END = re.compile(
    r"[.!?](?=[\s*_\"')(\]$]{1,4}(?:[A-Z\s\u2705\u2714\u2713\u274c\u2717\u2718\U0001f300-\U0001faff]|<[a-z]|\\(?:boxed|fbox))|[\s*_]{0,4}$)|\?(?=\s[0-9$\\-])"
)
_CONCLUSION = re.compile(
    r"[\W_]{0,8}(?:(?:and|so|in)\s)?"
    r"(?:therefore|thus|so|hence|finally|final|in conclusion|conclusion|result|overall|consequently|total|in total"
    r"|it follows|we (?:conclude|get|have|find|obtain|see)|giving|\u56e0\u6b64|\u6240\u4ee5|\u603b\u5171"
    r"|by (?:process of )?elimination|which means|that leaves|which leaves)(?:\b|(?=[^\x00-\x7f]))",
    re.IGNORECASE,
)
_CLOSING_WORDS = re.compile(
    r"[\W_]{0,8}(?:i hope|hope this|hope that|let me know|feel free|please let|thank|if you (?:have|need|would)"
    r"|(?:the|these|all(?: the)?) (?:words|entries) are (?:now )?(?:sorted|listed|ordered|arranged|in)\b"
    r"(?![^.\n]{0,80}:)"
    r"|(?:these|those) are (?:all )?the (?:sorted )?words in\b(?![^.\n]{0,80}:)"
    r"|good luck|happy to help|remember to|these are (?:in|now)|is there anything)\b",
    re.IGNORECASE,
)
_REASON = re.compile(
    r",?\s+(?:because|since|as|for|which|where|so|given|when|due to|i\.e|that is|and that|making|giving)\b"
    r"|\s+[-\u2014]\s+(?=[A-Za-z])|\s*\u2014|;|,\snot\b|,?\s(?:rather than|instead of)\b"
)


def plain(text: str) -> str:
    """Return the end of a text with typographic quotes, hyphens, spaces and full-width signs made ASCII."""
    return text[-_READ_TO:].translate(_PLAIN)


def prepared(text: str) -> str:
    """Return a text as every reader gets it: plain, without thoughts, a template's marks, code fences and emphasis."""
    text = without_marks(without_thoughts(plain(text)))
    return unemphasised(_FENCE.sub("", text))


def unemphasised(text: str) -> str:
    """Return a text without Markdown's bold and italic; `9**9**9` is none."""
    return _ITALIC.sub(r"\1", _BOLD.sub(r"\1", text))


def boxes(text: str) -> Iterator[tuple[int, int, str]]:
    r"""Yield start, end and content of the last closed `\boxed{}` and `\fbox{}`, the last one first.

    A number may stand there without braces, `\boxed 6`: TeX would box its first digit, the writer means all of it.
    """
    for box in reversed(deque(_BOX.finditer(text), maxlen=_BOXES_TRIED)):
        if box.group()[-1] != "{":
            yield box.start(), box.end(), box["number"]
            continue
        content = to_closing_brace(text, box.end())
        if content is not None and content.strip():
            yield box.start(), box.end() + len(content) + 1, content.strip()


def open_box(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the last box where its writer never closed it: what is in it up to the end of its formula or line."""
    last = deque(_BOX.finditer(text), maxlen=1)
    if not last or last[0].group()[-1] != "{" or to_closing_brace(text, last[0].end()) is not None:
        return
    content = _FORMULA_END.split(text[last[0].end() :][:_READ_TO], maxsplit=1)[0].rstrip(" .")
    # A quotation of the command goes on with words.
    if content.strip() and not re.search(r"(?:,|\.\.|\u2026|dots)\s?\Z|(?<![\\a-zA-Z])[a-z]{2,}\s[a-z]{2,}", content):
        yield last[0].start(), last[0].end() + len(content), content.strip()


def to_closing_brace(text: str, start: int) -> str | None:
    r"""Return the text from `start` to the brace that closes the one before it; `\{` and `\}` are no braces."""
    depth, at = 1, start
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 1
        elif character in "{}":
            depth += 1 if character == "{" else -1
            if depth == 0:
                return text[start:at]
        at += 1
    return None


def lower(text: str) -> str:
    """Return a text in lower case, as long as before; what a pattern blind to case takes for s or i becomes one."""
    lowered = text.replace("\u017f", "s").replace("\u0131", "i").replace("\u0130", "i").lower()
    return lowered if len(lowered) == len(text) else text


def sentence(text: str) -> str:
    """Return the first sentence of a text's first line, without its full stop."""
    line = first_line(text)
    end = _SENTENCE_END.search(line)
    return line[: end.start()].strip() if end else line


def sentences(line: str) -> list[str]:
    """Return the sentences of a line, each with the mark that ends it."""
    pieces, start = [], 0
    for end in _SENTENCE_END.finditer(line):
        pieces.append(line[start : end.end()].strip())
        start = end.end()
    pieces.append(line[start:].strip())
    return [one for one in pieces if one.strip("*_\"' ")]


def sentence_start(text: str, at: int) -> int:
    """Return where the sentence (or line) that holds position `at` begins, looking back at most 400 characters.

    Right behind the end of a sentence that is the beginning of this one.
    """
    start = max(0, at - 400)
    before = text[start:at]
    line = before.rfind("\n") + 1
    ends = [end.end() for end in deque(_SENTENCE_END.finditer(before, line), maxlen=2)]
    return start + max((end for end in ends if end < len(before.rstrip())), default=line)


def without_last_sentence(text: str) -> str:
    """Return a text without the sentence (or line) that it ends in; of a long one, without its last characters."""
    text = text.rstrip()
    return text[: sentence_start(text, len(text))].rstrip()


def before_reason(text: str) -> str:
    """Return a clause up to the words that begin a reason or an aside: `because`, `since`, `which`, a dash."""
    reason = _REASON.search(text)
    return text[: reason.start()].strip(" ,") if reason and reason.start() else text


def first_line(text: str) -> str:
    """Return the first line that is not blank, or an empty string."""
    return text.lstrip()[:_READ_TO].partition("\n")[0].strip()


def last_line(text: str) -> str:
    """Return the last line that is not blank, or an empty string."""
    return text.rstrip().rpartition("\n")[2].strip()


def unadorned(line: str) -> str:
    """Return a line without the check marks, arrows and pictures at its ends; a cross at its beginning stays."""
    return _ADORNED_END.sub("", _ADORNED.sub("", line))


def without_closing_words(text: str) -> str:
    """Return a text without the lines and sentences of courtesy that end it: "I hope this helps"."""
    for _ in range(4):
        text = text.rstrip()
        line = last_line(text)
        if len(line) > 1_000:  # noqa: PLR2004 - courtesy is short
            break
        parts = sentences(line)
        if not parts or not _CLOSING_WORDS.match(parts[-1]):
            break
        text = text[: text.rindex(parts[-1])]
    return text


# "The day is Friday" says Friday.
_OF_SUBJECT = re.compile(
    r"\A(?:so\s|that\s){0,2}(?:the|our)\s(?:day|date|month|year|weekday|word|name|city|country|colou?r|number|person|winner)"
    r"(?:\sof\sthe\sweek)?\s(?:is|was|would\sbe)\s(?=\S{1,40}(?:\s\S{1,40}){0,3}\s?\Z)",
    re.IGNORECASE,
)


def without_subject(text: str) -> str:
    """Return what a short text says of a day, a name or the like, without the words for what it is said of."""
    return _OF_SUBJECT.sub("", text)


_UNFINISHED = re.compile(
    r"(?:[,;*+/=(\u00d7\u00f7]|\b(?:the|a|an|of|and|or|to|is|are|was|that|which|with|for|in|by|so|then|as|we|i|but|at|on|from|if|it|its|be"
    r"|this|these|because|since|not|have|has|must|would|will|can))\s{0,3}\Z",
    re.IGNORECASE,
)
_SO = re.compile(
    r"[,;]\s(?=(?:and\s)?(?:so|therefore|thus|hence|which (?:means|gives|leaves|makes)|that leaves"
    r"|we (?:have|get|find|obtain))\b)",
    re.IGNORECASE,
)


def unfinished(line: str) -> bool:
    """Return whether a line breaks off: behind a comma, or a word that cannot end a sentence."""
    return _UNFINISHED.search(line) is not None


def conclusion_of(sentence: str) -> str:
    """Return the part of a sentence that begins with its last "so", "therefore" or "which leaves", or all of it."""
    return _SO.split(sentence)[-1]


def concludes(line: str) -> bool:
    """Return whether a line opens as a conclusion does: "Therefore", "So", "Thus"."""
    return _CONCLUSION.match(line) is not None


def closes_apart(text: str, at: int) -> bool:
    """Return whether a text closes on a line of its own behind position `at`, or with a conclusion."""
    behind = text[at:].strip()
    return "\n" in behind or concludes(["", *sentences(behind)][-1])


def bare(text: str) -> str:
    r"""Return a passage without the markup around it: Markdown, quotes, dollars, `\( \)`, `\text{}`, boxes."""
    previous = None
    while previous != text:
        previous = text
        text = text.strip().strip("*_`\"'$\u2705\u2714\u2713\u2611\ufe0f").strip()
        text = re.sub(r"\A\\[\(\[](.{0,2000}?)\\[\)\]]\Z", r"\1", text, flags=re.DOTALL)
        text = re.sub(
            rf"\A\\(?:boxed|fbox|ensuremath|{layout.FONT})\s?\{{([^{{}}]{{0,2000}}?)\}}\Z", r"\1", text, flags=re.DOTALL
        )
    return text


_WRAPPED = re.compile(rf"\\(?:{layout.FONT}|ensuremath|mathbb|bf)\s?\{{([^{{}}]{{0,2000}})\}}")


def unwrapped(text: str) -> str:
    r"""Return a passage with `\text{...}` and its kin replaced by what they hold, and LaTeX's layout by spaces."""
    text, previous = layout.unset(text), None
    while previous != text:
        previous = text
        text = _WRAPPED.sub(r"\1", text)
    return text


_LIST_MARK = re.compile(r"\s{0,8}\(?([0-9]{1,3})[.)]?(?:\s|\Z)")


def continues_a_list(text: str) -> bool:
    """Return whether the last line is the next number of a list, or the first behind a colon."""
    *before, line = ["", *[one for one in text.rstrip()[-4_000:].split("\n") if one.strip()]]
    mark = re.fullmatch(r"\s{0,8}\(?([0-9]{1,3})([.)]?)\s{0,4}", line)
    if mark is None:
        return False
    if mark.group(1) == "1" and mark.group(2):
        return before[-1].rstrip("*_ ").endswith(":")
    marks = [match.group(1) for one in before if (match := _LIST_MARK.match(one))]
    following = int(marks[-1]) + 1 if marks else 0
    return bool(marks) and (
        int(mark.group(1)) == following or (bool(mark.group(2)) and int(mark.group(1)) <= following + 2)
    )
