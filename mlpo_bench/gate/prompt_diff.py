"""Where two prompts part ways, in a few words."""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from mlpo_bench.chat import Sampling
from mlpo_bench.gate.recording import as_prompt


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mlpo_bench.engines.recorded import Missing
    from mlpo_bench.gate.recording import Conversation, Recorded, Recording, TurnSeen

_AROUND = 4
_PLACES = 3
_LONGEST = 12


def closest(asked: Missing, conversation: Conversation, recording: Recording) -> TurnSeen | None:
    """Return the turn of a recorded conversation whose prompt is most like a request; the earliest of equals."""
    words = _words(as_prompt(asked.messages))
    matcher: SequenceMatcher[str] = SequenceMatcher(autojunk=False)
    matcher.set_seq2(words)
    counted = Counter(words)

    def likeness(turn: TurnSeen) -> tuple[float, float]:
        """Return how many words are the same, whatever their order, and then how many in this order."""
        its = _words(recording.requests[turn.request].prompt)
        matcher.set_seq1(its)
        return (counted & Counter(its)).total() / (len(words) + len(its)), matcher.ratio()

    return max(conversation.turns, key=likeness, default=None)


def told_apart(now: Missing | Recorded, before: Recorded) -> str:
    """Return how a request differs from a recorded one: its words, or else how it is sampled."""
    mine, its = _words(as_prompt(now.messages or ())), _words(before.prompt)
    if mine != its:
        moved = "the same words in another order: " if Counter(mine) == Counter(its) else ""
        return moved + " ... ".join(_changes(its, mine))
    if now.sampling and before.sampling and now.sampling != before.sampling:
        changed = [n for n in Sampling.__slots__ if getattr(now.sampling, n) != getattr(before.sampling, n)]
        return ", ".join(f"{n} {getattr(now.sampling, n)}, was {getattr(before.sampling, n)}" for n in changed)
    if as_prompt(now.messages or ()) != before.prompt:
        return "the same words, spaced differently"
    return "the same prompt and sampling: another draw, another seed, another model, or another way to identify them"


def _words(text: str) -> list[str]:
    return re.findall(r"\S+", text)


def _changes(before: Sequence[str], now: Sequence[str]) -> Iterator[str]:
    """Yield the places where words changed, each with some words around it."""
    codes = SequenceMatcher(a=before, b=now, autojunk=False).get_opcodes()
    changed = [code for code in codes if code[0] != "equal"]
    for _, start, end, new_start, new_end in changed[:_PLACES]:
        gone, come = before[start:end], now[new_start:new_end]
        marked = [f"[-{_short(gone)}-]"] * bool(gone) + [f"{{+{_short(come)}+}}"] * bool(come)
        yield " ".join([*before[max(start - _AROUND, 0) : start], *marked, *before[end : end + _AROUND]])
    if len(changed) > _PLACES:
        yield f"and {len(changed) - _PLACES} more places"


def _short(words: Sequence[str]) -> str:
    return " ".join(words) if len(words) <= _LONGEST else f"{' '.join(words[:_LONGEST])} ..."
