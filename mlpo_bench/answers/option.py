"""The letter of an option, canonically `(B)`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlpo_bench.answers import declarations, judgements, letters, passages
from mlpo_bench.answers.format import Format


if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlpo_bench.answers.declared import Declared


_SHORT = 80
_OF_PEERS = re.compile(r"[\W_]{0,8}(?:consensus|majority)\b", re.IGNORECASE)


class Option(Format):
    """A letter, as `(B)`.

    A letter alone counts only where it cannot be a word or a variable: "A dog" and "A = 36" name no option. Where
    several options are named with nothing to tell which is meant, none is. Letters go to R, the most that a question
    offers, so the (X) of the instruction, echoed, is no answer. An option's own text, in full, stands for its letter.
    """

    name = "option"
    instruction = "End with the letter of the right option, written as <answer>(X)</answer>."

    def read(self, text: str, *, question: str = "", cut_off: bool = False) -> str | None:
        """Return the option that a text names; else one whose letter and text make up its first or its last line."""
        if (answer := super().read(text, question=question, cut_off=cut_off)) is not None or not question:
            return answer
        text = passages.prepared(text)
        first, _, rest = text.strip().partition("\n")
        named = [listed.group(1) for line in text.split("\n") if (listed := letters.ENTRY.match(line))]
        if len(named) > 1:  # a list of options, unless those below the first are the others
            apart = rest.startswith("\n") and named[0] not in named[1:] and letters.ENTRY.match(rest.strip()) is None
            return _entry_of(first, question) if apart else None
        lines = [first, *([] if cut_off else [passages.last_line(text)])]
        return next((entry for line in lines if (entry := _entry_of(line, question))), None)

    def declared(self, text: str) -> Iterator[Declared]:
        """Yield declarations; a line that begins with "A:" is an option's own."""
        yield from declarations.tagged(text)
        yield from declarations.boxed(text)
        yield from declarations.phrased(text, letter_a=False)

    def parse(self, passage: str) -> str | None:
        """Return the one option that a passage names."""
        passage = _without_lead_in(passages.bare(passages.unwrapped(letters.TWICE_BRACKETED.sub(r"(\1)", passage))))
        if value := letters.JSON_VALUE.match(passage):
            passage = value.group(1)
        if passage.startswith("either ") or (" " in passage and passages.unfinished(passage)):
            return None
        if negated := letters.NOT.match(passage):
            return self.parse(negated.group("but")) if negated.group("but") else _only(passage[negated.end() :])
        if stated := letters.STATED.match(passage) or letters.NAMED_AFTER.match(passage):
            return self._stated(passage, stated)
        return self.conclusion(passage) or _only(passage)

    def _stated(self, passage: str, stated: re.Match[str]) -> str | None:
        """Return the letter that a passage opens with, unless another one is joined to it or it is a word."""
        letter = next(filter(None, stated.groups()))
        if letters.ANOTHER.match(passage, stated.end(stated.lastgroup or 0)) or letters.ANOTHER.match(
            passage, stated.end()
        ):
            return self.conclusion(passage.rpartition(" but ")[2]) if " but " in passage else None
        left_open = _left_open(passage, letter) or _is_a_word(letter, passage, stated)
        return None if left_open else _canonical(letter)

    def by_question(self, passage: str, question: str) -> str | None:
        """Return the letter of the option whose whole text a passage says."""
        whole = _without_lead_in(passages.bare(passages.unwrapped(passage)))
        without_reason = re.sub(r"\s\([^()]{0,200}\)\Z", "", passages.before_reason(whole))
        for said in map(_words, (whole, without_reason)):
            alike = [letter for letter, text in offered(question) if said and _words(text) == said]
            if alike:
                return _canonical(alike[0]) if len(alike) == 1 else None
        return None

    def conclusion(self, sentence: str) -> str | None:
        """Return the option that a sentence chooses, or the only one that a concluding sentence names."""
        if sentence.rstrip("*_ ").endswith("?") or letters.UNDECIDED.search(sentence):
            return None
        if left := letters.ALL_BUT.search(sentence):
            return _canonical(re.sub(r"[^A-Za-z]", "", left["at"] or left["left"]))
        sentence = letters.CHOSEN_FROM.sub("", sentence)
        kept = letters.RULED_OUT.sub(" ", sentence)
        for pattern in letters.CONCLUDING:
            said = [match for match in pattern.finditer(kept) if not declarations.denied(kept[: match.start("at")])]
            chosen = {re.sub(r"[^A-Za-z]", "", match["at"]).upper() for match in said}
            if len(chosen) == 1 and not _several(kept, chosen) and not _left_open(kept, *chosen):
                return _canonical(chosen.pop())
        if letters.DENYING.search(kept):
            return None
        return _only(kept) if passages.concludes(kept) and kept.rstrip().endswith((".", "!", ")", "*", '"')) else None

    def alone(self, line: str) -> str | None:
        """Return the option that a line names and nothing else."""
        if line.startswith(("\\", "$\\")):  # \textbf{B}
            line = passages.unwrapped(line)
        if match := letters.ALONE.fullmatch(line):
            return _canonical(match.group(1) or match.group(2))
        if match := letters.BRACKETED_ALONE.fullmatch(line):
            return _canonical(match.group(1) or match.group(2))
        return None

    def last_resort(self, text: str) -> str | None:
        """Return the option that the closing line names, unless that line is an entry of a list of options."""
        before, _, line = text.strip().rpartition("\n")
        if re.fullmatch(r"[A-Rb-hj-r]", text.strip()):
            return _canonical(text.strip())
        if judged := judgements.judged_right(text):
            return _canonical(judged)
        *earlier, last = passages.sentences(line) or [""]
        crossed = line.lstrip(" *_->").startswith(tuple(passages.WRONG_MARKS))
        if (
            crossed
            or _one_of_a_list(before, line)
            or (self.alone(last) and letters.IN_BRACKETS.search(" ".join(earlier)))
        ):
            return None
        return super().last_resort(text) or _named_last(text, last) or _closing_entry(before, passages.unadorned(line))

    def opening(self, text: str) -> str | None:
        """Return the option that the first line consists of, or that it names with its text: "B. Tallinn"."""
        first, _, rest = text.strip().partition("\n")
        one = letters.ONE_ENTRY.fullmatch(first.strip())
        if (
            one
            and (one["letter"] or "") not in {"A", "a", ""}
            and not letters.JUDGED.search(one["text"])
            and rest.startswith("\n")
        ):
            return None if any(map(letters.ENTRY.match, rest.split("\n"))) else _canonical(one["letter"])
        # A leader may go on to say why it is not what its peers agree on.
        return None if _OF_PEERS.match(first) else super().opening(text)

    def key(self, answer: str) -> str:
        """Return the letter alone."""
        return answer.strip("() .").upper()


