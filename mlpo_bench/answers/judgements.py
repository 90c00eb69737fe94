"""The option that a list judges right: by a word behind each letter, or by check marks and crosses.

Every pattern repeats only within small bounds.
"""

from __future__ import annotations

import re

from mlpo_bench.answers.passages import RIGHT_MARKS, WRONG_MARKS


_MARK = rf"[{RIGHT_MARKS}{WRONG_MARKS}]"
_BEFORE = rf"[ \t*_>|-]{{0,8}}(?:{_MARK}\ufe0f?[ \t*_]{{0,4}})?(?:[Oo]ption\s)?"
_ENTRY = re.compile(
    rf"{_BEFORE}(?:\((?P<inside>[A-R])\)[:.]?|(?P<letter>[A-R])(?:[).:]|(?=[*_ \t|]{{0,6}}(?:{_MARK}|-\s|\u2014))))"
    r"(?P<text>[^\n]{0,300})"
)
_WORDS = r"(?P<right>correct|right|true|yes)|(?P<wrong>incorrect|wrong|false|not\s\w{2,12}|no)"
_IN_WORDS = re.compile(
    rf"[^\n]{{0,280}}(?:\s-|\u2014|:)\s{{0,2}}[*_(]{{0,3}}(?:{_WORDS})[*_.!)\s]{{0,4}}", re.IGNORECASE
)
# A line that says no more than what its letter is: "C is correct".
_IS = re.compile(
    rf"[*_\-\s]{{0,6}}(?:option\s)?\(?(?P<letter>[A-R])[).:]{{0,2}}[*_]{{0,2}}\s(?:is\s|-\s|\u2014\s)?(?:{_WORDS})[*_.!\s]{{0,4}}",
    re.IGNORECASE,
)
# "| D | Oslo | **Correct** |"
_ROW = re.compile(r"[ \t]{0,4}\|[ \t*_(]{0,6}(?P<letter>[A-R])[.:)*_ \t]{0,6}\|(?P<cells>[^\n]{1,600})\|[ \t]{0,4}")
_CELL = re.compile(rf"[ \t*_]{{0,6}}(?:{_MARK}\ufe0f?[ \t*_]{{0,4}})?(?:{_WORDS})[*_.! \t]{{0,6}}", re.IGNORECASE)
_YES_AND_NO = 2


def judged_right(text: str) -> str | None:
    """Return the one letter that is judged right where the closing lines are a list that judges; else None."""
    verdicts: dict[str, bool | None] = {}
    marked = False
    for line in reversed(text.strip().split("\n")):
        if not line.strip():
            continue
        entry = _ROW.fullmatch(line) or _IS.fullmatch(line) or _ENTRY.fullmatch(line.rstrip())
        if entry is None:
            break
        named = entry.groupdict()
        letter = str(named.get("letter") or named["inside"]).upper()
        if letter in verdicts:
            return None
        marks = {mark in RIGHT_MARKS for mark in re.findall(_MARK, line)}
        marked = marked or bool(marks)
        verdicts[letter] = (marks.pop() if len(marks) == 1 else None) if marks else _in_words(entry)
    right = [letter for letter, verdict in verdicts.items() if verdict]
    # Options may be words that judge: "A. Yes", "B. No". What has check marks need not mark all that is wrong.
    told = marked or (None not in verdicts.values() and not _are_words(text, len(verdicts)))
    return right[0] if told and len(verdicts) > 1 and len(right) == 1 else None


def _in_words(entry: re.Match[str]) -> bool | None:
    """Return what the last word of an entry says of it, or None where it says nothing."""
    if entry.re is _ROW:
        judged = {bool(cell["right"]) for cell in map(_CELL.fullmatch, entry["cells"].split("|")) if cell}
        return judged.pop() if len(judged) == 1 else None
    said = entry if "right" in entry.groupdict() else _IN_WORDS.fullmatch(entry["text"])
    return bool(said["right"]) if said else None


def _are_words(text: str, entries: int) -> bool:
    """Return whether two entries are themselves a yes and a no."""
    last = text.rstrip().rpartition("\n")[2]
    return (
        entries == _YES_AND_NO
        and re.search(r"[A-R][).:]{0,2}[*_]{0,2}\s(?:\|\s)?(?:yes|no|true|false)\b", last, re.IGNORECASE) is not None
    )
