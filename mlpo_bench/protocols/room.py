"""Where members confer over one question: protocols ask seats, the room keeps the transcript."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlpo_bench import answers
from mlpo_bench.chat import Message, Sampling, Usage, with_thinking
from mlpo_bench.dispatch import Request


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlpo_bench.chat import FinishReason
    from mlpo_bench.dispatch import Dispatch, Reply
    from mlpo_bench.questions import Question
    from mlpo_bench.teams import Member, Team


@dataclass(frozen=True, slots=True)
class Seat:
    """A member's place in this room: `leader`, `peer 1`, `peer 2`, ...

    `twin` counts the peers before it that are the same member. Where all peers are asked the same, it is the sample
    index that tells this peer's completion from theirs. `kind` is the same number for seats of the same member.
    """

    name: str
    member: Member
    twin: int = 0
    kind: int = 0


def seated(team: Team) -> tuple[Seat, ...]:
    """Return the seats of a team: the leader, then the peers."""
    members = list(team.members)
    return tuple(
        Seat(
            name=name,
            member=member,
            twin=members[1:place].count(member) if place else 0,
            kind=members.index(member),
        )
        for place, (name, member) in enumerate(team.seats.items())
    )


@dataclass(frozen=True, slots=True)
class Turn:
    """One completion in a conversation.

    `stage` counts the steps of the conversation that had to wait for one another: turns of one stage ran side by
    side. `sample` tells apart equal requests of one stage. `answer` is what a reader finds in `text`, or None.
    `request` is the request's identity, 32 bytes, which equal turns of other conversations share. `seconds` are those
    that the engine took when the completion was made, `waited` those that this conversation waited for it. `reasoning`,
    `refused` and `estimated` are the completion's.
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
    reasoning: str | None = None
    refused: bool = False
    estimated: bool = False

    @property
    def written(self) -> str:
        """All that was written, as others read it: thinking that a server told apart stands in front, in its tags."""
        return with_thinking(self.reasoning, self.text).strip()

    @property
    def more(self) -> dict[str, Any]:
        """What most turns have nothing of, by name (see `Completion.more`)."""
        told = {"reasoning": self.reasoning, "refused": self.refused, "estimated": self.estimated}
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
class Transcript:
    """A question, its turns in the order in which they were asked, and the final text."""

    question: Question
    turns: tuple[Turn, ...]
    final: str

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


@dataclass(slots=True)
class Room:
    """One question's conversation.

    Args:
        question: what is asked.
        seats: who sits here, the leader first (see `seated`).
        dispatch: the way to the engines.
        sampling: how answers are drawn where a member does not say otherwise.
        overrides: settings that go before a member's own (a command line's `--gen-kwargs`).
        seed: the run's seed.
        weights: the members' scores on the train split, for protocols that weigh.
    """

    question: Question
    seats: tuple[Seat, ...]
    dispatch: Dispatch
    sampling: Sampling
    overrides: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    weights: Mapping[Member, float] = field(default_factory=dict)
    _turns: list[Turn | None] = field(default_factory=list, init=False)
    _stages: int = field(default=0, init=False)

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
    ) -> Turn:
        """Ask one seat, and wait for its answer; `sample`, where given, says which draw of this request is meant."""
        samples = None if sample is None else [sample]
        (turn,) = await self._ask([seat], [prompt], round, samples)
        return turn

    async def ask_each(
        self,
        seats: Sequence[Seat],
        prompts: str | Sequence[str],
        *,
        round: int,  # noqa: A002
    ) -> list[Turn]:
        """Ask several seats side by side (a seat may stand there more than once), each its prompt or all the same.

        Returns:
            Their turns, in the order of `seats`.
        """
        return await self._ask(seats, [prompts] * len(seats) if isinstance(prompts, str) else prompts, round, None)

    async def _ask(
        self,
        seats: Sequence[Seat],
        prompts: Sequence[str],
        round: int,  # noqa: A002
        samples: Sequence[int] | None,
    ) -> list[Turn]:
        stage = self._stages
        self._stages += 1
        samples = _counted_samples(seats, prompts) if samples is None else samples
        requests = [
            Request(seat.member, self._chat(seat.member, prompt), self._sampling(seat.member), sample)
            for seat, prompt, sample in zip(seats, prompts, samples, strict=True)
        ]
        first = len(self._turns)
        self._turns.extend([None] * len(seats))
        replies = await self.dispatch.ask_each(requests, seed=self.seed)
        turns = [self._turn(*taken, round, stage) for taken in zip(seats, requests, replies, strict=True)]
        self._turns[first : first + len(turns)] = turns
        return turns

    def _turn(self, seat: Seat, request: Request, reply: Reply, round: int, stage: int) -> Turn:  # noqa: A002
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
            **made.more,
        )

    def _chat(self, member: Member, prompt: str) -> tuple[Message, ...]:
        return chat_for(member, self.question.preamble, prompt)

    def _sampling(self, member: Member) -> Sampling:
        chosen = member.sampling.over(self.sampling)
        return replace(chosen, **self.overrides) if self.overrides else chosen

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
        return Transcript(self.question, tuple(t for t in self._turns if t is not None), final)


def chat_for(member: Member, preamble: Sequence[Message], prompt: str) -> tuple[Message, ...]:
    """Return the chat in which a member is asked: its persona, the messages before every prompt, the prompt."""
    if not member.persona:
        return (*preamble, Message("user", prompt))
    system = member.persona
    if preamble and preamble[0].role == "system":
        system, preamble = f"{system}\n\n{preamble[0].content}", preamble[1:]
    return (Message("system", system), *preamble, Message("user", prompt))


def _counted_samples(seats: Sequence[Seat], prompts: Sequence[str]) -> list[int]:
    """Number the equal requests of one stage from 0, so that each is a draw of its own."""
    earlier: Counter[tuple[int, str]] = Counter()
    samples = []
    for seat, prompt in zip(seats, prompts, strict=True):
        samples.append(earlier[seat.kind, prompt])
        earlier[seat.kind, prompt] += 1
    return samples
