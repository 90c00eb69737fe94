r"""A string of brackets, canonically with single spaces between: `] ) >`."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from mlpo_bench.answers import corrections, declarations, passages
from mlpo_bench.answers.declared import Declared
from mlpo_bench.answers.format import Format


if TYPE_CHECKING:
    from collections.abc import Iterator


_BRACKETS = "()[]{}<>"
_LATEX = {r"\rangle": ">", r"\langle": "<", r"\gt": ">", r"\lt": "<", "⟩": ">", "⟨": "<", "〉": ">", "〈": "<"}
_BOX_ON_LINE = re.compile(r"\\(?:boxed|fbox)\s{0,3}\{([^\n]{0,2000})\}")
_MISSING = re.compile(
    r"\b(?:missing|brackets?|parenthes[ei]s|sequence|string|symbols?|characters?|closing|complet\w{1,5}|closed?|closes|add|append"
    r"|needs?|output|result|rest|remaining|remainder)\b",
    re.IGNORECASE,
)
_ARE = re.compile(r":|\b(?:is|are|by|with|needs?|add|append)\b", re.IGNORECASE)


class Brackets(Format):
    """Brackets of the four kinds. A passage with anything but brackets in it, quotes and commas aside, has none."""

    name = "brackets"
    instruction = "End with the missing brackets alone, separated by spaces, written as <answer>...</answer>."

    def declared(self, text: str) -> Iterator[Declared]:
        """Yield declarations; a box reaches to its line's last brace, as its content may close more than it opens."""
        yield from declarations.tagged(text)
        if boxes := _BOX_ON_LINE.findall(text):
            yield Declared("box", 0, len(text), boxes[-1])
        yield from declarations.phrased(text)

    def clause(self, after: str) -> str:
        """Return the first line after "answer is", or its first sentence where more follows."""
        line = passages.first_line(after)
        sentence = passages.sentence(corrections.undenied(line, free=True))
        return sentence if self._brackets(sentence) else line

    def parse(self, passage: str) -> str | None:
        """Return the brackets that a passage consists of, or names as the missing ones."""
        return self._brackets(passage) or self.conclusion(passage)

    def _brackets(self, passage: str) -> str | None:
        passage = html.unescape(passage)
        for written, bracket in _LATEX.items():
            passage = passage.replace(written, bracket)
        passage = re.sub(r"\\text(?:tt|bf)?\s?\{(.{0,200})\}", r"\1", passage)
        passage = re.sub(r"(?<=[\W_])(?:and|then|followed by)(?=[\W_])", " ", passage)
        passage = re.sub(r"[\s*_`\"',.;$\\]+", "", passage)
        if not passage or passage.strip(_BRACKETS):
            return None
        return " ".join(passage)

    def conclusion(self, sentence: str) -> str | None:
        """Return the brackets that a sentence names as the missing ones."""
        if not _MISSING.search(sentence):
            return None
        ends = [sentence[match.end() :] for match in _ARE.finditer(sentence)]
        quoted = re.findall(r"[\"'`]([^\"'`\w]{1,200})[\"'`]", sentence)
        said = map(
            self._brackets, [*ends, *(re.sub(r"\sin (?:that|this) order\W*\Z", "", end) for end in ends), *quoted]
        )
        return next(filter(None, said), None)

    def alone(self, line: str) -> str | None:
        """Return the brackets that a line consists of."""
        return self._brackets(line)

    def key(self, answer: str) -> str:
        """Return the brackets without spaces."""
        return "".join(answer.split())
