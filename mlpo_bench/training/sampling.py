"""Completions of the leader to its training prompts, before it is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_bench.dispatch import Request
from mlpo_bench.training.asking import drawn
from mlpo_bench.training.judging import judged_aside
from mlpo_bench.training.prompts import chat_of
from mlpo_bench.training.rows import Sample


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mlpo_bench.chat import Completion
    from mlpo_bench.training.asking import Table
    from mlpo_bench.training.recipe import Recipe
    from mlpo_bench.training.rows import Prompt

TOO_LONG = (
    "Lower rollouts.max_tokens, so that openings are shorter, or traces.max_tokens; show fewer attempts (prompts), or "
    "name a leader with a longer context."
)


async def sample_leader(recipe: Recipe, prompts: Sequence[Prompt], count: int, asked: Table) -> list[list[Sample]]:
    """Return so many completions of the leader for each prompt, judged.

    Raises:
        UsageError: a prompt does not fit the leader's context.
        EngineError: an engine failed for good.
        Stopped: a person wants an end.
    """
    asked.check_context((r for prompt in prompts for r in requests(recipe, prompt, 1)), TOO_LONG)

    async def answer(prompt: Prompt) -> list[Sample]:
        replies = await asked.dispatch.ask_each(requests(recipe, prompt, count), seed=recipe.seed)
        return [await _sample(prompt, number, reply.completion) for number, reply in enumerate(replies)]

    samples = await asked.each("completions of the leader", prompts, answer, len(prompts) * count)
    made = [
        (request, leading(prompt.suite), one.completion_tokens)
        for prompt, of_prompt in zip(prompts, samples, strict=True)
        for request, one in zip(requests(recipe, prompt, count), of_prompt, strict=True)
    ]
    asked.note_pace(made, (prompt.messages[-1]["content"] for prompt in prompts))
    return samples


def requests(recipe: Recipe, prompt: Prompt, count: int) -> list[Request]:
    """Return what the leader is asked for so many completions of a prompt."""
    sampling = drawn(recipe.leader, prompt.sampling, recipe.traces)
    messages = chat_of(prompt)
    return [Request(recipe.leader, messages, sampling, sample) for sample in range(count)]


def leading(suite: str) -> str:
    """Return under which name it is kept how long leaders' completions are, whose peers may be the same model."""
    return f"leading {suite}"


async def _sample(prompt: Prompt, number: int, made: Completion) -> Sample:
    judged = await judged_aside(prompt, made.text, cut_off=made.cut_off)
    return Sample(
        prompt_id=prompt.prompt_id,
        sample=number,
        text=made.text,
        answer=judged.answer,
        right=judged.right,
        formed=judged.formed,
        cut_off=made.cut_off,
        prompt_tokens=made.usage.prompt + made.usage.cached,
        completion_tokens=made.usage.completion,
    )


def spent(samples: Iterable[Sample]) -> dict[str, float]:
    """Return what some completions took, for the ledger."""
    every = list(samples)
    return {
        "calls": len(every),
        "prompt_tokens": sum(one.prompt_tokens for one in every),
        "completion_tokens": sum(one.completion_tokens for one in every),
    }
