"""What to lower when a model does not fit a device's memory."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from mlpo_bench.engines.out_of_memory import ran_out
from mlpo_bench.engines.threads import import_torch
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlpo_bench.training.recipe import Recipe


@contextlib.contextmanager
def enough_memory(recipe: Recipe, stage: str) -> Iterator[None]:
    """Turn a device's or this machine's lack of memory inside into a sentence that names the settings to lower.

    Raises:
        UsageError: memory ran out.
    """
    import_torch()
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # torch's own kinds are RuntimeErrors
        if not ran_out(error):
            raise
        raise UsageError(remedy(recipe, stage)) from error


def remedy(recipe: Recipe, stage: str) -> str:
    """Return what to lower, the cheapest first. What was trained until the last checkpoint is kept."""
    section = recipe.sft if stage == "sft" else recipe.mlpo
    advice = []
    if section.micro_batch > 1:
        advice.append(f"lower {stage}.micro_batch (now {section.micro_batch})")
    if not section.gradient_checkpointing:
        advice.append(f"set {stage}.gradient_checkpointing to true")
    if stage == "sft":
        advice.append(f"lower sft.max_length (now {recipe.sft.max_length})")
    else:
        advice.append(f"lower mlpo.max_tokens (now {recipe.mlpo.max_tokens})")
    if recipe.adapter is None:
        advice.append("train an adapter in place of all weights (adapter: {rank: 16})")
    advice.append("spread the training over more devices with `accelerate launch`")
    return f"memory ran out in the stage {stage}: {'; or '.join(advice)}. The same command then goes on."
