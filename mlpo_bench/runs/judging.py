"""The benchmark's word on a conversation: on its final text, and on every turn that led to it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlpo_bench import answers
from mlpo_bench.answers import FORMATS


if TYPE_CHECKING:
    from mlpo_bench.harness.suite import Asked, Suite, Verdict
    from mlpo_bench.matrix import Cell
    from mlpo_bench.protocols import Transcript


@dataclass(frozen=True, slots=True)
class TurnVerdict:
    """What a turn's text came to: `key`, which equal answers share (None where none could be read), and whether right.

    A turn is judged as if its text had been the final one. No seat ever learns of it.
    """

    key: str | None
    right: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """A conversation that came to its end, the verdict on its final text, and one on each of its turns."""

    transcript: Transcript
    verdict: Verdict
    turns: tuple[TurnVerdict, ...]


async def judged(cell: Cell, suite: Suite, asked: Asked, transcript: Transcript) -> Judged:
    """Return a conversation with the verdicts on it; where the harness chooses the final text, with its choice."""
    if FORMATS[asked.question.answer_format].slow:
        return await asyncio.to_thread(_judged, cell, suite, asked, transcript)
    return _judged(cell, suite, asked, transcript)


def _judged(cell: Cell, suite: Suite, asked: Asked, transcript: Transcript) -> Judged:
    verdicts = tuple(_of_turn(asked, turn.answer) for turn in transcript.turns)
    verdict = suite.judge(asked, transcript.final, cut_off=transcript.cut_off)
    if cell.setting.protocol.ceiling and not verdict.right:
        for turn, found in zip(transcript.turns, verdicts, strict=True):
            if found.right:
                return Judged(
                    replace(transcript, final=turn.text), suite.judge(asked, turn.text, cut_off=turn.cut_off), verdicts
                )
    return Judged(transcript, verdict, verdicts)


def _of_turn(asked: Asked, answer: str | None) -> TurnVerdict:
    if answer is None:
        return TurnVerdict(None, right=False)
    form = asked.question.answer_format
    return TurnVerdict(answers.key(form, answer), answers.judge(form, answer, asked.gold))