def _named_last(text: str, last: str) -> str | None:
    """Return the option whose name and letter a last sentence ends with, where none is named right before it."""
    before = "\n".join(text.strip().removesuffix(last).rstrip().split("\n")[-2:])[-400:]
    named = letters.NAMED_AT_END.fullmatch(last)
    if named is None or any(one.search(last) for one in (letters.UNDECIDED, letters.DENYING)):
        return None
    return None if letters.IN_BRACKETS.search(before) else _canonical(named["at"])


def _closing_entry(before: str, line: str) -> str | None:
    """Return the option that the only entry of a text writes out: announced by a colon, set apart, or all there is."""
    if any(map(letters.ENTRY.match, before.split("\n"))):
        return None
    apart = before.endswith("\n") and len(line) <= _SHORT and re.match(r"\([A-R]\)\s[^a-z]", line)
    one = (
        letters.ONE_ENTRY.fullmatch(line.strip())
        if apart or not before or passages.last_line(before).endswith(":")
        else None
    )
    return _canonical(one["letter"] or one["bare"]) if one and not letters.JUDGED.search(one["text"]) else None


def _one_of_a_list(before: str, line: str) -> bool:
    """Return whether a line is an entry among options that are listed, or the first of those that were announced."""
    above = passages.last_line(before)
    if re.search(r"\b(?:each|every|all|options|choices)\b[^:\n]{0,60}:\Z", above) and len(line.strip()) == 1:
        return True
    return letters.ENTRY.match(line) is not None and letters.ENTRY.match(above) is not None


