"""One question under one protocol, from the first turn to the transcript."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlpo_bench.errors import UsageError
from mlpo_bench.protocols import _checks
from mlpo_bench.protocols.room import Room, seated
from mlpo_bench.protocols.transcript import NOTHING_READY


if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlpo_bench.chat import Sampling
    from mlpo_bench.dispatch import Dispatch
    from mlpo_bench.protocols.base import Protocol
    from mlpo_bench.protocols.interventions import Intervention
    from mlpo_bench.protocols.room import Seat
    from mlpo_bench.protocols.transcript import StandIns, Transcript
    from mlpo_bench.questions import Question
    from mlpo_bench.teams import Member, Team


@dataclass(frozen=True, slots=True)
class Setting:
    """What all conversations of a cell have in common: team, protocol, seed, and settings that override others.

    `weights` are the members' scores on the train split, for protocols that weigh; `intervention` is what is altered of
    what seats read of one another.
    """

    team: Team
    protocol: Protocol
    seed: int = 0
    overrides: dict[str, Any] = field(default_factory=dict)
    weights: Mapping[Member, float] = field(default_factory=dict)
    intervention: Intervention | None = None
    _seats: tuple[Seat, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_seats", seated(self.team))  # once for thousands of conversations

    @property
    def seats(self) -> tuple[Seat, ...]:
        """Who sits in its rooms, the leader first."""
        return self._seats

    async def converse(
        self, question: Question, dispatch: Dispatch, sampling: Sampling, stand_ins: StandIns = NOTHING_READY
    ) -> Transcript:
        """Hold the conversation over one question; `stand_ins` are what the harness has ready for an intervention.

        Raises:
            EngineError: an engine failed for good, or a prompt did not fit.
            UsageError: the protocol ends with something that is no text, or has asked nobody.
        """
        room = self.room(question, dispatch, sampling)
        room.intervention, room.stand_ins = self.intervention, stand_ins
        final: object = await self.protocol.solve(question, room)
        held = room.transcript(_checks.text(self.protocol.name, "ends with", final, "a text (a turn's `text`)"))
        if not held.turns:
            raise UsageError(f"protocol {self.protocol.name!r} has asked nobody: its text would be no model's answer.")
        return held

    def sampling(self, member: Member, task: Sampling, max_tokens: int | None = None) -> Sampling:
        """Return how a member's answer is drawn: as the task says, the member, the run, then the protocol.

        Args:
            member: Who answers.
            task: How the task wants answers drawn.
            max_tokens: How long the protocol lets this answer become; None where it does not say.
        """
        given = self.overrides if max_tokens is None else {**self.overrides, "max_tokens": max_tokens}
        return replace(member.sampling.over(task), **given)

    def room(self, question: Question, dispatch: Dispatch, sampling: Sampling) -> Room:
        """Return a room for a question, in which nothing has been said."""
        return Room(
            question,
            self._seats,
            dispatch,
            sampling,
            self.overrides,
            self.seed,
            self.weights,
            protocol=self.protocol.name,
        )
