"""What options change of a team's members."""

from __future__ import annotations

from mlpo_bench.cli._members import with_dtype, with_engine
from mlpo_bench.teams import Member, Team


def test_numbers_are_chosen_for_all_members_that_have_weights_here() -> None:
    team = Team(
        leader=Member(model="smollm2-135m"),
        peers=(Member(model="smollm2-135m", dtype="bfloat16"), Member(model="a", base_url="http://127.0.0.1:1/v1")),
    )
    assert [member.dtype for member in with_dtype(team, "float32").members] == ["float32", "float32", "auto"]


def test_an_engine_is_chosen_for_all_members_and_for_what_the_leader_was() -> None:
    team = Team(leader=Member(model="a"), peers=(Member(model="a"),), untrained=Member(model="b"))
    changed = with_engine(team, "hf")
    assert changed.untrained is not None
    assert [member.engine for member in (*changed.members, changed.untrained)] == ["hf"] * 3
