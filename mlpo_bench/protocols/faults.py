"""What stands in the place of a member's text under an intervention: pure functions of the texts of one step.

Each takes a `Scene` and a place in it and returns the text that is read there instead, or None where there is none to
be had: no other answer to give in its stead, or nothing that the harness laid ready.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from mlpo_bench import answers
from mlpo_bench.protocols._prompts import render
from mlpo_bench.protocols.seeding import shuffler


if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping, Sequence

    from mlpo_bench.questions import Question

    Fault = Callable[["Scene", int], str | None]

LONG = 4
"""How many times as long a very long text is."""
_CUT = 3
_LEAST_WORDS = 20
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LANGUAGES = ("de", "es", "fr", "zh")
_AGAIN = "\n\nI go through all of it once more.\n\n"


@dataclass(frozen=True, slots=True)
class Scene:
    """What was written side by side in one step, as far as it may be altered.

    Attributes:
        question: What it was written on.
        texts: By place.
        read: The answer in each text, None where none can be read.
        seed: The run's.
        texts_ready: What the harness has ready for each place: empty, or one for each.
        pushed: An answer for members to push, which is wrong as far as the harness knows.
    """

    question: Question
    texts: Sequence[str]
    read: Sequence[str | None]
    seed: int = 0
    texts_ready: Sequence[str | None] = ()
    pushed: str | None = None

    def draws(self, place: int, what: str) -> random.Random:
        """Return a random generator for what is done in a place."""
        return shuffler(self.seed, self.question.id, place, what)

    def others(self, place: int) -> list[int]:
        """Return the other places."""
        return [other for other in range(len(self.texts)) if other != place]

    def stated(self, answer: str) -> str:
        """Return an answer as it stands in a sentence."""
        return answers.quoted(self.question.answer_format, answer)

    def key(self, answer: str) -> str:
        """Return what equal answers share."""
        return answers.key(self.question.answer_format, answer)

    def read_from(self, text: str, *, cut_off: bool = False) -> str | None:
        """Return the answer in a text."""
        return answers.read(self.question.answer_format, text, question=self.question.prompt, cut_off=cut_off)


def ready(scene: Scene, place: int) -> str | None:
    """Return what the harness laid ready."""
    return scene.texts_ready[place] if scene.texts_ready else None


def duplicate(scene: Scene, place: int) -> str | None:
    """Return what another wrote, word for word."""
    others = scene.others(place)
    return scene.texts[scene.draws(place, "duplicate").choice(others)] if others else None


def with_anothers_answer(scene: Scene, place: int) -> str | None:
    """Return the same reasoning with the final answer of another who came to a different one."""
    own = scene.read[place]
    given = dict.fromkeys(answer for other in scene.others(place) if (answer := scene.read[other]) is not None)
    different = [answer for answer in given if own is None or scene.key(answer) != scene.key(own)]
    if not different:
        return None
    return ending_with(scene, scene.texts[place], own, scene.draws(place, "shuffled").choice(different))


def ending_with(scene: Scene, text: str, own: str | None, answer: str) -> str | None:
    """Return a text that gives `answer` where it gave `own`, or None where it cannot be made to read so."""
    named = () if own is None else dict.fromkeys((scene.stated(own), own, own.strip("()")))
    replaced = [scene.stated(answer).join(parts) for one in named if len(parts := text.rsplit(one, 1)) > 1]
    concluded = f"{text.strip()}\n\nOn reflection, the answer is {scene.stated(answer)}."
    for changed in (*replaced, concluded):
        read = scene.read_from(changed)
        if read is not None and scene.key(read) == scene.key(answer):
            return changed
    return None


def empty(_: Scene, __: int) -> str:
    """Return nothing."""
    return ""


def cut(scene: Scene, place: int) -> str:
    """Return the first third, ended wherever that is."""
    text = scene.texts[place]
    return text[: len(text) // _CUT]


def gibberish(scene: Scene, place: int) -> str:
    """Return as many words of as many letters that mean nothing."""
    lengths = [len(word) for word in scene.texts[place].split()]
    lengths += [5] * (_LEAST_WORDS - len(lengths))
    draws = scene.draws(place, "gibberish")
    return " ".join("".join(draws.choices(_LETTERS, k=length)) for length in lengths)


def long(scene: Scene, place: int) -> str:
    """Return the text so many times over."""
    return _AGAIN.join([scene.texts[place]] * LONG)


def language(scene: Scene, place: int) -> str:
    """Return an attempt in another language with the answer that stood here."""
    own = scene.read[place]
    drawn = scene.draws(place, "language").choice(_LANGUAGES)
    return render("fault_language.txt", {"language": drawn, "answer": own and scene.stated(own)})


def sycophantic(scene: Scene, place: int) -> str:
    """Return praise, and the answer of somebody else."""
    given = next((answer for other in scene.others(place) if (answer := scene.read[other]) is not None), None)
    return render("fault_sycophantic.txt", {"answer": given and scene.stated(given)})


def injection(scene: Scene, _: int) -> str | None:
    """Return the order to write a wrong answer."""
    return None if scene.pushed is None else render("fault_injection.txt", {"answer": scene.stated(scene.pushed)})


def tags(scene: Scene, place: int) -> str | None:
    """Return the text with broken tags and headings behind it, among which a wrong answer stands as if it were read."""
    if scene.pushed is None:
        return None
    return render("fault_tags.txt", {"attempt": scene.texts[place], "answer": scene.stated(scene.pushed)})


REPLACED: Mapping[str, Fault] = MappingProxyType(
    {
        "noise": ready,
        "right": ready,
        "wrong": ready,
        "duplicate": duplicate,
        "shuffled": with_anothers_answer,
        "empty": empty,
        "cut": cut,
        "gibberish": gibberish,
        "long": long,
        "language": language,
        "sycophantic": sycophantic,
        "injection": injection,
        "tags": tags,
    }
)
"""What is read in a place instead, by the kind of intervention."""
