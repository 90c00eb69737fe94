r"""A string of brackets, canonically with single spaces between: `] ) >`."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from mlpo_bench.answers import passages
from mlpo_bench.answers.format import Format


if TYPE_CHECKING:
    from collections.abc import Iterator


_BRACKETS = "()[]{}<>"
_LATEX = {r"\rangle": ">", r"\langle": "<", r"\gt": ">", r"\lt": "<", "⟩": ">", "⟨": "<", "〉": ">", "〈": "<"}
_BOX_ON_LINE = re.compile(r"\\(?:boxed|fbox)\s{0,3}\{([^\n]{0,2000})\}")


class Brackets(Format):
    """Brackets of the four kinds. A passage with anything but brackets in it, quotes and commas aside, has none."""

    name = "brackets"
    instruction = "End with the missing brackets alone, separated by spaces, written as <answer>...</answer>."

    def passages(self, text: str) -> Iterator[str]:
        """Yield passages; a box reaches to the last brace on its line, as its content may close more than it opens."""
        yield from passages.tagged(text)
        if boxes := _BOX_ON_LINE.findall(text):
            yield boxes[-1]
        if (after := passages.after_answer_is(text)) is not None:
            yield self.clause(after)

    def clause(self, after: str) -> str:
        """Return the first line after "answer is"."""
        return passages.first_line(after)

    def parse(self, passage: str) -> str | None:
        """Return the brackets that a passage consists of."""
        passage = html.unescape(passage)
        for written, bracket in _LATEX.items():
            passage = passage.replace(written, bracket)
        passage = re.sub(r"\\text(?:tt|bf)?\s?\{(.{0,200})\}", r"\1", passage)
        passage = re.sub(r"[\s*_`\"',.$\\]+", "", passage)
        if not passage or passage.strip(_BRACKETS):
            return None
        return " ".join(passage)

    def last_resort(self, text: str) -> str | None:
        """Return the brackets that the closing line consists of."""
        line = passages.last_line(text)
        return self.parse(line) if len(line) <= self.longest else None

    def key(self, answer: str) -> str:
        """Return the brackets without spaces."""
        return "".join(answer.split())
