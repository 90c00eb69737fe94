"""What an answer format is: how to ask for an answer, read one out of a text, and judge it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from mlpo_bench.answers import passages


if TYPE_CHECKING:
    from collections.abc import Iterator


class Format(ABC):
    """One kind of answer.

    Reading tries, in this order, the last `<answer>`, the last box, what follows the last "answer is", and then
    the format's own last resort. Of each passage `parse` makes a canonical answer or nothing; the first answer wins.
    """

    name: ClassVar[str]
    instruction: ClassVar[str]
    slow: ClassVar[bool] = False
    """Whether judging may wait for another process or long computation, and so is not for an event loop."""
    longest: ClassVar[int] = 2_000
    """Passages of more characters than this hold no answer."""

    def read(self, text: str) -> str | None:
        """Return the canonical answer in a text, or None where none can be read. Never raises."""
        text = passages.without_thoughts(passages.plain(text))
        for passage in self.passages(text):
            if len(passage) <= self.longest and (answer := self.parse(passage)) is not None:
                return answer
        return self.last_resort(text)

    def passages(self, text: str) -> Iterator[str]:
        """Yield the passages that may hold the answer, the likeliest first."""
        yield from passages.tagged(text)
        yield from passages.boxed(text)
        if (after := passages.after_answer_is(text)) is not None:
            yield self.clause(after)

    def clause(self, after: str) -> str:
        """Return the part of the text after "answer is" that belongs to the answer: its first sentence."""
        return passages.sentence(after)

    @abstractmethod
    def parse(self, passage: str) -> str | None:
        """Return the canonical answer that a passage states, or None."""

    def last_resort(self, text: str) -> str | None:  # noqa: ARG002 - formats with a last resort read it
        """Return an answer from a text that marks none, or None. Never a guess: the text must state it."""
        return None

    def judge(self, answer: str, gold: str) -> bool:
        """Return whether an answer that was read is the gold answer."""
        return self.key(answer) == self.key(gold)

    def key(self, answer: str) -> str:
        """Return a string that equal answers share."""
        return answer.strip().casefold()

    def written(self, gold: str) -> str:
        """Return a gold answer as it stands in a sentence."""
        return gold
