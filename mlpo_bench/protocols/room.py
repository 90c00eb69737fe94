"""Where members confer over one question: protocols ask seats, the room keeps the transcript."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlpo_bench import answers
from mlpo_bench.chat import Message, Sampling
from mlpo_bench.dispatch import Request
from mlpo_bench.protocols import _checks
from mlpo_bench.protocols.draws import numbered
from mlpo_bench.protocols.faults import Scene
from mlpo_bench.protocols.interventions import Alteration
from mlpo_bench.protocols.transcript import NOTHING_READY, Transcript, Turn


if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from mlpo_bench.dispatch import Dispatch, Reply
    from mlpo_bench.protocols.interventions import Intervention
    from mlpo_bench.protocols.transcript import StandIns
    from mlpo_bench.questions import Question
    from mlpo_bench.teams import Member, Team


@dataclass(frozen=True, slots=True)
class Seat:
    """A member's place in this room: `leader`, `peer 1`, `peer 2`, ...; `kind` is one number for one member's seats."""

    name: str
    member: Member
    kind: int = 0


def seated(team: Team) -> tuple[Seat, ...]:
    """Return the seats of a team: the leader, then the peers."""
    members = list(team.members)
    return tuple(Seat(name=name, member=member, kind=members.index(member)) for name, member in team.seats.items())


@dataclass(slots=True)
class Room:
    """One question's conversation.

    Args:
        question: what is asked.
        seats: who sits here, the leader first (see `seated`).
        dispatch: the way to the engines.
        sampling: how answers are drawn where a member does not say otherwise.
        overrides: settings that override a member's own (a command line's `--gen-kwargs`).
        seed: the run's seed.
        weights: the members' scores on the train split, for protocols that weigh.
        intervention: what is altered of what others get to read.
        stand_ins: what the harness has ready for it.
        protocol: what the protocol is called by which they confer.
    """

    question: Question
    seats: tuple[Seat, ...]
    dispatch: Dispatch
    sampling: Sampling
    overrides: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    weights: Mapping[Member, float] = field(default_factory=dict)
    intervention: Intervention | None = None
    stand_ins: StandIns = NOTHING_READY
    protocol: str = "?"
    _turns: list[Turn | None] = field(default_factory=list, init=False)
    _stages: int = field(default=0, init=False)
    _passed_on: dict[tuple[int, ...], list[Turn | None]] = field(default_factory=dict, init=False)
    _altered: list[Alteration] = field(default_factory=list, init=False)

    @property
    def leader(self) -> Seat:
        """The leader's seat."""
        return self.seats[0]

    @property
    def peers(self) -> tuple[Seat, ...]:
        """The peers' seats."""
        return self.seats[1:]

    async def ask(
        self,
        seat: Seat,
        prompt: str,
        *,
        round: int,  # noqa: A002 - the field's word
        sample: int | None = None,
        max_tokens: int | None = None,
        after: Turn | None = None,
    ) -> Turn:
        """Ask one seat, and wait for its answer.

        Args:
            seat: whom.
            prompt: what.
            round: in which round.
            sample: which draw of this request is meant, where that is given.
            max_tokens: how long the answer may be, in place of what task, member and command line say.
            after: The turn that the conversation goes on from, with all that was read and written in it before; it
                begins with this prompt where that is left out.
        """
        samples = None if sample is None else [sample]
        (turn,) = await self._ask([seat], [self._chat(seat.member, prompt, after)], round, samples, max_tokens)
        return turn

    async def ask_each(
        self,
        seats: Sequence[Seat],
        prompts: str | Sequence[str],
        *,
        round: int,  # noqa: A002
        after: Sequence[Turn] | None = None,
    ) -> list[Turn]:
        """Ask several seats side by side (a seat may stand there more than once), each its prompt or all the same.

        Args:
            seats: whom.
            prompts: what.
            round: in which round.
            after: For each seat the turn that its conversation goes on from (see `ask`).

        Returns:
            Their turns, in the order of `seats`.
        """
        each = [prompts] * len(seats) if isinstance(prompts, str) else prompts
        before: Sequence[Turn | None] = [None] * len(seats) if after is None else after
        asked = zip(seats, each, before, strict=True)
        chats = [self._chat(seat.member, prompt, turn) for seat, prompt, turn in asked]
        return await self._ask(seats, chats, round, None)

    def readings(
        self, turns: Sequence[Turn], *, own: int | None = None, order: Sequence[int] | None = None
    ) -> list[Turn]:
        """Return what a seat gets to read of turns that were taken side by side.

        A protocol gathers here whatever it passes on of what others wrote, so that an intervention can alter it on
        its way. The turns that it counts, and a seat's own words, are those that it has.

        Args:
            turns: All that were taken side by side.
            own: The reader's own place among them, which is left out.
            order: In which order they are read, by their places; as they stand unless it is given.
        """
        passed_on = self._pass_on(turns)
        places = range(len(turns)) if order is None else order
        return [turn for place in places if place != own and (turn := passed_on[place]) is not None]

    def _pass_on(self, turns: Sequence[Turn]) -> Sequence[Turn | None]:
        """Return turns as others read them, None for one that they do not; altered once, whoever reads them."""
        intervention = self.intervention
        if intervention is None or not turns or turns[0].round not in intervention.rounds:
            return turns
        known = tuple(map(id, turns))  # all of them are kept as long as the room
        if known not in self._passed_on:
            self._passed_on[known] = self._intervene(intervention, turns)
        return self._passed_on[known]

    def _intervene(self, intervention: Intervention, turns: Sequence[Turn]) -> list[Turn | None]:
        peers = [place for place, turn in enumerate(turns) if turn.seat != self.leader.name] or list(range(len(turns)))
        scene = Scene(
            self.question,
            texts=[turns[place].written for place in peers],
            read=[turns[place].answer for place in peers],
            seed=self.seed,
            texts_ready=self.stand_ins.texts,
            pushed=self.stand_ins.pushed,
        )
        passed_on: list[Turn | None] = list(turns)
        for peer, text in intervention.altered(scene).items():
            turn = turns[peers[peer]]
            cut_off = intervention.kind == "cut"
            answer = None if text is None else scene.read_from(text, cut_off=cut_off)
            self._altered.append(Alteration(turn.seat, peer + 1, turn.round, text, answer))
            passed_on[peers[peer]] = (
                None
                if text is None
                else replace(
                    turn, text=text, answer=answer, reasoning=None, finish_reason="length" if cut_off else "stop"
                )
            )
        return passed_on

    async def _ask(
        self,
        seats: Sequence[Seat],
        chats: Sequence[tuple[Message, ...]],
        round: int,  # noqa: A002
        samples: Sequence[int] | None,
        max_tokens: int | None = None,
    ) -> list[Turn]:
        _checks.check_asked(self.protocol, [chat[-1].content for chat in chats], round, samples or (), max_tokens)
        stage = self._stages
        self._stages += 1
        drawn = self._drawn(seats, max_tokens)
        if samples is None:
            samples = numbered((drawn[seat.kind], chat) for seat, chat in zip(seats, chats, strict=True))
        requests = [
            Request(seat.member, chat, drawn[seat.kind][1], sample)
            for seat, chat, sample in zip(seats, chats, samples, strict=True)
        ]
        first = len(self._turns)
        self._turns.extend([None] * len(seats))
        replies = await self.dispatch.ask_each(requests, seed=self.seed)
        turns = [self._turn(*taken, round, stage, max_tokens) for taken in zip(seats, requests, replies, strict=True)]
        self._turns[first : first + len(turns)] = turns
        return turns

    def _turn(
        self,
        seat: Seat,
        request: Request,
        reply: Reply,
        round: int,  # noqa: A002
        stage: int,
        max_tokens: int | None,
    ) -> Turn:
        made = reply.completion
        return Turn(
            seat=seat.name,
            round=round,
            stage=stage,
            sample=request.sample,
            read=tuple(request.messages),
            text=made.text,
            answer=self.read(made.text, cut_off=made.cut_off),
            usage=made.usage,
            finish_reason=made.finish_reason,
            seconds=made.seconds,
            request=reply.request,
            waited=reply.waited,
            began=reply.began,
            max_tokens=max_tokens,
            **made.more,
        )

    def _chat(self, member: Member, prompt: str, after: Turn | None = None) -> tuple[Message, ...]:
        if after is not None:
            return (*after.read, Message("assistant", after.text), Message("user", prompt))
        return chat_for(member, self.question.preamble, prompt)

    def alike(self, seats: Sequence[Seat], prompt: str) -> list[Hashable]:
        """Return for each seat what it would be asked: equal things where the requests differ in their draws alone.

        Members that are not equal may be asked the same, as two that differ only in a setting that the run overrides.
        """
        drawn = self._drawn(seats)
        return [(drawn[seat.kind], self._chat(seat.member, prompt)) for seat in seats]

    def _drawn(self, seats: Sequence[Seat], max_tokens: int | None = None) -> dict[int, tuple[str, Sampling]]:
        """Return who answers and how that is drawn, by the seats' kinds."""
        members = {seat.kind: seat.member for seat in seats}
        return {
            kind: (self.dispatch.identity(member), self._sampling(member, max_tokens))
            for kind, member in members.items()
        }

    def _sampling(self, member: Member, max_tokens: int | None = None) -> Sampling:
        chosen = member.sampling.over(self.sampling)
        given = self.overrides if max_tokens is None else {**self.overrides, "max_tokens": max_tokens}
        return replace(chosen, **given) if given else chosen

    def read(self, text: str, *, cut_off: bool = False) -> str | None:
        """Return the answer that a text gives to this room's question, or None where it gives none."""
        asked = self.question
        return answers.read(asked.answer_format, text, question=asked.prompt, cut_off=cut_off)

    def same(self, answer: str) -> str:
        """Return a key that equal answers share."""
        return answers.key(self.question.answer_format, answer)

    def key(self, turn: Turn) -> str | None:
        """Return a key that turns with equal answers share, or None for a turn without a readable one."""
        return None if turn.answer is None else self.same(turn.answer)

    def weight(self, seat: Seat) -> float:
        """Return the score of a seat's member on the train split; 0 where it is not known."""
        return self.weights.get(seat.member, 0.0)

    def transcript(self, final: str) -> Transcript:
        """Return the conversation as it ended."""
        turns = tuple(turn for turn in self._turns if turn is not None)
        return Transcript(self.question, turns, final, tuple(self._altered), self.stand_ins.drawn)


def chat_for(member: Member, preamble: Sequence[Message], prompt: str) -> tuple[Message, ...]:
    """Return the chat in which a member is asked: its persona, the messages before every prompt, the prompt."""
    if not member.persona:
        return (*preamble, Message("user", prompt))
    system = member.persona
    if preamble and preamble[0].role == "system":
        system, preamble = f"{system}\n\n{preamble[0].content}", preamble[1:]
    return (Message("system", system), *preamble, Message("user", prompt))
