"""A number in decimal notation, canonically without separators: `-11520`, `3.5`."""

from __future__ import annotations

import re

from mlpo_bench.answers import passages
from mlpo_bench.answers.format import Format


_NUMBER = re.compile(
    r"(?<![\w.,])(?:\$[-+]|[-+]?\$?)(?:[0-9]{1,60}(?:,[0-9]{3}){0,20}(?:\.[0-9]{1,60})?|\.[0-9]{1,60})(?![\w]|[.,][0-9])"
)
_NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
_NAMES += ["eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
_NAMES += ["twenty"]


class Number(Format):
    """A number. Of a calculation, what stands after its last `=` counts; a passage with several numbers has none."""

    name = "number"
    instruction = "End with the number alone, written as <answer>N</answer>."

    def parse(self, passage: str) -> str | None:
        """Return the one number that a passage states, in digits or (up to twenty) as a word."""
        stated = passages.bare(passage.rpartition("=")[2]).rstrip(".")
        stated = re.sub(r"\{,\}|\\[,!;](?=[0-9]{3})", ",", stated)
        if stated.casefold() in _NAMES:
            return str(_NAMES.index(stated.casefold()))
        if re.search(r"[0-9)]\s{0,3}(?:[*/^+\u00d7÷·]|-(?=\s{0,3}[0-9(]))", stated):
            return None
        found = {_plain(number) for number in _NUMBER.findall(stated)}
        return found.pop() if len(found) == 1 else None

    def last_resort(self, text: str) -> str | None:
        """Return the number that the closing line consists of, or comes to as a conclusion or a result."""
        line = passages.last_line(text)
        alone = passages.bare(line.rstrip(". "))
        if "=" in line or passages.concludes(line) or _NUMBER.fullmatch(alone):
            return self.parse(line)
        return None

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
