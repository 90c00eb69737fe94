"""What a model's makers advise beside a draw: tokens made less likely, forbidden, or asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers.generation import logits_process

from mlpo_bench.engines import generation
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mlpo_bench.engines.generation import Generation

_Rule = Any  # transformers has no types

# How each is made, from its value, the prompt's length, the tokens that end an answer, and the device; in the order in
# which transformers applies them.
_MADE: dict[str, Callable[[Any, int, list[int], Any], _Rule]] = {
    "sequence_bias": lambda value, *_: logits_process.SequenceBiasLogitsProcessor(value),
    "repetition_penalty": lambda value, *_: logits_process.RepetitionPenaltyLogitsProcessor(value),
    "no_repeat_ngram_size": lambda value, *_: logits_process.NoRepeatNGramLogitsProcessor(value),
    "bad_words_ids": lambda value, _, ends, __: logits_process.NoBadWordsLogitsProcessor(value, ends),
    "min_new_tokens": lambda value, prompt, ends, device: logits_process.MinNewTokensLengthLogitsProcessor(
        prompt, value, ends, device
    ),
    "suppress_tokens": lambda value, _, __, device: logits_process.SuppressTokensLogitsProcessor(value, device),
    "begin_suppress_tokens": lambda value, prompt, _, device: logits_process.SuppressTokensAtBeginLogitsProcessor(
        value, prompt, device
    ),
}
FOLLOWED = tuple(name for name in _MADE if name != "repetition_penalty")
"""What of a model's own generation_config.json is followed here, beside what every engine can."""


class Rules:
    """Applies advice to one row at a time: what a row has read and written is its own, without any padding.

    Args:
        drawing: the advice in force.
        ends: the tokens that end an answer.
    """

    def __init__(self, drawing: Generation, ends: Sequence[int]) -> None:
        penalty = {} if drawing.repetition_penalty == 1 else {"repetition_penalty": drawing.repetition_penalty}
        advice = {**drawing.more, **penalty}
        self._advice = {name: advice[name] for name in _MADE if name in advice}
        self._ends = list(ends)

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._advice)

    def check(self, vocabulary: int, name: str) -> None:
        """Check that advice can be followed, by a row of nothing.

        Args:
            vocabulary: how many tokens the model has.
            name: what the person called the model.

        Raises:
            UsageError: some of it cannot.
        """
        for rule, value in self._advice.items():
            try:
                made = _MADE[rule](value, 1, self._ends, torch.device("cpu"))
                made(torch.zeros(1, 1, dtype=torch.long), torch.zeros(1, vocabulary))
            except Exception as fault:  # whatever transformers trips over
                reason = (str(fault).splitlines() or [type(fault).__name__])[0].rstrip(".")
                raise UsageError(
                    f"the {generation.FILE} of {name} says {rule}: {value!r}, which transformers cannot follow "
                    f"({reason}); `generation: task` does without it."
                ) from fault

    def applied(self, logits: torch.Tensor, seen: Sequence[int], prompt: int) -> torch.Tensor:
        """Return a row's logits, of shape (1, vocabulary), with the advice applied.

        Args:
            logits: as the model gave them.
            seen: the tokens that it has read and written.
            prompt: how many of them it has read.
        """
        ids = torch.tensor([list(seen)], device=logits.device)
        for name, value in self._advice.items():
            logits = _MADE[name](value, prompt, self._ends, logits.device)(ids, logits)
        return logits
