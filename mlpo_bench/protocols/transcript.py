"""What was said in a conversation: its turns, what they cost, and what else a transcript tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlpo_bench.chat import MORE, Completion, Message, Usage, with_thinking


if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlpo_bench.chat import FinishReason
    from mlpo_bench.protocols.interventions import Alteration
    from mlpo_bench.questions import Question


@dataclass(frozen=True, slots=True)
class Turn:
    """One completion in a conversation.

    `stage` counts the steps of the conversation that had to wait for one another: turns of one stage ran side by
    side. `sample` tells apart equal requests of one stage. `answer` is what a reader finds in `text`, or None.
    `request` is the request's identity, 32 bytes, which equal turns of other conversations share. `seconds` are those
    that the engine took when the completion was made, `waited` those that this conversation waited for it, from `began`
    on (seconds since 1970, UTC; None where that is not known). `reasoning`, `refused`, `estimated` and `cache_written`
    are the completion's. `max_tokens` is how long it could become where a protocol said so.
    """

    seat: str
    round: int
    stage: int
    sample: int
    read: tuple[Message, ...]
    text: str
    answer: str | None
    usage: Usage
    finish_reason: FinishReason
    seconds: float
    request: bytes = b""
    waited: float = field(default=0.0, compare=False)
    began: float | None = field(default=None, compare=False)
    reasoning: str | None = None
    refused: bool = False
    estimated: bool = False
    cache_written: int = 0
    max_tokens: int | None = None

    @property
    def written(self) -> str:
        """All that was written, as others read it: thinking that a server told apart stands in front, in its tags."""
        return with_thinking(self.reasoning, self.text).strip()

    @property
    def completion(self) -> Completion:
        """What the model wrote, as a store holds it."""
        return Completion(
            self.text, self.usage, self.finish_reason, self.seconds, **{name: getattr(self, name) for name in MORE}
        )

    @property
    def more(self) -> dict[str, Any]:
        """What most turns have nothing of, by name (see `Completion.more`)."""
        told = {name: getattr(self, name) for name in (*MORE, "max_tokens")}
        return {name: value for name, value in told.items() if value}

    @property
    def cut_off(self) -> bool:
        """Whether the text ended because it reached its greatest length."""
        return self.finish_reason == "length"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a conversation cost if nothing were shared with others.

    `serial_calls` and `serial_seconds` measure its longest chain of turns that had to wait for one another.
    """

    calls: int = 0
    usage: Usage = Usage()
    seconds: float = 0.0
    serial_calls: int = 0
    serial_seconds: float = 0.0

    @classmethod
    def of(cls, turns: Sequence[Turn]) -> Cost:
        """Add up the turns of one conversation."""
        slowest: dict[int, float] = {}
        usage, seconds = Usage(), 0.0
        for turn in turns:
            usage += turn.usage
            seconds += turn.seconds
            slowest[turn.stage] = max(slowest.get(turn.stage, 0.0), turn.seconds)
        return cls(len(turns), usage, seconds, len(slowest), sum(slowest.values()))


@dataclass(frozen=True, slots=True)
class StandIns:
    """What the harness, which knows the gold answers, has ready for an intervention in one conversation.

    Attributes:
        texts: What is to be read instead of each of those who write side by side, None where there is nothing.
        pushed: An answer for members to push.
        drawn: The completions that all this was taken from.
    """

    texts: tuple[str | None, ...] = ()
    pushed: str | None = None
    drawn: tuple[Turn, ...] = ()


NOTHING_READY = StandIns()


@dataclass(frozen=True, slots=True)
class Transcript:
    """A question, its turns in the order in which they were asked, and the final text.

    `altered` tells what others read in place of a turn's text under an intervention, and `drawn` the completions, no
    part of the conversation, that such texts were taken from.
    """

    question: Question
    turns: tuple[Turn, ...]
    final: str
    altered: tuple[Alteration, ...] = ()
    drawn: tuple[Turn, ...] = ()

    @property
    def cost(self) -> Cost:
        """What the conversation cost."""
        return Cost.of(self.turns)

    @property
    def cut_off(self) -> bool:
        """Whether the final text ended because it reached its greatest length.

        A deferral that names nobody ends in no turn's text; what the last turn was cut off from is its choice.
        """
        return self._last.cut_off

    @property
    def refused(self) -> bool:
        """Whether the final text is a refusal."""
        return self._last.refused and self._last.text == self.final

    @property
    def _last(self) -> Turn:
        """The turn with the final text."""
        return next((t for t in reversed(self.turns) if t.text == self.final), self.turns[-1])
