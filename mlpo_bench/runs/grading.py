"""The benchmark's word on a conversation: on its final text, and on every turn that led to it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from mlpo_bench import answers
from mlpo_bench.answers import FORMATS
from mlpo_bench.harness.verdicts import Judged, TurnVerdict


if TYPE_CHECKING:
    from mlpo_bench.harness.samples import Sample
    from mlpo_bench.harness.suite import SuiteTasks
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.protocols import Transcript


async def judged(cell: Cell, suite: SuiteTasks, sample: Sample, transcript: Transcript) -> Judged:
    """Return a conversation with the verdicts on it; where the harness chooses the final text, with its choice."""
    if FORMATS[sample.question.answer_format].slow:
        return await asyncio.to_thread(_judged, cell, suite, sample, transcript)
    return _judged(cell, suite, sample, transcript)


def _judged(cell: Cell, suite: SuiteTasks, sample: Sample, transcript: Transcript) -> Judged:
    verdicts = tuple(_of_turn(suite, sample, turn.answer) for turn in transcript.turns)
    verdict = suite.judge(sample, transcript.final, cut_off=transcript.cut_off)
    if cell.setting.protocol.ceiling and not verdict.right:
        for turn, of_turn in zip(transcript.turns, verdicts, strict=True):
            if of_turn.right:
                return Judged(
                    replace(transcript, final=turn.text), suite.judge(sample, turn.text, cut_off=turn.cut_off), verdicts
                )
    altered = tuple(_of_turn(suite, sample, one.answer) for one in transcript.altered)
    return Judged(transcript, verdict, verdicts, altered)


def _of_turn(suite: SuiteTasks, sample: Sample, answer: str | None) -> TurnVerdict:
    key = None if answer is None else answers.key(sample.question.answer_format, answer)
    return TurnVerdict(key, suite.right(sample, answer))
