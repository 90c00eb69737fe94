"""The letter of an option, canonically `(B)`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlpo_bench.answers import declarations, passages
from mlpo_bench.answers.format import Format


if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlpo_bench.answers.declarations import Declared


_NOUN = (
    r"(?:(?:the\s)?(?:(?:final|correct|right|best|only|remaining|valid|possible|likely|chosen)\s){0,3}"
    r"(?:option|choice|letter|answer|statement)s?)"
)
_MARKUP = r"[*_`\"'$\s]{0,4}"
_BRACKETED = r"[(\[{]\s?[A-Ra-r]\s?[)\]}]"
# A letter without brackets counts as written, and only before what may follow one: A and I are words, too.
_LETTER = (
    rf"{_MARKUP}(?:{_BRACKETED}|(?-i:[A-HJ-R])(?=[*_`\"'$)\]]{{0,4}}\s{{0,2}}(?:\Z|[.,;:!?\n\u2014]|-\s"
    r"|(?:is|are|must|seems|fits|works|matches|holds|remains|stands|follows|because|since|over|cannot|and|or|nor|was)\b)))"
)
_LEAD_IN = re.compile(
    rf"(?:{_NOUN}\s?(?:is|would be|must be|should be|:)?\s?:?\s?"
    r"|(?:i\s(?:would\s)?(?:think|say|believe|guess|choose|pick|select|conclude)|i'd say|i am confident|i'm confident"
    r"|we (?:get|conclude|have))(?:\sthat)?\s?|that\s(?=it|the)|(?:it|this)(?:'s|\sis|\smust be|\sshould be)\s?"
    r"|(?:clearly|definitely|probably|likely|most likely|indeed|therefore|thus|so|simply|actually),?\s){1,4}",
    re.IGNORECASE,
)
_STATED = re.compile(
    r"[*_`\"'$]{0,4}"
    r"(?:[(\[{]\s?(?P<inside>[A-R])\s?[)\]}]"
    r"|(?P<alone>[A-R])(?=[*_`\"'$]{0,4}\s{0,3}(?:\Z|[.,:;)!?*\]}\n]|[-\u2014]\s|\("
    r"|because\b|since\b|as\b|which\b|and\b|or\b|&|/)))"
    r"[*_`\"'$]{0,4}",
    re.IGNORECASE,
)
# A letter and a name: "B Tallinn". A and I are words, too.
_NAMED_AFTER = re.compile(
    r"[*_`\"'$]{0,4}(?:(?P<alone>[B-HJ-R])[*_`\"'$]{0,4}\s(?=[\w\\$-])|(?P<article>A)[*_`\"'$]{0,4}\s(?=[A-Z0-9]))"
)
_ANOTHER = re.compile(
    r"[\s,;/&]{0,4}(?:and/or\b|and\b|or\b|\u8fd8\u662f|,|;|/|&)[\s*_]{0,4}(?:[(\[]\s?[A-R]\s?[)\]]|[A-R]\b(?!'|\s[a-z]))"
    r"|\s{0,3}[(\[][A-R][)\]]|\s{1,3}[A-R]\s{0,3}\Z"
)
_NOT = re.compile(
    r"(?:definitely\s|certainly\s)?(?:not|neither|n't|anything but|no longer|never|far from)\s"
    rf"{_NOUN}?\s?(?:{_BRACKETED}|[A-R]\b)"
    rf"(?P<others>(?:\s?(?:,|or|nor|and)\s?(?:{_BRACKETED}|[A-R]\b)){{0,17}})"
    rf"(?:\s?[,;]?\s?(?:but|rather)\s(?:rather\s|it is\s)?(?P<but>.{{1,200}}))?",
    re.IGNORECASE | re.DOTALL,
)
_TWICE_BRACKETED = re.compile(r"\[\[\s?([A-Ra-r])\s?\]\]")
_IN_BRACKETS = re.compile(r"\(([A-R])\)")
_NAMED = re.compile(
    r"\b(?:[Oo]ption|[Cc]hoice|[Ll]etter)(?:\sis)?[\s:]{1,3}[*_]{0,2}([A-R])"
    r"(?=[*_\s]{0,4}(?:\Z|[.,:;)]|is\b|because\b|since\b|as\b))"
)
_UNDECIDED = re.compile(r"\b(?:whether|look at|check|consider|examine|suppose|let me see|next)\b", re.IGNORECASE)
_RULED_OUT = re.compile(
    rf"(?:\bnot|\bneither|\bnor|n't|cannot be|\bcan't be|\bcan it be|\bexcept|\brules? out|\bruled out"
    r"|\bexcludes?|\beliminates?|\binstead of"
    rf"|\brather than|\bunlike)\s(?:be\s)?{_NOUN}?\s?{_LETTER}(?:\s?(?:,|or|nor|and)\s?{_LETTER}){{0,17}}"
    rf"|{_LETTER}\s(?:is|are|was|cannot be|must be)\s(?:also\s)?"
    r"(?:not|false|wrong|incorrect|ruled out|out|taken|impossible|excluded|eliminated)\b"
    rf"|{_LETTER}\s(?:cannot|can't|can not|could not|isn't|is not|does not|doesn't)\b"
)
_ENTRY = re.compile(r"[\s*_\-]{0,6}\(?[A-Z][).:]\s")
_ONE_ENTRY = re.compile(
    r"[*_`\s>-]{0,6}(?:(?:option|choice)\s(?=[A-R(]))?"
    r"(?:\(?(?P<letter>[A-Ra-r])\s?(?:[).:]\)?|-(?=\s))\s{1,3}|(?P<bare>[B-HJ-R])\s(?=[A-Z0-9]))(?P<text>\S[^\n]{0,300})",
    re.IGNORECASE,
)
# An entry of which something is said: "(A) is wrong", "A. Tartu lies inland", "(A) breaks clue one".
_JUDGED = re.compile(
    r"\b(?:not|isn't|cannot|can't|doesn't|breaks?|fails?|contradicts?|violates?|wrong|incorrect|false|ruled|eliminated"
    r"|impossible)\b|\([A-R]\)"
)
_JSON_VALUE = re.compile(r"\{\s?[\"']\w{1,20}[\"']\s?:\s?[\"']?([^\"'}]{1,200})")
_ALONE = re.compile(
    r"(?:=>|->|\u2192)?[*_`\"'$\s]{0,6}(?:(?:[Oo]ption|[Cc]hoice|[Ll]etter|[Ss]election)\s?:?\s)?[(\[]?([A-R])[)\]]?[.*_`\"'$\s]{0,6}"
)
_BRACKETED_ALONE = re.compile(r"[*_`\"'$\s]{0,6}(?:\(([a-r])\)|([b-hj-r])[.)])[.*_`\"'$\s]{0,6}")
_ALL_BUT = re.compile(
    r"\b(?:rules? out|eliminates?|excludes?)\s(?:everything|all|every option|all options)\s(?:but|except)\s"
    rf"(?:{_NOUN}\s)?"
    rf"(?P<left>{_BRACKETED}|(?-i:[A-R])\b)|"
    rf"\b(?:all|every|each)\b[^.,;:!?]{{0,30}}\b(?:except|but|other than)\s(?:for\s)?(?:{_NOUN}\s)?"
    rf"(?P<at>{_MARKUP}(?:{_BRACKETED}|(?-i:[A-R])\b))"
    r"\s(?:contradicts?|fails?|breaks?|violates?"
    r"|(?:are|is|were|can be|must be)\s(?:wrong|false|incorrect|ruled|eliminated))",
    re.IGNORECASE,
)
_CONCLUDING = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # (B) is the correct answer
        (
            rf"(?:\A|[\s,:;*(])(?:{_NOUN}\s)?(?P<at>{_LETTER})[*_]{{0,2}}\)?\s?(?:[^.,;:!?]{{0,60}}?\s)?"
            r"(?:is|must be|seems|remains)\s(?:clearly\s|therefore\s|thus\s|indeed\s|the\s){0,3}(?:only\s|most\s)?"
            r"(?:one\s(?:that|left)|correct|right|true|best|better\s(?:one|choice|option|answer|fit)|answer|left|likely|plausible)\b"
        ),
        # option B fits best
        rf"(?:\A|[\s,:;*]){_NOUN}\s(?P<at>{_LETTER})\s(?:fits|works|matches|holds|remains|stands|follows)\b",
        # I would pick B; which leaves (D); what is left is option D
        (
            r"\b(?:pick|picks|picking|choose|choosing|selecting|mean|meant|makes it|select|go with|going with|opt for"
            r"|settle on|settle for|lean to|lean towards?"
            r"|leaves|leaving|left with|left is|remains|vote for|think|believe|guess|say|answer|chosen|picked|selected"
            r"|stick with|stay with|keep|(?:answer|change|switch|changing|switching) to)\s(?:only\s|just\s|that\s)?"
            rf"(?:it is\s|it's\s)?(?:{_NOUN}\s(?:is\s)?)?(?P<at>{_LETTER})"
        ),
        # Actually it is (C); it should be B
        (
            r"\b(?:it|this|that)(?:'s|\sis|\smust be|\sshould be|\shas to be|\swould be)\s"
            rf"(?:actually\s|rather\s|really\s)?(?:{_NOUN}\s)?(?P<at>{_LETTER})"
            r"(?=[*_`\"'$)]{0,4}(?:[.,;:!]|\s-|\sbecause|\ssince|\Z))"
        ),
        # only option (C) satisfies the clues; this matches option C; a good guess would be C
        rf"\bonly\s(?:{_NOUN}\s)?(?P<at>{_MARKUP}{_BRACKETED}|[A-R]\b)(?=\s[a-z])",
        rf"\b(?:matches|corresponds to|points to|equals|supports|namely|is)\s{_NOUN}\s(?P<at>{_LETTER})",
        rf"\b{_NOUN}\s(?:is|would be|must be|should be)\s?:?\s?(?P<at>{_LETTER})",
        rf"\b(?:would|must|should|has to|have to)\sbe\s(?P<at>{_LETTER})\s?[.!]?\Z",
        # Option (A) correctly describes it; no, (B); therefore C is the change
        rf"{_NOUN}\s(?P<at>{_BRACKETED}|(?-i:[A-R])\b)\s(?:correctly|best|accurately|properly)\b",
        rf"\A\W{{0,4}}(?:(?:no|wait|actually|sorry|edit|correction)[,:]?\s){{1,3}}(?P<at>{_LETTER})\W{{0,4}}\Z",
        (
            r"\A[\W_]{0,8}(?:and\s)?(?:therefore|thus|so|hence)\b[,:]?\s(?P<at>(?-i:[B-HJ-R]))\s(?:is|must be)\s"
            r"(?!(?-i:[A-R])\b)(?:(?!\b(?-i:[A-R])\b)[^.!?]){1,80}[.!]?\Z"
        ),
        # Hence, B.
        (
            r"\A[\W_]{0,8}(?:and\s)?(?:therefore|thus|so|hence|finally|overall|conclusion|consequently"
            r"|by (?:process of )?elimination)\b[,:]?\s"
            rf"(?:it is\s|it's\s)?(?:{_NOUN}\s)?(?P<at>{_LETTER})[*_`\"'$)\]]{{0,4}}\s?(?:\Z|[.,!]\Z|[.,:;)!]\s)"
        ),
        # The odd one out is (C).
        (
            rf"\b(?:is|are|be|:|=|\u2192|->)\s?(?:{_NOUN}\s)?(?P<at>{_MARKUP}{_BRACKETED})"
            r"(?:(?!\s\([A-R]\))[^.!?\n]){0,80}[.!]?\Z"
        ),
    )
)


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
        if sum(_ENTRY.match(line) is not None for line in text.split("\n")) > 1:
            return None  # a list of options
        lines = [passages.first_line(text), *([] if cut_off else [passages.last_line(text)])]
        return next((entry for line in lines if (entry := _entry_of(line, question))), None)

    def declared(self, text: str) -> Iterator[Declared]:
        """Yield declarations; a line that begins with "A:" is an option's own."""
        yield from declarations.tagged(text)
        yield from declarations.boxed(text)
        yield from declarations.phrased(text, letter_a=False)

    def parse(self, passage: str) -> str | None:
        """Return the one option that a passage names."""
        passage = _without_lead_in(passages.bare(passages.unwrapped(_TWICE_BRACKETED.sub(r"(\1)", passage))))
        if value := _JSON_VALUE.match(passage):
            passage = value.group(1)
        if passage.startswith("either ") or (" " in passage and passages.unfinished(passage)):
            return None
        if negated := _NOT.match(passage):
            return self.parse(negated.group("but")) if negated.group("but") else _only(passage[negated.end() :])
        if stated := _STATED.match(passage) or _NAMED_AFTER.match(passage):
            return self._stated(passage, stated)
        return self.conclusion(passage) or _only(passage)

    def _stated(self, passage: str, stated: re.Match[str]) -> str | None:
        """Return the letter that a passage opens with, unless another one is joined to it or it is a word."""
        letter = next(filter(None, stated.groups()))
        if _ANOTHER.match(passage, stated.end(stated.lastgroup or 0)) or _ANOTHER.match(passage, stated.end()):
            return self.conclusion(passage.rpartition(" but ")[2]) if " but " in passage else None
        return None if _is_a_word(letter, passage, stated) else _canonical(letter)

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
        if sentence.rstrip("*_ ").endswith("?") or _UNDECIDED.search(sentence):
            return None
        if left := _ALL_BUT.search(sentence):
            return _canonical(re.sub(r"[^A-Za-z]", "", left["at"] or left["left"]))
        kept = _RULED_OUT.sub(" ", sentence)
        for pattern in _CONCLUDING:
            said = [match for match in pattern.finditer(kept) if not declarations.denied(kept[: match.start("at")])]
            chosen = {re.sub(r"[^A-Za-z]", "", match["at"]).upper() for match in said}
            if len(chosen) == 1 and not _several(kept, chosen):
                return _canonical(chosen.pop())
        return _only(kept) if passages.concludes(kept) and kept.rstrip().endswith((".", "!", ")", "*", '"')) else None

    def alone(self, line: str) -> str | None:
        """Return the option that a line names and nothing else."""
        if match := _ALONE.fullmatch(line):
            return _canonical(match.group(1))
        if match := _BRACKETED_ALONE.fullmatch(line):
            return _canonical(match.group(1) or match.group(2))
        return None

    def last_resort(self, text: str) -> str | None:
        """Return the option that the closing line names, unless that line is an entry of a list of options."""
        before, _, line = text.strip().rpartition("\n")
        *earlier, last = passages.sentences(line) or [""]
        if _one_of_a_list(before, line) or (self.alone(last) and _IN_BRACKETS.search(" ".join(earlier))):
            return None
        if (answer := super().last_resort(text)) is not None:
            return answer
        announced = passages.last_line(before).endswith(":") and not any(map(_ENTRY.match, before.split("\n")))
        one = _ONE_ENTRY.fullmatch(line.strip()) if announced or not before else None
        return _canonical(one["letter"] or one["bare"]) if one and not _JUDGED.search(one["text"]) else None

    def opening(self, text: str) -> str | None:
        """Return the option that the first line consists of, or that it names with its text: "B. Tallinn"."""
        first, _, rest = text.strip().partition("\n")
        one = _ONE_ENTRY.fullmatch(first.strip())
        if (
            one
            and (one["letter"] or "") not in {"A", "a", ""}
            and not _JUDGED.search(one["text"])
            and rest.startswith("\n")
        ):
            return None if any(map(_ENTRY.match, rest.split("\n"))) else _canonical(one["letter"])
        return super().opening(text)

    def key(self, answer: str) -> str:
        """Return the letter alone."""
        return answer.strip("() .").upper()


