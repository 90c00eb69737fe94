from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlpo_bench.chat import Sampling
from mlpo_bench.errors import UsageError
from mlpo_bench.teams import Member, SamplingChoice, Team, read_team


if TYPE_CHECKING:
    from pathlib import Path


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "team.yaml"
    path.write_text(text)
    return path


def test_a_team_file_is_read_with_counts_and_personas(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "leader:\n  model: a/leader\n  revision: abc\npeers:\n"
        "  - {model: b/peer, persona: You doubt., count: 2}\n"
        "  - {model: c/peer, sampling: {temperature: 0, max_tokens: 9}}\n",
    )
    team = read_team(path)
    assert team.leader == Member(model="a/leader", revision="abc")
    assert [m.model for m in team.peers] == ["b/peer", "b/peer", "c/peer"]
    assert team.peers[0].persona == "You doubt."
    assert team.peers[2].sampling == SamplingChoice(temperature=0, max_tokens=9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "leader: {model: a}\npeers:\n  - {modell: b}\n",
            "team.yaml:3: unknown field 'peers.0.modell'; did you mean 'mod",
        ),
        ("leader:\n  model: a\n  concurrency: many\n", "team.yaml:3: field 'leader.concurrency': "),
        ("leader:\n  model: a\n  sampling:\n    top_p: 7\n", "team.yaml:4: field 'leader.sampling.top_p': "),
        ("peers: []\n", "team.yaml:1: field 'leader': field required."),
        ("leader:\n  model: a\n  engine: openai\n", "engine 'openai' needs a base_url"),
        ("- a\n- b\n", "must hold settings"),
        ("leader: [\n", "is not valid YAML: line 2"),
        ("leader: {model: a, engine: vlm}\n", "team.yaml:1: field 'leader.engine': "),
        ("leader: {model: a, adapter: x, base_url: http://h/v1}\n", "an adapter belongs to its server: serve it there"),
        ("leader: {model: a, adapter: x, engine: scripted}\n", "a script has none"),
    ],
)
def test_a_fault_is_named_by_file_line_and_field(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_team(write(tmp_path, text))
    assert message in str(caught.value)
    assert str(tmp_path / "team.yaml") in str(caught.value)


def test_every_fault_of_a_file_is_listed(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_team(write(tmp_path, "leader: {modl: a}\npeers:\n- {dtype: int3}\n"))
    assert len(str(caught.value).splitlines()) == 2


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read: No such file"):
        read_team(tmp_path / "nowhere.yaml")


def test_peers_are_cut_or_repeated_to_the_number_asked_for() -> None:
    a, b = Member(model="a"), Member(model="b")
    team = Team(leader=a, peers=(a, b))
    assert team.with_peers(1).peers == (a,)
    assert team.with_peers(5).peers == (a, b, a, b, a)
    with pytest.raises(UsageError, match="1 to 64 peers, not 0"):
        team.with_peers(0)


def test_equal_models_share_one_spec_whatever_their_persona_and_sampling() -> None:
    plain = Member(model="a")
    other = Member(model="a", persona="You doubt.", sampling=SamplingChoice(temperature=1))
    assert Team(leader=plain, peers=(other,)).specs == (plain.spec,)
    assert Team(leader=plain, peers=(other, plain)).distinct == (plain, other)


def test_a_members_sampling_goes_before_the_tasks() -> None:
    base = Sampling(max_tokens=100, stop=("x",))
    assert SamplingChoice(temperature=0).over(base) == Sampling(temperature=0, max_tokens=100, stop=("x",))
    assert SamplingChoice().over(base) == base


def test_a_leader_with_an_adapter_was_itself_without_it(tmp_path: Path) -> None:
    path = write(
        tmp_path, "leader: {model: org/base, adapter: leaders/mine/, persona: You lead.}\npeers: [{model: b}]\n"
    )
    team = read_team(path)
    before = team.before_training
    assert before is not None
    assert before.leader == Member(model="org/base", persona="You lead.")
    assert (before.peers, before.before_training) == (team.peers, None)
    assert [member.label for member in (team.leader, before.leader)] == ["base+mine (You lead.)", "base (You lead.)"]
    assert (team.leader.name, before.leader.name) == ("org/base+leaders/mine/", "org/base")
    named = team.model_copy(update={"untrained": Member(model="other")})
    assert named.untrained_leader == Member(model="other")
    assert Team(leader=Member(model="a")).before_training is None


def test_a_member_without_an_adapter_is_written_as_before_there_were_any() -> None:
    assert "adapter" not in Member(model="a").model_dump()
    assert Member(model="a", adapter="x").model_dump()["adapter"] == "x"
    assert Member(model="a", adapter="x").spec != Member(model="a").spec


def test_prices_of_a_base_hold_with_its_adapter_unless_it_has_its_own() -> None:
    told = {"leader": {"model": "a", "adapter": "x"}, "prices": {"a": {"prompt": 1, "completion": 2}}}
    assert {name: price.completion for name, price in Team.model_validate(told).prices_by_name.items()} == {
        "a+x": 2,
        "a": 2,
    }
    told["prices"] = {"a": {"prompt": 1, "completion": 2}, "a+x": {"prompt": 1, "completion": 3}}
    assert Team.model_validate(told).prices_by_name["a+x"].completion == 3
    with pytest.raises(UsageError, match="no model of this team is called 'a\\+y'; did you mean 'a\\+x'"):
        Team.model_validate(told | {"prices": {"a+y": {"prompt": 1, "completion": 2}}})


def test_a_persona_of_nothing_is_none(tmp_path: Path) -> None:
    for persona in ("''", "'  '", '"\\n"', "null"):
        team = read_team(write(tmp_path, f"leader: {{model: a, persona: {persona}}}\npeers: [{{model: a}}]\n"))
        assert len(team.distinct) == 1
    assert read_team(write(tmp_path, "leader: {model: a, persona: ' x'}\n")).leader.persona == " x"


@pytest.mark.parametrize("name", ["' '", r'"a\nb"', r'"a\n"', r'"\t"', r'"a\u2028b"'])
def test_a_model_s_name_is_a_line_with_something_in_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"team.yaml:1: field 'leader.model': a model's name is more than blanks, and"):
        read_team(write(tmp_path, f"leader: {{model: {name}}}\n"))