def offered(question: str) -> list[tuple[str, str]]:
    """Return the options that a question offers below the line "Options:", each with its letter."""
    _, head, listed = question.rpartition("Options:\n")
    if not head:
        return []
    return re.findall(r"^\(([A-R])\)\s{0,3}(\S[^\n]{0,2000})$", listed, re.MULTILINE)


def _entry_of(line: str, question: str) -> str | None:
    """Return the option that a line writes out as the question offers it: "(B) Tallinn", "B. Tallinn"."""
    if alone := [letter for letter, text in offered(question) if _words(text) == _words(line)]:
        return _canonical(alone[0]) if len(alone) == 1 else None
    entry = letters.ONE_ENTRY.fullmatch(line)
    if entry is None:
        return None
    letter = (entry["letter"] or entry["bare"]).upper()
    return (
        _canonical(letter)
        if (letter, _words(entry["text"])) in [(o, _words(t)) for o, t in offered(question)]
        else None
    )


def _words(text: str) -> str:
    """Return a text as options are compared: in lower case, without marks around it and with single spaces."""
    said = " ".join(passages.bare(text.strip().strip(".,;:!")).casefold().split())
    return re.sub(r"\A(?:an?|the)\s", "", said)


def _without_lead_in(passage: str) -> str:
    """Return a passage without words such as "I think it is" or "the correct option is" before the letter."""
    lead_in = letters.LEAD_IN.match(passage)
    return passage[lead_in.end() :].lstrip() if lead_in and lead_in.end() < len(passage) else passage


def _is_a_word(letter: str, passage: str, stated: re.Match[str]) -> bool:
    """Return whether a letter is the pronoun or the article rather than an option."""
    bracketed = "inside" in stated.groupdict() and stated["inside"]
    if bracketed:
        return False
    rest = passage[stated.end() :].strip()
    if letter in "Ii":
        return bool(rest.strip(".*_ )"))
    return letter.islower() and bool(rest.strip(" .*_)")) and not re.match(r"[.):]|because|since", rest)


def _several(sentence: str, chosen: set[str]) -> bool:
    """Return whether a sentence joins the chosen letter to another by "or" or "and"."""
    letter = next(iter(chosen))
    perhaps = r"(?:(?:maybe|perhaps|possibly|probably|also|even)\s)?"
    before = rf"\b[A-R]\b[)\]]?,?\s?(?:or|and|/)\s?{perhaps}[(\[]?{letter}\b"
    behind = rf"[(\[]?\b{letter}\b[)\]]?,?\s?\(?(?:,|or|and|/)\s?{perhaps}[(\[]?[A-R]\b[)\]]?(?!\w)"
    return re.search(f"{before}|{behind}", sentence) is not None


def _left_open(sentence: str, chosen: str) -> bool:
    """Return whether a sentence says of another letter than the chosen one that it may be as right."""
    return any(chosen.upper() not in "".join(named).upper() for named in letters.OPEN.findall(sentence))


def _only(passage: str) -> str | None:
    """Return the only option in brackets, or called an option, that a passage names and does not rule out."""
    kept = letters.RULED_OUT.sub(" ", passage)
    named = {*letters.IN_BRACKETS.findall(kept), *letters.NAMED.findall(kept)}
    return _canonical(named.pop()) if len(named) == 1 else None


def _canonical(letter: str) -> str:
    return f"({letter.upper()})"
