"""What an answer format is: how to ask for an answer, read one out of a text, and judge it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from mlpo_bench.answers import corrections, declarations, passages, quotations


if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlpo_bench.answers.declared import Declared


_CONCLUDED = re.compile(
    r"\b(?:so|therefore|thus|hence|finally|consequently|in conclusion|overall|final|correct|right)\b[^.!?\n]{0,60}\Z",
    re.IGNORECASE,
)
_SENTENCES_TRIED = 40
# Behind what a number or an expression can go on; a word, a full stop, a closing dollar or a line end comes after it.
_ENDS_OPEN = re.compile(r"(?<![A-Za-z])[A-Za-z]\Z|\\[a-zA-Z]{1,20}\Z|[0-9}]\Z")


class Format(ABC):
    """One kind of answer.

    Reading tries in this order what the writer declares: the last `<answer>`, the last box, what follows the last
    "answer is"; then, unless the text was cut off, what it comes to without those words; then a first line that is an
    answer and is explained below. Of each passage `parse` makes a canonical answer or nothing, and the first answer
    wins, unless the writer takes it back further on. docs/answers.md has a line and an example for each rule.
    """

    name: ClassVar[str]
    instruction: ClassVar[str]
    slow: ClassVar[bool] = False
    """Whether judging may wait for another process or long computation, and so is not for an event loop."""
    longest: ClassVar[int] = 2_000
    """Passages of more characters than this hold no answer."""
    grows: ClassVar[bool] = False
    """Whether what stands at the end of a text that was cut off may be the beginning of another answer: 12 of 120."""
    free: ClassVar[bool] = False
    """Whether any words may be an answer, so that a remark is told from one by its form alone."""

    def read(self, text: str, *, question: str = "", cut_off: bool = False) -> str | None:
        """Return the canonical answer in a text, or None where none can be read. Never raises.

        Args:
            text: What a model wrote.
            question: What it was asked; a format whose answers stand in the question may look there.
            cut_off: Whether the text is known to have ended before its writer did. Then only what it declares counts,
                and of what may have gone on where it ends, what was declared before.
        """
        answer = self._read(text, question, cut_off=cut_off)
        if not (cut_off and self.grows) or answer is None or not self._may_go_on(text, question, answer):
            return answer
        before = passages.without_last_sentence(text)
        answer = self._read(before, question, cut_off=True)
        return None if answer is None or self._may_go_on(before, question, answer) else answer

    def _may_go_on(self, text: str, question: str, answer: str) -> bool:
        """Return whether a text ends within the answer that was read: with one more digit it would be another."""
        if _ENDS_OPEN.search(text) is None:
            return False
        longer = self._read(f"{text}1", question, cut_off=True)
        return longer is None or self.key(longer) != self.key(answer)

    def _read(self, text: str, question: str, *, cut_off: bool) -> str | None:
        """Return the canonical answer in a text, wherever it ends."""
        text = passages.prepared(declarations.with_tags_unescaped(text))
        doubted = None
        for declared in self.declared(text):
            if (answer := self._declared(text, declared, question)) is None:
                continue
            answer = self._revised(text, declared, question, answer) or answer
            if not declared.doubtful:
                return answer
            doubted = doubted or (declared, answer)
        closing = passages.without_closing_words(text)
        if not cut_off and (doubted is None or passages.closes_apart(closing, doubted[0].end)):
            answer = self.last_resort(closing)
            if answer is not None:
                return answer
        return doubted[1] if doubted else self.opening(text)

    def declared(self, text: str) -> Iterator[Declared]:
        """Yield the places where a prepared text declares its answer, the strongest first."""
        yield from declarations.tagged(text)
        yield from declarations.boxed(text)
        yield from declarations.phrased(text)

    def passage(self, declared: Declared) -> str:
        """Return the passage of a declaration that belongs to the answer."""
        if declared.kind != "phrase":
            return declared.passage
        return self.clause(corrections.undenied(declared.passage, free=self.free))

    def clause(self, after: str) -> str:
        """Return the part of the text after "answer is" that belongs to the answer: its first sentence."""
        return passages.sentence(after.lstrip("*_ \n"))

    @abstractmethod
    def parse(self, passage: str) -> str | None:
        """Return the canonical answer that a passage states, or None."""

    def by_question(self, passage: str, question: str) -> str | None:  # noqa: ARG002 - most answers stand alone
        """Return the answer that a passage states in the question's own words, or None."""
        return None

    def instead(self, said: str, answer: str) -> str | None:
        """Return the answer that takes the place of one read before, where a correction says that "it is" this."""
        return (
            None
            if self.free and corrections.a_remark(said, answer)
            else self.parse(said)
            if self.free
            else self.alone(said)
        )

    def conclusion(self, sentence: str) -> str | None:  # noqa: ARG002 - formats that can conclude read it
        """Return the answer that a sentence comes to without the words "answer is", or None."""
        return None

    def alone(self, line: str) -> str | None:  # noqa: ARG002 - formats whose answers can stand alone read it
        """Return the answer that a line consists of, or None."""
        return None

    def last_resort(self, text: str) -> str | None:
        """Return an answer from a text that declares none, or None. Never a guess: its closing line must state it."""
        line = passages.unadorned(passages.last_line(text))
        if len(line) > self.longest:
            return None
        closing = passages.sentences(line)
        for one in (line, *closing[-1:]):
            if (answer := self.alone(one)) is not None:
                return answer
        return self._concluded(closing[-1]) if closing and not passages.unfinished(line) else None

    def opening(self, text: str) -> str | None:
        """Return the answer that a text's first line consists of, where an explanation follows below it."""
        first, _, rest = text.strip().partition("\n")
        return self.alone(passages.unadorned(first.strip())) if rest.strip() and len(first) <= self.longest else None

    def _declared(self, text: str, declared: Declared, question: str) -> str | None:
        """Return the answer of a declaration: what its sentence says instead, where it only seemed to be another."""
        if declared.kind == "phrase" and (sides := corrections.overturned(text, declared)):
            denied, said = sides
            answer = self._answer(denied, question)
            if (replaced := self.instead(said, answer or denied)) is not None:
                return replaced
        return self._answer(self.passage(declared), question)

    def _answer(self, passage: str, question: str) -> str | None:
        if len(passage) > self.longest:
            return None
        answer = self.parse(passage)
        return self.by_question(passage, question) if answer is None and question else answer

    def _revised(self, text: str, declared: Declared, question: str, answer: str) -> str | None:
        """Return the answer by which a writer replaces one declared earlier, or None.

        A later "so the answer is" replaces what stands in a tag or a box, and after words such as "wait" or
        "actually" any sentence that states an answer does.
        """
        for later in declarations.phrased(text):
            if later.start < declared.end:
                break
            if declarations.of_several(text, later):
                continue
            before = text[passages.sentence_start(text, later.start) : later.end]
            corrected = corrections.CORRECTION.search(text, declared.end, later.start)
            if (corrected or _CONCLUDED.search(before)) and (said := self._declared(text, later, question)):
                return said
        correction = corrections.CORRECTION.search(text, declared.end)
        if correction is None:
            return None
        lines = text[correction.start() :].strip(".!? \n").split("\n")[-_SENTENCES_TRIED:]
        stated = [one for line in lines for one in passages.sentences(line[: self.longest])][-_SENTENCES_TRIED:]
        return next((said for one in reversed(stated) if (said := self._corrected(one, answer))), None)

    def _corrected(self, sentence: str, answer: str) -> str | None:
        """Return what a sentence of a correction puts in the place of an answer, or None."""
        if corrections.supposes(sentence):
            return None
        said, clearly = corrections.restated(sentence) or ("", False)
        instead = self.instead(said, answer) if said and (clearly or not self.free) else None
        return instead if clearly and instead else self._concluded(sentence) or instead

    def _concluded(self, sentence: str) -> str | None:
        """Return what a sentence comes to: its last "so ..." before the whole of it."""
        parts = dict.fromkeys((*quotations.own_parts(sentence), passages.conclusion_of(sentence), sentence))
        return next(
            (
                answer
                for part in parts
                if not quotations.ascribed(part) and (answer := self.conclusion(part)) is not None
            ),
            None,
        )

    def judge(self, answer: str, gold: str) -> bool:
        """Return whether an answer that was read is the gold answer."""
        return self.key(answer) == self.key(gold)

    def key(self, answer: str) -> str:
        """Return a string that equal answers share."""
        return answer.strip().casefold()

    def written(self, gold: str) -> str:
        """Return a gold answer as it stands in a sentence."""
        return gold

    def quoted(self, answer: str) -> str:
        """Return an answer that was read as it stands in a sentence."""
        return self.written(answer)
