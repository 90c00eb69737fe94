from __future__ import annotations

from typing import Any

from mlpo_bench.chat import Message, Sampling
from mlpo_bench.protocols import Room, Setting, Solo
from mlpo_bench.protocols.room import seated
from mlpo_bench.questions import Question
from mlpo_bench.teams import Member, Team


Hold = Any
A, B = Member(model="a"), Member(model="b")
QUESTION = Question("s", "t", "s/t/1", "?", "option")


def room(team: Team, **more: Any) -> Room:
    return Room(QUESTION, seated(team), None, Sampling(), **more)  # type: ignore[arg-type]  # nobody is asked


def test_a_peer_knows_how_many_of_its_like_sit_before_it() -> None:
    sitting = room(Team(leader=A, peers=(A, B, A, A, B))).seats
    assert [(seat.name, seat.twin, seat.kind) for seat in sitting] == [
        ("leader", 0, 0),
        ("peer 1", 0, 0),
        ("peer 2", 0, 2),
        ("peer 3", 1, 0),
        ("peer 4", 2, 0),
        ("peer 5", 1, 2),
    ]


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
