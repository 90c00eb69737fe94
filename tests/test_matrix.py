from __future__ import annotations

import pytest

from mlpo_bench.config import RunConfig
from mlpo_bench.errors import BadInput
from mlpo_bench.matrix import cells
from mlpo_bench.protocols import Vote
from mlpo_bench.teams import Member, Team


def labels(**settings: object) -> list[str]:
    return [cell.label for cell in cells(RunConfig.model_validate({"suites": ["bbh"], **settings}))]


def test_the_default_cells_are_solo_vote_and_leader_at_two_rounds() -> None:
    assert labels() == ["solo", "vote of 8", "leader, 1 round", "leader, 2 rounds"]


def test_a_vote_has_as_many_ballots_as_the_largest_leader_cell_calls() -> None:
    found = cells(RunConfig(suites=("bbh",), rounds=(1, 5), peers=(2, 3)))
    ballots = {c.setting.protocol.samples for c in found if isinstance(c.setting.protocol, Vote)}
    assert ballots == {20} == {max(c.calls for c in found)}
    assert labels(protocols=["vote"]) == ["vote of 5"]
    assert labels(protocols=["vote"], samples=40) == ["vote of 40"]


def test_every_distinct_member_answers_alone() -> None:
    a, b, c = Member(model="x/a"), Member(model="b"), Member(model="b", persona="You doubt.")
    team = Team(leader=a, peers=(b, b, c))
    assert labels(protocols=["solo"], team=team) == ["solo: leader", "solo: b", "solo: b (You doubt.)"]


def test_members_that_only_differ_in_sampling_are_told_apart() -> None:
    cold, hot = (Member.model_validate({"model": "b", "sampling": {"temperature": t}}) for t in (0, 1))
    assert labels(protocols=["solo"], team=Team(leader=Member(model="a"), peers=(cold, hot))) == [
        "solo: leader",
        "solo: b 1",
        "solo: b 2",
    ]


def test_team_sizes_stand_in_the_label_where_there_are_several() -> None:
    found = cells(RunConfig(suites=("bbh", "math"), protocols=("leader",), rounds=(1,), peers=(1, 5)))
    assert [c.id for c in found] == [f"{s}.leader-1-round-{k}-peers" for s in ("bbh", "math") for k in (1, 5)]
    assert [c.peers for c in found] == [1, 5, 1, 5]


def test_a_team_without_peers_cannot_be_led() -> None:
    with pytest.raises(BadInput, match="names no peers"):
        cells(RunConfig(protocols=("leader",), team=Team(leader=Member(), peers=())))


def test_a_vote_and_a_solo_need_no_peers() -> None:
    assert labels(protocols=["solo", "vote"], team=Team(leader=Member(), peers=())) == ["solo", "vote of 5"]


def test_generation_settings_go_before_all_others() -> None:
    (cell,) = cells(RunConfig(suites=("bbh",), protocols=("solo",), generation={"do_sample": False, "until": "x"}))
    assert cell.setting.overrides == {"temperature": 0.0, "stop": ("x",)}
