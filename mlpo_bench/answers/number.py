"""A number in decimal notation, canonically without separators: `-11520`, `3.5`."""

from __future__ import annotations

import re

from mlpo_bench.answers import number_words, passages
from mlpo_bench.answers.format import Format


_DIGITS = r"(?:[0-9]{1,60}(?:,[0-9]{3}){0,20}(?:\.[0-9]{1,60})?|\.[0-9]{1,60})"
_NUMBER = re.compile(rf"(?<![\w.,])(?:\$[-+]|[-+]?\$?){_DIGITS}(?![\w]|[.,][0-9])")
_ATTACHED = r"(?:cm|mm|km|m|kg|g|mg|lbs?|oz|ml|l|h|hrs?|s|mins?|th|st|nd|rd|k|bn|mph|ft|in)(?![a-zA-Z])"
_LEADING = re.compile(
    rf"(?P<number>(?:\$[-+]|[-+]?\$?){_DIGITS})(?![.,/:^*+%-]?[0-9])(?=\Z|[\s,.;:!?)*_%/]|\\|{_ATTACHED})(?P<rest>.*)\Z",
    re.DOTALL | re.IGNORECASE,
)
_ANOTHER = re.compile(r"\A[\s]{1,3}[0-9]|\A[^,;:(]{0,60}(?<![\w.(])[0-9]")  # "12 50", "2 hours 30 minutes", "7 or 8"
_THOUSANDS = re.compile(r"(?<=[0-9])(?:\{,\}|,?\\[,!;:]|,\s?\\!|[\x20'_])(?=[0-9]{3}(?![0-9]))")
_CALCULATION = re.compile(r"[0-9)]\s{0,3}(?:[*/^+\u00d7\u00f7\u00b7]{1,2}|-(?=\s{0,3}[0-9(]))\s{0,3}[0-9(]")
_SIGN_APART = re.compile(r"(?<![0-9)\w.]\s)(?<![0-9)\w.])([-+])\s{1,3}(?=\$?[0-9])")
_NEGATIVE = re.compile(r"\b(?:negative|minus)\s{1,3}(?=\$?[0-9a-z])", re.IGNORECASE)
_LONGEST_RESULT = 60
_GETS = (
    r"(?:has|have|had|gets?|receives?|earns?|needs?|takes?|pays?|spends?|saves?|sells?|buys?|eats?|reads?|uses?|contains?"
    r"|holds?|weighs?|scores?|makes?|gives?|costs?|requires?|remains?|produces?|walks?|runs?)"
)
_STATES = re.compile(
    rf"\b(?:is|are|was|were|equals|be|total|totals|left with|result|answer|{_GETS})\s"
    r"(?:of\s|exactly\s|only\s)?|[=:]\s{0,3}",
    re.IGNORECASE,
)
# "There are 7 hats", "The total cost is 7", "Total: 7": said of what was asked for, and not of anything on the way.
_SAID_OF_RESULT = re.compile(
    r"\A[\W_]{0,8}(?:there\s(?:is|are|was|were|will be|would be)\s(?:exactly\s|only\s)?"
    r"|(?:the\s|our\s|her\s|his\s|their\s)?(?:\w{2,12}\s){0,2}?"
    r"(?:result|total|sum|number|value|cost|amount|count|difference|product)\b[^.:=?!]{0,80}?"
    r"(?:\b(?:is|are|was|equals|comes to|amounts to)\b|:)"
    rf"|(?:[A-Za-z][\w']{{0,20}}\s){{1,4}}?(?:will\s|would\s)?{_GETS}\s(?:him\s|her\s|them\s|it\s|us\s)?(?:exactly\s|only\s)?"
    rf"(?={_DIGITS}(?:\s(?!and\b|or\b|but\b)[\w']{{1,20}}){{0,5}}\W{{0,3}}\Z)"
    rf"|(?={_DIGITS}\s(?:\w{{1,20}}\s){{1,3}}(?:are|is|were|was|remain|remains)\b))\s{{0,3}}(?P<said>.{{1,200}})\Z",
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
        left, equals, right = _THOUSANDS.sub(",", passage).rpartition("=")
        stated = passages.bare(passages.before_reason(passages.unwrapped(right).strip())).rstrip(".")
        stated = _SIGN_APART.sub(r"\1", _NEGATIVE.sub("-", stated))
        if (words := number_words.read(stated)) is not None:
            return words
        if _CALCULATION.search(stated):  # "36 = 12 * 3" states 36
            return self.parse(left) if equals and _NUMBER.fullmatch(left.strip()) else None
        if leading := _LEADING.match(stated.lstrip("(")):
            if _ANOTHER.match(leading["rest"]):
                return None
            return _plain(number_words.scaled(_plain(leading["number"]), leading["rest"]))
        found = {
            _plain(number_words.scaled(_plain(number.group()), stated[number.end() :]))
            for number in _NUMBER.finditer(stated)
        }
        return found.pop() if len(found) == 1 else None

    def conclusion(self, sentence: str) -> str | None:
        """Return the number that a sentence comes to as a result or a conclusion, or states of its subject."""
        if "=" in sentence:
            return self.parse(sentence) if len(sentence.rpartition("=")[2]) <= _LONGEST_RESULT else None
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
        """Return the number that a line consists of."""
        alone = passages.bare(line)
        alone = passages.bare(_SIGN_APART.sub(r"\1", alone.rstrip(". ")))
        return self.parse(alone) if _NUMBER.fullmatch(_THOUSANDS.sub(",", alone)) else None

    def last_resort(self, text: str) -> str | None:
        """Return what the closing line states, unless it goes on with a list's numbering."""
        return None if passages.continues_a_list(text) else super().last_resort(text)

    def key(self, answer: str) -> str:
        """Return the number without separators and needless zeros."""
        return _plain(passages.plain(answer).strip())


def _plain(number: str) -> str:
    """Return a number's canonical text, made without computing anything, so that no number is too long."""
    sign = "-" if number.startswith(("-", "$-")) else ""
    whole, _, fraction = number.lstrip("+-$").replace(",", "").partition(".")
    whole, fraction = whole.lstrip("0") or "0", fraction.rstrip("0")
    plain = f"{whole}.{fraction}" if fraction else whole
    return plain if plain == "0" else sign + plain
