from __future__ import annotations

from typing import Any

import pytest

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.protocols import Oracle, Pick, Room, Setting, Solo
from mlpo_bench.protocols.room import seated
from mlpo_bench.questions import Question
from mlpo_bench.teams import Member, Team


Hold = Any
A, B = Member(model="a"), Member(model="b")
QUESTION = Question("s", "t", "s/t/1", "?", "option")


def room(team: Team, **more: Any) -> Room:
    return Room(QUESTION, seated(team), None, Sampling(), **more)  # type: ignore[arg-type]  # nobody is asked


def test_seats_of_one_member_are_of_one_kind() -> None:
    sitting = room(Team(leader=A, peers=(A, B, A, A, B))).seats
    assert [(seat.name, seat.kind) for seat in sitting] == [
        ("leader", 0),
        ("peer 1", 0),
        ("peer 2", 2),
        ("peer 3", 0),
        ("peer 4", 0),
        ("peer 5", 2),
    ]


def of(**said: Any) -> Member:
    return Member(model="m", **said)


SERVED: dict[str, Any] = {"engine": "openai", "base_url": "http://localhost:1/v1"}
ALIKE: dict[str, tuple[list[Member], dict[str, Any], list[int]]] = {
    "equal members": ([of()] * 3, {}, [0, 1, 2]),
    "temperatures that the command line overrides": (
        [of(sampling={"temperature": said}) for said in (0.3, 0.7, 1.0)], {"temperature": 1.0}, [0, 1, 2]
    ),
    "the task's own temperature, said and not said": (
        [of(sampling={"temperature": 0.7}), of(), of(sampling={"temperature": 0.3})], {}, [0, 1, 0]
    ),
    "lengths that the command line overrides": (
        [of(sampling={"max_tokens": said}) for said in (9, 99)], {"max_tokens": 5}, [0, 1]
    ),
    "as many requests at once as each is given": ([of(**SERVED, concurrency=n) for n in (1, 2, 3)], {}, [0, 1, 2]),
    "other temperatures": ([of(sampling={"temperature": said}) for said in (0.3, 0.7, 1.0)], {}, [0, 0, 0]),
    "personas": ([of(persona="You doubt."), of(), of(persona="")], {}, [0, 0, 1]),
    "models": ([A, B, A], {}, [0, 0, 1]),
}  # fmt: skip


@pytest.mark.parametrize(("peers", "overrides", "samples"), ALIKE.values(), ids=ALIKE)
def test_peers_that_are_asked_the_same_draw_for_themselves(
    hold: Hold, peers: list[Member], overrides: dict[str, Any], samples: list[int]
) -> None:
    team = Team(leader=A, peers=tuple(peers))
    assert [turn.sample for turn in hold(Oracle(), team, overrides=overrides).turns] == samples
    for seed in range(5):  # whichever peer is drawn, it is asked what it opens with
        requests = {turn.seat: turn.request for turn in hold(Oracle(), team, overrides=overrides, seed=seed).turns}
        assert len(set(requests.values())) == len(peers)
        (picked,) = hold(Pick(), team, overrides=overrides, seed=seed).turns
        assert picked.request == requests[picked.seat]


def test_a_member_without_a_score_weighs_nothing() -> None:
    team = Team(leader=A, peers=(B,))
    here = room(team, weights={A: 0.75})
    assert [here.weight(seat) for seat in here.seats] == [0.75, 0.0]
    assert Setting(team, Solo()).weights == {}


def test_a_persona_is_the_system_message_and_joins_one_that_stands_there(hold: Hold) -> None:
    team = Team(leader=Member(model="m", persona="You doubt."), peers=())
    assert hold(Solo(), team).turns[0].read[0] == Message("system", "You doubt.")
    preamble = (Message("system", "Be brief."), Message("user", "1?"), Message("assistant", "odd"))
    question = Question("bbh", "s", "bbh/s/0", "2?", "option", preamble)
    read = hold(Solo(), team, question=question).turns[0].read
    assert [m.role for m in read] == ["system", "user", "assistant", "user"]
    assert read[0].content == "You doubt.\n\nBe brief."
