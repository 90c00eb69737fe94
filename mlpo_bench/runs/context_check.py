"""Whether a protocol's longest prompt fits every member's context, before anything is asked."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from mlpo_bench.errors import UsageError
from mlpo_bench.protocols.room import chat_for


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.chat import Sampling
    from mlpo_bench.engines import Engine
    from mlpo_bench.harness.samples import Sample
    from mlpo_bench.matrix.cells import Cell
    from mlpo_bench.teams import Member, ModelSpec

# A generous bound on what prompts say around questions and attempts, in tokens.
WORDING = 256
MOST_TOKENS = 2**31 - 1
# Token counts follow lengths in characters closely enough that the longest prompt is among these many.
CANDIDATES = 16


def check_context(
    cells: Sequence[Cell], samples: Mapping[str, Sequence[Sample]], engines: Mapping[ModelSpec, Engine]
) -> None:
    """Compare the longest that any prompt can become with every member's context.

    Raises:
        UsageError: it may not fit; the message has the numbers. The question is never cut to make it fit.
    """
    longest = {name: _longest(samples[name]) for name in dict.fromkeys(cell.suite for cell in cells)}
    for cell in cells:
        for member in cell.setting.team.distinct:
            _check(cell, member, longest[cell.suite], engines[member.spec])


def _longest(samples: Sequence[Sample]) -> list[Sample]:
    """Return those with the longest questions, the longest last."""
    lengths = ((len(sample.question.prompt), place) for place, sample in enumerate(samples))
    return [samples[place] for _, place in reversed(heapq.nlargest(CANDIDATES, lengths))]


def _check(cell: Cell, member: Member, longest: Sequence[Sample], engine: Engine) -> None:
    usual, answer = _answers(cell, member, longest[-1].sampling)
    question = max(engine.count_tokens(chat_for(member, a.question.preamble, a.question.prompt)) for a in longest)
    intervention = cell.setting.intervention
    reads = cell.setting.protocol.reads(cell.peers) + (intervention.longer if intervention else 0)
    # Whose answers a prompt holds is the protocol's to say: those of whoever writes most, to be safe.
    read = max(_answers(cell, other, longest[-1].sampling)[1] for other in cell.setting.team.distinct)
    need = question + reads * read + (WORDING if reads else 0) + answer
    if need <= engine.facts.context:
        return
    if answer != usual:
        raise UsageError(
            f"{cell.name!r} on {cell.suite} may need {need} tokens, but {engine.facts.name} holds "
            f"{engine.facts.context}: {question} for the longest question, {answer} for its own words. Let it hold "
            f"fewer of them: -P {cell.setting.protocol.name}.holds={max(1, answer - need + engine.facts.context)}."
        )
    attempts = f", {reads} x {read} for the answers that it reads, {WORDING} for wording" if reads else ""
    raise UsageError(
        f"{cell.name!r} on {cell.suite} may need {need} tokens, but {engine.facts.name} holds "
        f"{engine.facts.context}: {question} for the longest question{attempts}, {answer} to answer. Lower the "
        "answers' length (--gen-kwargs max_gen_toks=N), ask fewer peers (--peers), or take a model with a longer "
        "context; questions are never cut."
    )


def _answers(cell: Cell, member: Member, base: Sampling) -> tuple[int, int]:
    """Return how long an answer of a member may be, in tokens: as it is sampled, and as the protocol bounds it."""
    usual = cell.setting.sampling(member, base).max_tokens
    asked = cell.with_samples(MOST_TOKENS) if cell.matched and cell.setting.protocol.spends else cell
    return usual, asked.setting.protocol.longest(usual)
