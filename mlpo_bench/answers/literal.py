"""A short answer in the form that its question asks for, compared to the letter but for what does not matter.

The rule is the one by which BIG-Bench Extra Hard's publishers score (arXiv 2502.19187): case, spaces behind commas,
apostrophes, brackets around a list, brackets around a single letter, a question mark at the end, and how a number is
written make no difference. Here none of these does on either side, and a full stop at the end does not, either:
eleven of their gold answers are sentences, whose stop their own rule takes from the answer alone. Nor does an "and"
before the last of a list between commas, by which a writer only says that it is the last.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from mlpo_bench.answers import declarations, passages
from mlpo_bench.answers.format import Format


if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlpo_bench.answers.declared import Declared


_NUMBER = re.compile(r"(?P<sign>[-+]?)(?P<whole>[0-9]*)(?:\.(?P<fraction>[0-9]*))?")
# The last of a list, "ape, bat and cat" or "ape, bat, and cat"
_AND_LAST = re.compile(r"(?P<before>,[^,]{1,80}?),?\sand\s(?=[^,]{1,80}\Z)")
_ONE_IN_BRACKETS = re.compile(r"\((.)\)", re.DOTALL)


class Literal(Format):
    """A word, a list, a phrase in any language. Nothing is read from a text that does not mark its answer."""

    name = "literal"
    free = True
    instruction = "End with the answer alone, in the form the question asks for, written as <answer>...</answer>."

    def declared(self, text: str) -> Iterator[Declared]:
        """Yield declarations; that the answer is unknown is one, as many questions ask for that word."""
        yield from declarations.tagged(text)
        yield from declarations.boxed(text)
        yield from declarations.phrased(text, unknown=True)

    def parse(self, passage: str) -> str | None:
        """Return the first line of a passage without the markup around it and without a full stop."""
        answer = passages.bare(passages.unwrapped(passages.unemphasised(passages.first_line(passage))))
        answer = passages.bare(answer.removesuffix(".")).rstrip("\\ ")  # a backslash would escape what follows
        return " ".join(answer.split()) or None

    def key(self, answer: str) -> str:
        """Return what is left of an answer without all that makes no difference."""
        plain = unicodedata.normalize("NFC", passages.plain(answer)).casefold()
        plain = passages.without_subject(" ".join(passages.bare(plain).rstrip(".? ").replace("'", "").split()))
        plain = re.sub(r"\s?,\s?", ",", plain)
        plain = _AND_LAST.sub(r"\g<before>,", re.sub(r",and\s(?=[^,]{1,80}\Z)", ",", plain))
        if len(plain) > len("[]") and plain[0] == "[" and plain[-1] == "]":
            plain = plain[1:-1].strip()
        if one := _ONE_IN_BRACKETS.fullmatch(plain):
            plain = one.group(1)
        number = _NUMBER.fullmatch(plain)
        return _canonical(number) if number and re.search(r"[0-9]", plain) else plain


def _canonical(number: re.Match[str]) -> str:
    """Return a number without needless zeros and signs, made without computing anything."""
    whole, fraction = number["whole"].lstrip("0") or "0", (number["fraction"] or "").rstrip("0")
    plain = f"{whole}.{fraction}" if fraction else whole
    return plain if number["sign"] != "-" or plain == "0" else f"-{plain}"
