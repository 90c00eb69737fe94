"""The stage `traces`: what a leader is first fine-tuned on, made of its own completions.

Of each prompt that it answers right always, one completion stays; of each that it answers right sometimes, a wrong
and a right one become a trace that goes wrong and turns back. Prompts that it never answers right are left out. A
trace that does not end in the right answer, or lacks the form that its prompt requires, is left out and counted.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlpo_bench.chat import Usage
from mlpo_bench.dispatch import Request
from mlpo_bench.errors import ContextOverflow, UsageError
from mlpo_bench.protocols.room import chat_for
from mlpo_bench.protocols.seeding import shuffler
from mlpo_bench.training.asking import drawn, table
from mlpo_bench.training.judging import judged_aside
from mlpo_bench.training.rows import Prompt, Sample, Trace, read_rows, write_rows
from mlpo_bench.training.sampling import sample_leader, spent
from mlpo_bench.training.splicing import in_form, spliced, writing_prompt


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mlpo_bench.training.asking import Table
    from mlpo_bench.training.folder import TrainingFolder, Work
    from mlpo_bench.training.observer import TrainingObserver
    from mlpo_bench.training.recipe import Recipe

# Why a prompt has no trace, or which it has; told and recorded in this order.
KEPT, BACKTRACK = "kept", "backtrack"
ALL_WRONG, NO_FORM = "never right", "right, but never in form"
BAD_END, TOO_LONG = "written without the right end or form", "too long to be written"
FATES = (KEPT, BACKTRACK, ALL_WRONG, NO_FORM, BAD_END, TOO_LONG)


@dataclass(frozen=True, slots=True)
class Made:
    """What became of a prompt: its trace or why it has none, and what writing it took."""

    fate: str
    trace: Trace | None = None
    calls: int = 0
    usage: Usage = Usage()


async def run(folder: TrainingFolder, work: Work, store_path: Path, observer: TrainingObserver) -> None:
    """Make `completions.parquet` and `traces.parquet`.

    Raises:
        UsageError: no trace came out, a prompt does not fit the leader, or the leader cannot be served.
        EngineError: an engine failed for good.
        Stopped: a person wants an end.
    """
    recipe = folder.recipe
    prompts = read_rows(folder.prompts, Prompt)
    async with table([recipe.leader.spec], store_path, observer, deterministic=recipe.deterministic) as asked:
        samples = await sample_leader(recipe, prompts, recipe.traces.samples, asked)
        write_rows(folder.completions, Sample, [one for of_prompt in samples for one in of_prompt])
        made = await make_traces(recipe, prompts, samples, asked)
    work.spent |= _spent(samples, made)
    fates = Counter(one.fate for one in made)
    work.facts |= {"fates": {fate: fates[fate] for fate in FATES}}
    told = ", ".join(f"{fates[fate]} {fate}" for fate in FATES if fates[fate])
    observer.say(f"{len(prompts):,} prompts answered {recipe.traces.samples} times each: {told}")
    traces = [one.trace for one in made if one.trace is not None]
    if not traces:
        raise UsageError(
            f"no trace came out of {len(prompts)} prompts ({told}). Draw more completions (traces.samples), let them "
            "be spliced (traces.writer), or take a method without sft."
        )
    write_rows(folder.traces, Trace, traces)


async def make_traces(
    recipe: Recipe, prompts: Sequence[Prompt], samples: Sequence[Sequence[Sample]], asked: Table
) -> list[Made]:
    """Return what becomes of each prompt, given the leader's completions of it."""

    async def make(one: tuple[Prompt, Sequence[Sample]]) -> Made:
        return await _trace(recipe, *one, asked)

    return await asked.each("traces made", list(zip(prompts, samples, strict=True)), make)


async def _trace(recipe: Recipe, prompt: Prompt, samples: Sequence[Sample], asked: Table) -> Made:
    rights = [one for one in samples if one.right]
    if not rights:
        return Made(ALL_WRONG)
    right = _chosen(prompt, rights, recipe.seed)
    if len(rights) == len(samples):
        if recipe.traces.writer == "model" and not right.formed:
            return Made(NO_FORM)
        return await _checked(prompt, in_form(prompt, right), KEPT)
    wrong = _chosen(prompt, [one for one in samples if not one.right], recipe.seed)
    if recipe.traces.writer == "spliced":
        return await _checked(prompt, spliced(prompt, wrong, right, recipe.seed), BACKTRACK)
    return await _written(recipe, prompt, wrong, right, asked)


async def _written(recipe: Recipe, prompt: Prompt, wrong: Sample, right: Sample, asked: Table) -> Made:
    """Return what becomes of a prompt whose trace the leader writes itself."""
    try:
        (reply,) = await asked.dispatch.ask_each([writing_request(recipe, prompt, wrong, right)], seed=recipe.seed)
    except ContextOverflow:
        return Made(TOO_LONG)
    made = reply.completion
    trace = Made(BAD_END) if made.cut_off else await _checked(prompt, made.text.strip(), BACKTRACK)
    return replace(trace, calls=1, usage=made.usage)


def writing_request(recipe: Recipe, prompt: Prompt, wrong: Sample, right: Sample) -> Request:
    """Return what the leader is asked so that it writes a trace; it may be as long as both completions."""
    leader = recipe.leader
    sampling = drawn(leader, prompt.sampling, recipe.traces)
    messages = chat_for(leader, (), writing_prompt(prompt, wrong, right))
    return Request(leader, messages, replace(sampling, max_tokens=2 * sampling.max_tokens), 0)


async def _checked(prompt: Prompt, text: str, kind: str) -> Made:
    """Return a trace if it ends in the right answer and has the form that its prompt requires."""
    judged = await judged_aside(prompt, text)
    if not (judged.right and judged.formed):
        return Made(BAD_END)
    return Made(kind, Trace(prompt.prompt_id, prompt.question_id, prompt.messages, text, kind))


def _chosen(prompt: Prompt, samples: Sequence[Sample], seed: int) -> Sample:
    """Return one of the samples that say most: in form, then with a readable answer, then not cut off."""

    def worth(one: Sample) -> tuple[bool, bool, bool]:
        return one.formed, one.answer is not None, not one.cut_off

    best = max(map(worth, samples))
    return shuffler(seed, prompt.prompt_id, "chosen").choice([one for one in samples if worth(one) == best])


def _spent(samples: Sequence[Sequence[Sample]], made: Sequence[Made]) -> dict[str, float]:
    total = spent(one for of_prompt in samples for one in of_prompt)
    total["calls"] += sum(one.calls for one in made)
    total["prompt_tokens"] += sum(one.usage.prompt + one.usage.cached for one in made)
    total["completion_tokens"] += sum(one.usage.completion for one in made)
    return total
