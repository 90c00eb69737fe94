"""The vocabulary every room shares: messages, how to sample, and what came back at what cost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length"]
MORE = ("reasoning", "refused", "estimated", "cache_written")
"""The fields of a completion that most have nothing of (see `Completion.more`)."""


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
    """Tokens of one or more completions. `prompt` counts fresh prompt tokens, `cached` those found in a cache.

    `cache_written` counts those of `prompt` that a server says it wrote to its cache, where that has a price.
    """

    prompt: int = 0
    cached: int = 0
    completion: int = 0
    cache_written: int = 0

    @property
    def total(self) -> int:
        """All tokens, read and written."""
        return self.prompt + self.cached + self.completion

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt + other.prompt,
            self.cached + other.cached,
            self.completion + other.completion,
            self.cache_written + other.cache_written,
        )


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model wrote. `finish_reason` is `length` where it was cut off; `seconds` from asked to answered.

    `reasoning` is what a server tells of the model's thinking apart from the text. `refused` says that the model, or
    what guards it, would not answer; the text is what it said instead. `estimated` says that its tokens were not
    told, and are counted roughly. `cache_written` counts the fresh tokens of the prompt that a server says it wrote to
    its cache. `asked_at` is when it was made, in seconds since 1970, where that is known.
    """

    text: str
    usage: Usage
    finish_reason: FinishReason
    seconds: float
    reasoning: str | None = None
    refused: bool = False
    estimated: bool = False
    cache_written: int = 0
    asked_at: float | None = field(default=None, compare=False)

    @property
    def more(self) -> dict[str, Any]:
        """What most completions have nothing of, by name, as plain values: files hold it only where there is any."""
        told = {name: getattr(self, name) for name in MORE}
        return {name: value for name, value in told.items() if value}

    @property
    def cut_off(self) -> bool:
        """Whether the text ended because it reached `max_tokens`."""
        return self.finish_reason == "length"

    @property
    def written(self) -> str:
        """All that was written: the text, behind thinking that a server told apart."""
        return with_thinking(self.reasoning, self.text)


def with_thinking(reasoning: str | None, text: str) -> str:
    """Return a text as a model writes it that thinks in the open: thinking that was told apart, in tags, before it."""
    return text if not reasoning else f"<think>\n{reasoning.strip()}\n</think>\n\n{text.strip()}"
