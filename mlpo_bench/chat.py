"""The vocabulary every room shares: messages, how to sample, and what came back at what cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a completion is drawn.

    `temperature` 0 is greedy. `top_p` in (0, 1]; `top_k` 0 is off; `max_tokens` bounds the completion in the
    model's own tokens; `stop` strings end it and are not part of the text.
    """

    temperature: float = 0.7
    top_p: float = 1.0
    top_k: int = 0
    max_tokens: int = 512
    stop: tuple[str, ...] = ()

    @property
    def greedy(self) -> bool:
        """Whether every draw is the same, so that neither seed nor sample index matters."""
        return self.temperature == 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more completions. `prompt` counts fresh prompt tokens, `cached` those found in a cache."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0

    @property
    def total(self) -> int:
        """All tokens, read and written."""
        return self.prompt + self.cached + self.completion

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.prompt + other.prompt, self.cached + other.cached, self.completion + other.completion)


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model wrote. `finish_reason` is `length` where it was cut off; `seconds` from asked to answered."""

    text: str
    usage: Usage
    finish_reason: FinishReason
    seconds: float

    @property
    def cut_off(self) -> bool:
        """Whether the text ended because it reached `max_tokens`."""
        return self.finish_reason == "length"
