"""A phrase in the question's own words, compared without case, punctuation or spacing."""

from __future__ import annotations

import re

from mlpo_bench.answers import passages
from mlpo_bench.answers.format import Format


class Phrase(Format):
    """A few words. Nothing is read from a text that does not mark its answer."""

    name = "phrase"
    free = True
    instruction = "End with the right option in full, without a letter, written as <answer>...</answer>."
    longest = 300

    def parse(self, passage: str) -> str | None:
        """Return a passage without the markup around it."""
        phrase = " ".join(passages.bare(passage).split())
        return phrase if re.search(r"\w", phrase) else None

    def key(self, answer: str) -> str:
        """Return the letters and digits alone."""
        return passages.without_subject(re.sub(r"[\W_]+", " ", answer.casefold()).strip())