def _one_of_a_list(before: str, line: str) -> bool:
    """Return whether a line is an entry among options that are listed, or the first of those that were announced."""
    above = passages.last_line(before)
    if re.search(r"\b(?:each|every|all|options|choices)\b[^:\n]{0,60}:\Z", above) and len(line.strip()) == 1:
        return True
    return _ENTRY.match(line) is not None and _ENTRY.match(above) is not None


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
    entry = _ONE_ENTRY.fullmatch(line)
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
    lead_in = _LEAD_IN.match(passage)
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
    before = rf"\b[A-R]\b[)\]]?\s?(?:or|and|/)\s?[(\[]?{letter}\b"
    behind = rf"[(\[]?\b{letter}\b[)\]]?\s?(?:,|or|and|/)\s?[(\[]?[A-R]\b[)\]]?(?!\w)"
    return re.search(f"{before}|{behind}", sentence) is not None


def _only(passage: str) -> str | None:
    """Return the only option in brackets, or called an option, that a passage names and does not rule out."""
    kept = _RULED_OUT.sub(" ", passage)
    named = {*_IN_BRACKETS.findall(kept), *_NAMED.findall(kept)}
    return _canonical(named.pop()) if len(named) == 1 else None


def _canonical(letter: str) -> str:
    return f"({letter.upper()})"
