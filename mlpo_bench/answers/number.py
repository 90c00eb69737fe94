"""A number in decimal notation, canonically without separators: `-11520`, `3.5`."""

from __future__ import annotations

import re

from mlpo_bench.answers import number_words, passages
from mlpo_bench.answers.format import Format


_DIGITS = r"(?:[0-9]{1,60}(?:,[0-9]{3}){0,20}(?:\.[0-9]{1,60})?|\.[0-9]{1,60})"
_NUMBER = re.compile(rf"(?<![\w.,])(?:\$[-+]|[-+]?\$?){_DIGITS}(?![\w]|[.,][0-9])")
_LEADING = re.compile(
    rf"(?P<number>(?:\$[-+]|[-+]?\$?){_DIGITS})(?![\w.,/:^*+%-]?[0-9])(?=\Z|[\s,.;:!?)*_%/]|\\)(?P<rest>.*)\Z",
    re.DOTALL,
)
_SCALE = re.compile(r"\s{0,2}(hundred|thousand|million|billion|trillion|k|m|bn)\b", re.IGNORECASE)
_SCALES = {"hundred": 2, "thousand": 3, "k": 3, "million": 6, "m": 6, "billion": 9, "bn": 9, "trillion": 12}
_THOUSANDS = re.compile(r"(?<=[0-9])(?:\{,\}|,?\\[,!;:]|,\s?\\!|\x20)(?=[0-9]{3}(?![0-9]))")
_CALCULATION = re.compile(r"[0-9)]\s{0,3}(?:[*/^+\u00d7\u00f7\u00b7]{1,2}|-(?=\s{0,3}[0-9(]))\s{0,3}[0-9(]")
_SIGN_APART = re.compile(r"(?<![0-9)\w.]\s)(?<![0-9)\w.])([-+])\s{1,3}(?=\$?[0-9])")
_NEGATIVE = re.compile(r"\b(?:negative|minus)\s{1,3}(?=\$?[0-9a-z])", re.IGNORECASE)
_STATES = re.compile(
    r"\b(?:is|are|was|were|equals|be|gives|costs?|makes?|total|totals|has|have|left with|result|answer)\s"
    r"(?:of\s|exactly\s|only\s)?|[=:]\s{0,3}",
    re.IGNORECASE,
)
# "There are 7 hats", "The total cost is 7", "Total: 7": said of what was asked for, and not of anything on the way.
_SAID_OF_RESULT = re.compile(
    r"\A[\W_]{0,8}(?:there\s(?:is|are|was|were|will be|would be)\s(?:exactly\s|only\s)?"
    r"|(?:the\s|our\s|her\s|his\s|their\s)?(?:final\s|overall\s)?"
    r"(?:result|total|sum|number|value|cost|amount|count|difference|product)\b[^.:=?!]{0,80}?"
    r"(?:\b(?:is|are|was|equals|comes to|amounts to)\b|:))\s{0,3}(?P<said>.{1,200})\Z",
    re.IGNORECASE | re.DOTALL,
)


class Number(Format):
    """A number. Of a calculation, what stands after its last `=` counts; a passage with several numbers has none.

    A passage that opens with a number states it, whatever reason follows: "42 because there are 6 bags of 7".
    """

    name = "number"
    instruction = "End with the number alone, written as <answer>N</answer>."

    def clause(self, after: str) -> str:
        """Return the sentence after "answer is", up to the reason that it gives."""
        return passages.before_reason(super().clause(after))

    def parse(self, passage: str) -> str | None:
        """Return the one number that a passage states, in digits or in words."""
        passage = re.sub(r"\(\s?=[^()]{0,200}\)", "", passages.unemphasised(passage))  # "62 (= 25 + 37)"
        stated = passages.bare(passages.before_reason(passage.rpartition("=")[2].strip())).rstrip(".")
        stated = passages.unwrapped(_SIGN_APART.sub(r"\1", _NEGATIVE.sub("-", _THOUSANDS.sub(",", stated))))
        if (words := number_words.read(stated)) is not None:
            return words
        if _CALCULATION.search(stated):
            return None
        if leading := _LEADING.match(stated.lstrip("(")):
            return _scaled(_plain(leading["number"]), leading["rest"])
        found = {_scaled(_plain(number.group()), stated[number.end() :]) for number in _NUMBER.finditer(stated)}
        return found.pop() if len(found) == 1 else None

    def conclusion(self, sentence: str) -> str | None:
        """Return the number that a sentence comes to as a result or a conclusion, or states of its subject."""
        if "=" in sentence:
            return self.parse(sentence)
        if sentence.rstrip("*_ ").endswith("?"):
            return None
        if not passages.concludes(sentence):
            said = _SAID_OF_RESULT.match(sentence)
            return self.parse(said["said"]) if said and len(_NUMBER.findall(said["said"])) <= 1 else None
        head = sentence.partition(":")[0] if re.search(r"[0-9]", sentence.partition(":")[0]) else sentence
        if (answer := self.parse(head)) is not None:
            return answer
        stated = [sentence[found.end() :] for found in _STATES.finditer(sentence)]
        return self.parse(stated[-1]) if stated else None

    def alone(self, line: str) -> str | None:
        """Return the number that a line consists of; `3.` may be a list's mark and is none."""
        alone = passages.bare(line)
        if re.fullmatch(r"[0-9]{1,2}[.)]", alone):
            return None
        alone = passages.bare(_SIGN_APART.sub(r"\1", alone.rstrip(". ")))
        return self.parse(alone) if _NUMBER.fullmatch(_THOUSANDS.sub(",", alone)) else None

    def last_resort(self, text: str) -> str | None:
        """Return what the closing line states, unless it goes on with a list's numbering."""
        return None if passages.continues_a_list(text) else super().last_resort(text)

    def key(self, answer: str) -> str:
        """Return the number without separators and needless zeros."""
        return _plain(passages.plain(answer).strip())


def _scaled(number: str, rest: str) -> str:
    """Return a number times the "million" that follows it, made by moving its point."""
    scale = _SCALE.match(rest)
    if scale is None or (scale.group(1) in {"m", "k"} and not rest.startswith(scale.group(1))):
        return number
    whole, _, fraction = number.partition(".")
    zeros = _SCALES[scale.group(1).casefold()]
    return _plain(whole + fraction[:zeros].ljust(zeros, "0") + "." + fraction[zeros:])


def _plain(number: str) -> str:
    """Return a number's canonical text, made without computing anything, so that no number is too long."""
    sign = "-" if number.startswith(("-", "$-")) else ""
    whole, _, fraction = number.lstrip("+-$").replace(",", "").partition(".")
    whole, fraction = whole.lstrip("0") or "0", fraction.rstrip("0")
    plain = f"{whole}.{fraction}" if fraction else whole
    return plain if plain == "0" else sign + plain
