from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlpo_bench.chat import Sampling
from mlpo_bench.errors import BadInput
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
    ],
)
def test_a_fault_is_named_by_file_line_and_field(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_team(write(tmp_path, text))
    assert message in str(caught.value)
    assert str(tmp_path / "team.yaml") in str(caught.value)


def test_every_fault_of_a_file_is_listed(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        read_team(write(tmp_path, "leader: {modl: a}\npeers:\n- {dtype: int3}\n"))
    assert len(str(caught.value).splitlines()) == 2


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"cannot be read: No such file"):
        read_team(tmp_path / "nowhere.yaml")


def test_peers_are_cut_or_repeated_to_the_number_asked_for() -> None:
    a, b = Member(model="a"), Member(model="b")
    team = Team(leader=a, peers=(a, b))
    assert team.with_peers(1).peers == (a,)
    assert team.with_peers(5).peers == (a, b, a, b, a)
    with pytest.raises(BadInput, match="1 to 64 peers, not 0"):
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
