"""One question under one protocol, from the first turn to the transcript."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlpo_bench.errors import UsageError
from mlpo_bench.protocols.room import Room, seated


if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlpo_bench.chat import Sampling
    from mlpo_bench.dispatch import Dispatch
    from mlpo_bench.protocols.base import Protocol
    from mlpo_bench.protocols.room import Seat, Transcript
    from mlpo_bench.questions import Question
    from mlpo_bench.teams import Member, Team


@dataclass(frozen=True, slots=True)
class Setting:
    """What all conversations of a cell have in common: team, protocol, seed, and settings that go before others.

    `weights` are the members' scores on the train split, for protocols that weigh.
    """

    team: Team
    protocol: Protocol
    seed: int = 0
    overrides: dict[str, Any] = field(default_factory=dict)
    weights: Mapping[Member, float] = field(default_factory=dict)
    _seats: tuple[Seat, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_seats", seated(self.team))  # once for thousands of conversations

    async def converse(self, question: Question, dispatch: Dispatch, sampling: Sampling) -> Transcript:
        """Hold the conversation over one question.

        Raises:
            EngineError: an engine failed for good, or a prompt did not fit.
            UsageError: the protocol ends with something that is no text.
        """
        room = Room(question, self._seats, dispatch, sampling, self.overrides, self.seed, self.weights)
        final: object = await self.protocol.solve(question, room)
        if not isinstance(final, str):  # a protocol may be anybody's
            kind = type(final).__name__
            raise UsageError(f"protocol {self.protocol.name!r} ends with a {kind}, not with a text (a turn's `text`).")
        return room.transcript(final)
