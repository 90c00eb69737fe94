from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pytest
import yaml
from pydantic import ValidationError

from mlpo_bench.chat import Usage
from mlpo_bench.errors import UsageError
from mlpo_bench.matrix.cells import SHIPPED, cells, chosen
from mlpo_bench.matrix.config import RunConfig, read_config
from mlpo_bench.protocols import PROTOCOLS, Leader, Vote
from mlpo_bench.teams import Member, Price, Team


if TYPE_CHECKING:
    from pathlib import Path


def labels(**settings: object) -> list[str]:
    return [cell.label for cell in cells(config(**settings))]


def config(**settings: object) -> RunConfig:
    return RunConfig.model_validate({"suites": ["bbh"], **settings})


def test_the_default_cells_are_solo_vote_and_leader_at_two_rounds() -> None:
    votes = ["vote of 8", *(f"vote at the tokens of leader, {rounds}, 3 peers" for rounds in ("1 round", "2 rounds"))]
    assert labels() == ["solo", *votes, "leader, 1 round, 3 peers", "leader, 2 rounds, 3 peers"]


def test_a_vote_has_as_many_ballots_as_the_largest_leader_cell_calls() -> None:
    found = cells(RunConfig(suites=("bbh",), rounds=(1, 5), peers=(2, 3)))
    votes = [c for c in found if isinstance(c.setting.protocol, Vote)]
    assert {c.samples for c in votes if c.matched is None} == {20} == {max(c.calls for c in found)}
    assert labels(protocols=["vote"]) == ["vote of 5"]
    assert labels(protocols=["vote"], samples=40) == ["vote of 40"]


def test_every_distinct_member_answers_alone() -> None:
    a, b, c = Member(model="x/a"), Member(model="b"), Member(model="b", persona="You doubt.")
    team = Team(leader=a, peers=(b, b, c))
    assert labels(protocols=["solo"], team=team) == ["solo", "solo, peer 1 (b)", "solo, peer 3 (b (You doubt.))"]


def test_members_that_only_differ_in_sampling_are_told_apart() -> None:
    cold, hot = (Member.model_validate({"model": "b", "sampling": {"temperature": t}}) for t in (0, 1))
    assert labels(protocols=["solo"], team=Team(leader=Member(model="a"), peers=(cold, hot))) == [
        "solo",
        "solo, peer 1 (b)",
        "solo, peer 2 (b)",
    ]


def test_team_sizes_stand_in_the_name_however_many_there_are() -> None:
    found = cells(config(suites=["bbh", "math"], protocols=["leader"], rounds=[1], peers=[1, 5]))
    assert [c.id for c in found] == [f"{s}.leader-1-round-{k}" for s in ("bbh", "math") for k in ("1-peer", "5-peers")]
    assert [c.peers for c in found] == [1, 5, 1, 5]


def test_a_team_without_peers_cannot_be_led() -> None:
    with pytest.raises(UsageError, match="names no peers"):
        cells(config(protocols=["leader"], team=Team(leader=Member(), peers=())))


def test_a_vote_and_a_solo_need_no_peers() -> None:
    assert labels(protocols=["solo", "vote"], team=Team(leader=Member(), peers=())) == ["solo", "vote of 5"]


def test_generation_settings_go_before_all_others() -> None:
    (cell,) = cells(config(protocols=["solo"], generation={"do_sample": False, "until": "x"}))
    assert cell.setting.overrides == {"temperature": 0.0, "stop": ("x",)}


def test_every_setting_is_crossed_with_every_other() -> None:
    swept = {"leader": {"rounds": [1, 2], "share": ["whole", "answer"], "peers": [1, 2]}}
    assert labels(protocols=[swept]) == [
        f"leader, {rounds}{share}, {peers}"
        for rounds in ("1 round", "2 rounds")
        for share in ("", ", shares answer")
        for peers in ("1 peer", "2 peers")
    ]


def test_rounds_go_to_whatever_counts_a_protocols_depth() -> None:
    assert labels(protocols=["debate", "mixture", "refine", "recursive"], rounds=[3]) == [
        "debate, 3 rounds, 3 peers",
        "mixture, 3 layers, 3 peers",
        "refine, 3 rounds",
        "recursive, 3 steps, 3 of 8",
    ]


def test_votes_stand_at_each_leader_cells_calls_once_and_at_its_tokens() -> None:
    found = cells(config(protocols=["leader", {"vote": {"samples": ["calls", "tokens"]}}], rounds=[1, 2], peers=[1, 3]))
    votes = [cell for cell in found if cell.setting.protocol.name == "vote"]
    assert [cell.label for cell in votes if not cell.matched] == ["vote of 2", "vote of 4", "vote of 8"]
    assert {cell.matched_id for cell in votes if cell.matched} == {c.id for c in found if c.label.startswith("leader")}
    assert votes[-1].label == "vote at the tokens of leader, 2 rounds, 3 peers"
    assert votes[-1].with_samples(11).calls == 11


def test_the_default_matrix_holds_what_it_promises() -> None:
    found = cells(read_config(SHIPPED / "default.yaml"))
    of_bbh = [cell for cell in found if cell.suite == "bbh"]
    assert {cell.suite for cell in found} == {"bbh", "mmlu", "math"}
    assert {cell.setting.protocol.name for cell in of_bbh} == set(PROTOCOLS) - {"weighted", "recursive"}
    led = [cell for cell in of_bbh if cell.setting.protocol.name == "leader"]
    assert len(led) == 3 * 5
    assert {cell.matched_id for cell in of_bbh if cell.matched} == {cell.id for cell in led}
    assert {cell.calls for cell in led} <= {c.samples for c in of_bbh if not c.matched}


def test_a_trained_leader_is_measured_beside_what_it_was() -> None:
    before, peer = Member(model="base"), Member(model="p")
    team = Team(leader=Member(model="trained"), peers=(peer,), untrained=before)
    found = cells(config(protocols=["solo", "leader", "oracle"], rounds=[1], peers=[1], team=team))
    assert [(cell.team, cell.label) for cell in found] == [
        ("team", "solo"),
        ("team", "solo, peer 1 (p)"),
        ("untrained", "solo"),
        ("team", "leader, 1 round, 1 peer"),
        ("untrained", "leader, 1 round, 1 peer"),
        ("team", "oracle, 1 peer"),
    ]
    assert [c.setting.team.leader for c in found if c.team == "untrained"] == [before, before]
    assert len({cell.id for cell in found}) == len(found)


def test_an_adapter_is_measured_beside_its_base_without_a_word_of_it() -> None:
    team = Team(leader=Member(model="base", adapter="leaders/mine"), peers=(Member(model="p"),))
    found = cells(config(protocols=["solo", "leader"], rounds=[1], peers=[1], team=team))
    leaders = {(cell.team, cell.label): cell.setting.team.leader for cell in found}
    assert leaders["untrained", "solo"] == leaders["untrained", "leader, 1 round, 1 peer"] == Member(model="base")
    assert leaders["team", "leader, 1 round, 1 peer"] == team.leader
    other = team.model_copy(update={"leader": Member(model="base", adapter="leaders/other")})
    both = cells(config(protocols=["solo"], teams={"one": team, "two": other}))
    assert [cell.team for cell in both] == ["one", "one", "one untrained", "two"]


def test_seeds_repeat_every_cell() -> None:
    found = cells(config(protocols=["solo"], seeds=3))
    assert [(cell.id, cell.setting.seed) for cell in found] == [
        ("bbh.solo", 0),
        ("bbh.solo.seed-1", 1),
        ("bbh.solo.seed-2", 2),
    ]


def test_a_cells_name_and_setting_depend_on_itself_alone() -> None:
    whole = {cell.id: cell for cell in cells(read_config(SHIPPED / "default.yaml"))}
    (alone,) = cells(config(protocols=[{"debate": {"rounds": 3, "peers": 3}}]))
    assert whole[alone.id] == alone


def test_only_takes_cells_by_words_and_what_they_match() -> None:
    every = cells(config(protocols=["leader", {"vote": {"samples": "tokens"}}], rounds=[1, 2]))
    assert [c.label for c in chosen(every, ("tokens of leader, 2",))] == [
        "leader, 2 rounds, 3 peers",
        "vote at the tokens of leader, 2 rounds, 3 peers",
    ]
    assert chosen(every, ()) == every
    assert chosen(every, ("bbh.leader-1-round, tokens of leader, 1", "at the tokens of leader, 2")) == every
    with pytest.raises(UsageError, match="no cell has 'debat' in its name"):
        chosen(every, ("debat",))


def test_votes_are_matched_with_whatever_leads_in_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PROTOCOLS, "_added", dict(PROTOCOLS._added))

    @dataclass(frozen=True)
    class Mine(Leader):
        name: ClassVar[str] = "mine"

    assert labels(protocols=["mine", "vote", {"vote": {"samples": ["calls", "tokens"]}}], rounds=[2]) == [
        "mine, 2 rounds, 3 peers",
        "vote of 8",
        "vote at the tokens of mine, 2 rounds, 3 peers",
    ]


def test_only_takes_a_name_in_full_before_what_holds_it_and_before_a_list() -> None:
    teams = {"small": Team(), "other": Team(leader=Member(model="b"))}
    every = cells(config(teams=teams, protocols=["solo", "leader", {"vote": {"samples": [8, 80]}}], rounds=[1]))

    def rows(*only: str) -> list[str]:
        return [f"{cell.team}: {cell.label}" for cell in chosen(every, only)]

    assert rows("vote of 8") == ["small: vote of 8", "other: vote of 8"]
    assert rows("vote of 8", "vote of 80,bbh.small.solo") == [
        "small: solo", "small: vote of 8", "small: vote of 80", "other: vote of 8", "other: vote of 80"
    ]  # fmt: skip
    assert rows("leader, 1 round, 3 peers") == ["small: leader, 1 round, 3 peers", "other: leader, 1 round, 3 peers"]
    assert rows("small: leader, 1 round, 3 peers") == ["small: leader, 1 round, 3 peers"]
    with pytest.raises(UsageError, match="no cell has 'voter of 8' in its name; did you mean 'vote of 8'"):
        rows("solo,voter of 8")


def test_a_configuration_comes_back_from_its_yaml(tmp_path: Path) -> None:
    for number, name in enumerate(["default"]):
        before = read_config(SHIPPED / f"{name}.yaml")
        path = tmp_path / f"{number}.yaml"
        path.write_text(before.to_yaml())
        assert read_config(path) == before
        assert read_config(path).digest == before.digest


def test_a_run_is_extended_by_cells_and_by_nothing_else() -> None:
    before = config(protocols=["solo", "vote", "leader"])
    wider = before.extended(config(protocols=["debate"], rounds=[3], suites=["math"]))
    found = {cell.id for cell in cells(wider)}
    assert {cell.id for cell in cells(before)} < found
    assert {"math.debate-3-rounds-3-peers", "math.leader-2-rounds-3-peers"} <= found
    assert cells(wider.extended(before)) == cells(wider)
    with pytest.raises(UsageError, match="limit must stay"):
        before.extended(config(limit=3))
    with pytest.raises(UsageError, match="another team called 'team'"):
        before.extended(config(team=Team(leader=Member(model="other"))))


def test_prices_change_nothing_that_is_asked() -> None:
    team = Team(leader=Member(model="m"), peers=())
    priced = team.model_copy(update={"prices": {"m": Price(prompt=1, completion=2)}})
    assert config(team=team, protocols=["solo"]).digest == config(team=priced, protocols=["solo"]).digest
    assert cells(config(team=team, protocols=["solo"])) == cells(config(team=priced, protocols=["solo"]))
    assert priced.prices["m"].of(Usage(1_000_000, 2_000_000, 500_000)) == 1 + 2 + 1
    with pytest.raises(UsageError, match="did you mean 'm'"):
        Team.model_validate({"leader": {"model": "m"}, "prices": {"M": {"prompt": 1, "completion": 2}}})


@pytest.mark.parametrize(
    ("protocols", "message"),
    [
        ([{"leader": {"round": 2}}], "has no setting 'round'"),
        ([{"leader": {"rounds": [1, 0]}}], "greater than or equal to 1"),
        ([{"leader": {"share": "all"}}], "'whole', 'without-thinking' or 'answer'"),
        (["laeder"], "did you mean 'leader'"),
        ([{"vote": {"samples": "token"}}], "a whole number"),
    ],
)
def test_a_faulty_sweep_is_named(protocols: list[object], message: str) -> None:
    with pytest.raises((UsageError, ValidationError), match=message):
        config(protocols=protocols)


def test_a_matrix_names_teams_by_file_or_writes_them_out(tmp_path: Path) -> None:
    (tmp_path / "mixed.yaml").write_text("leader: {model: a}\npeers: [{model: b, count: 2}]\n")
    path = tmp_path / "matrix.yaml"
    path.write_text("teams:\n  mixed: mixed.yaml\n  same:\n    leader: {model: a}\n    peers: [{model: b, count: 2}]\n")
    teams = read_config(path).teams
    assert teams["mixed"] == teams["same"]
    assert [peer.model for peer in teams["same"].peers] == ["b", "b"]
    path.write_text("team: {leader: {model: a}, peers: [{model: b, count: 0}]}\n")
    with pytest.raises(UsageError, match=r"field 'team.peers.0.count': input should be greater than or equal to 1"):
        read_config(path)
    path.write_text("teams: {one: {leader: {model: a}, peers: [{model: b, count: '2'}]}}\n")
    assert len(read_config(path).team.peers) == 2


def test_a_vote_that_is_to_match_a_leader_needs_one() -> None:
    with pytest.raises(UsageError, match=r"`vote: \{samples: tokens\}` asks for a vote at each led row's tokens"):
        labels(protocols=["solo", {"vote": {"samples": "tokens"}}])
    with pytest.raises(UsageError, match=r"no leader is in the run; add one \(`--protocol leader,vote`\)"):
        labels(protocols=["vote"], samples="calls")
    with pytest.raises(UsageError, match="is to match debate, and the run has no such protocol"):
        labels(protocols=["leader", {"vote": {"samples": "tokens", "match": "debate"}}])
    assert labels(protocols=["vote"]) == ["vote of 5"]


def test_any_protocol_can_have_its_vote() -> None:
    protocols = ["leader", {"debate": {"rounds": [2]}}, {"vote": {"samples": ["calls", "tokens"], "match": ["debate"]}}]
    found = cells(config(protocols=protocols, rounds=[1]))
    votes = [cell for cell in found if isinstance(cell.setting.protocol, Vote)]
    assert [cell.label for cell in votes] == ["vote of 8", "vote at the tokens of debate, 2 rounds, 3 peers"]
    assert votes[1].matched_id in {cell.id for cell in found}
    again = RunConfig.model_validate(config(protocols=protocols, rounds=[1]).model_dump(mode="json"))
    assert cells(again) == found
    with pytest.raises(UsageError, match="no protocol is called 'debat'; did you mean 'debate'"):
        config(protocols=[{"vote": {"samples": "tokens", "match": "debat"}}])


def test_samples_are_numbers_or_what_they_match() -> None:
    of_led = [f"vote at the tokens of leader, {rounds}, 3 peers" for rounds in ("1 round", "2 rounds")]
    assert labels(protocols=["vote", "leader"], samples="tokens")[:2] == of_led
    assert labels(protocols=["vote", "leader"], samples=[3, "tokens"])[:3] == ["vote of 3", *of_led]
    assert labels(protocols=["vote", "leader"], samples=3)[:1] == ["vote of 3"]
    assert labels(protocols=["weighted", "leader"])[0] == "weighted vote of 8, 3 peers"
    with pytest.raises(ValidationError):
        config(samples="token")


@pytest.mark.parametrize("name", sorted(path.stem for path in SHIPPED.glob("*.yaml")))
def test_shipped_matrices_have_votes_at_each_led_row_s_tokens(name: str) -> None:
    found = cells(read_config(SHIPPED / f"{name}.yaml"))
    led = {cell.id for cell in found if cell.setting.protocol.family == "led" and cell.setting.intervention is None}
    assert led
    assert led <= {cell.matched_id for cell in found}


def test_a_row_may_have_more_seeds_than_the_run() -> None:
    settings = {"protocols": ["solo", {"leader": {"seeds": 3}}, {"vote": {"samples": "tokens"}}], "rounds": [1]}
    found = cells(config(**settings))
    assert [(cell.label.split(",")[0], cell.setting.seed) for cell in found] == [
        ("solo", 0), ("leader", 0), ("leader", 1), ("leader", 2), ("vote at the tokens of leader", 0),
    ]  # fmt: skip
    assert found[-1].matched_id == found[1].id
    whole = config(**settings)
    assert cells(RunConfig.model_validate(whole.model_dump(mode="json"))) == found
    again = cells(config(**settings, seeds=[7]))
    assert [cell.setting.seed for cell in again if cell.label.startswith("leader")] == [7, 0, 1, 2]
    with pytest.raises(ValidationError):
        config(protocols=[{"leader": {"seeds": 0.5}}])


@pytest.mark.parametrize(
    ("settings", "differs"),
    [
        ({"seeds": [1, -1]}, r"bbh\.solo\.seed-1: the seeds 1 and -1 differ in .*; choose another figure"),
        (
            {"teams": {"a b": {"leader": {"model": "m"}}, "a-b": {"leader": {"model": "n"}}}},
            "the teams 'a b' and 'a-b'",
        ),
        ({"teams": {"A": {"leader": {"model": "m"}}, "a": {"leader": {"model": "n"}}}}, "the teams 'A' and 'a' differ"),
    ],
)
def test_cells_of_one_name_are_refused_by_what_they_differ_in(settings: dict[str, object], differs: str) -> None:
    with pytest.raises(UsageError, match=f"^two cells would have the same name, .*{differs}"):
        cells(config(protocols=["solo"], **settings))


def test_suites_whose_cells_would_have_one_name_are_named(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a_b.csv", "a-b.csv")]
    for path in paths:
        path.write_text("question,answer\n1?,1\n")
    with pytest.raises(UsageError, match="the suites 'a_b' and 'a-b' differ in capitals and signs alone; rename one"):
        cells(config(suites=list(map(str, paths)), protocols=["solo"]))


def test_rows_of_one_label_are_refused_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PROTOCOLS, "_added", dict(PROTOCOLS._added))
    type("Terse", (Leader,), {"name": "terse", "said": lambda _: {}})
    with pytest.raises(UsageError, match="two rows are called 'terse, 3 peers', though they do not ask the same; let"):
        labels(protocols=["terse"], rounds=[1, 2])


@pytest.mark.parametrize("name", ["日本", "-", " "])
def test_a_team_s_name_is_seen_in_names_of_files(tmp_path: Path, name: str) -> None:
    path = tmp_path / "matrix.yaml"
    path.write_text(yaml.safe_dump({"teams": {name: {"leader": {"model": "m"}}}}))
    with pytest.raises(UsageError, match="a team's name has a letter"):
        read_config(path)
    assert config(teams={f"{name}1": TWO_TEAMS["a"]})


@pytest.mark.parametrize(
    "sweep",
    [
        {"solo": {"peers": 5}},
        {"refine": {"peers": [1, 3]}},
        {"vote": {"samples": 4, "peers": 2}},
        {"think": {"peers": 1}},
    ],
)
def test_peers_of_what_asks_none_are_refused(sweep: dict[str, object]) -> None:
    for team in (Team(), Team(leader=Member(), peers=())):
        with pytest.raises(ValidationError, match=r"`peers` of .* and with these settings it asks none: take it out"):
            config(protocols=[sweep], team=team)
    assert labels(protocols=[{"vote": {"samples": 4, "over": ["leader", "team"], "peers": 2}}])[1:]


def test_suites_that_differ_in_capitals_alone_are_refused_as_such(tmp_path: Path) -> None:
    paths = [tmp_path / "x" / "q.csv", tmp_path / "y" / "Q.csv"]
    for path in paths:
        path.parent.mkdir()
        path.write_text("question,answer\n1?,1\n")
    with pytest.raises(UsageError, match=r"the suites 'q' and 'Q' differ in capitals alone, .*: rename one"):
        cells(config(suites=list(map(str, paths)), protocols=["solo"]))


def two_teams_with_a_common_peer() -> dict[str, Team]:
    leader, a, b = (Member(model=name) for name in ("lead", "a", "b"))
    return {"alike": Team(leader=leader, peers=(a, a)), "mixed": Team(leader=leader, peers=(a, b))}


def test_a_vote_matches_the_row_that_stands_for_equal_ones_of_several_teams() -> None:
    found = cells(config(protocols=["leader", {"vote": {"samples": "tokens"}}], rounds=[1], peers=[1, 2],
                         teams=two_teams_with_a_common_peer()))  # fmt: skip
    assert {cell.matched_id for cell in found if cell.matched} == {cell.id for cell in found if not cell.matched}
    assert [cell.id for cell in found if cell.matched] == [
        "bbh.alike.vote-at-the-tokens-of-leader-1-round-1-peer",
        "bbh.alike.vote-at-the-tokens-of-leader-1-round-2-peers",
        "bbh.mixed.vote-at-the-tokens-of-leader-1-round-2-peers",
    ]


def test_a_vote_of_one_team_matches_the_row_of_another_that_asks_the_same() -> None:
    vote = {"vote": {"samples": "tokens", "teams": ["mixed"]}}
    found = cells(config(protocols=["leader", vote], rounds=[1], peers=[1], teams=two_teams_with_a_common_peer()))
    assert [(cell.id, cell.matched_id) for cell in found] == [
        ("bbh.alike.leader-1-round-1-peer", None),
        ("bbh.mixed.vote-at-the-tokens-of-leader-1-round-1-peer", "bbh.alike.leader-1-round-1-peer"),
    ]


def test_a_row_that_is_named_twice_has_the_seeds_of_both() -> None:
    found = cells(config(protocols=["leader", {"leader": {"seeds": [0, 7]}}], rounds=[1]))
    assert [cell.setting.seed for cell in found] == [0, 7]


def test_a_vote_cannot_have_seeds_that_the_row_it_matches_lacks() -> None:
    vote = {"vote": {"samples": "tokens", "seeds": 3}}
    with pytest.raises(UsageError, match=r"leader, 1 round, 3 peers.*has no seed 1, 2; give it"):
        cells(config(protocols=["leader", vote], rounds=[1]))
    assert len(cells(config(protocols=[{"leader": {"seeds": 3}}, vote], rounds=[1]))) == 6


TRAINED = Team(leader=Member(model="m", adapter="mine"), peers=(Member(model="p"),))


@pytest.mark.parametrize(("trained", "before"), [("team", "untrained"), ("a", "a untrained")])
def test_no_team_has_the_name_of_what_another_was_before_training(trained: str, before: str) -> None:
    says = f"the team '{before}' would have the name of what the leader of '{trained}' was before training; give it"
    other = Team(leader=Member(model="n"))
    for teams in ({trained: TRAINED, before: other}, {before: other, trained: TRAINED}):
        with pytest.raises(UsageError, match=says):
            config(protocols=["solo"], teams=teams)
    with pytest.raises(UsageError, match=says):
        config(protocols=["solo"], teams={trained: TRAINED}).extended(config(protocols=["solo"], teams={before: other}))
    assert config(protocols=["solo"], teams={trained: other, before: other})


def test_a_file_with_such_a_team_is_told_where(tmp_path: Path) -> None:
    path = tmp_path / "matrix.yaml"
    path.write_text("data: x\nteams:\n  a: {leader: {model: m, adapter: x}}\n  a untrained: {leader: {model: n}}\n")
    with pytest.raises(UsageError, match=r"matrix.yaml:2: field 'teams': the team 'a untrained' would .*another\.$"):
        read_config(path)


TWO_TEAMS = {"a": Team(leader=Member(model="m")), "b": Team(leader=Member(model="n"))}


@pytest.mark.parametrize(
    "matching",
    [
        {"vote": {"samples": "tokens", "teams": ["b"]}},
        {"vote": {"samples": "calls", "teams": ["b"]}},
        {"think": {"budget": "written", "teams": ["b"]}},
        {"extend": {"budget": "tokens", "teams": ["b"], "match": ["leader"]}},
    ],
)
def test_what_matches_rows_of_no_team_of_its_own_is_refused(matching: dict[str, dict[str, object]]) -> None:
    says = r"\{.*\}` of the team 'b' has no row to match: leader is of the team 'a' alone. Give both the same teams"
    with pytest.raises(UsageError, match=says):
        labels(protocols=[{"leader": {"teams": ["a"]}}, matching], teams=TWO_TEAMS)
    (protocol, settings), *_ = matching.items()
    both = {protocol: settings | {"teams": ["a", "b"]}}  # a row of one of its teams is none of the other's
    with pytest.raises(UsageError, match=says):
        labels(protocols=[{"leader": {"teams": ["a"]}}, both], teams=TWO_TEAMS)
    assert labels(protocols=[{"leader": {"teams": ["a", "b"]}}, matching], teams=TWO_TEAMS, rounds=1)[-1:]


def test_a_row_that_matches_others_is_not_matched_itself() -> None:
    protocols = ["leader", {"think": {"budget": "written"}}, {"extend": {"budget": "tokens", "match": ["think"]}}]
    with pytest.raises(UsageError, match=r"is to match think, and `think: \{budget: written\}` is to match other rows"):
        labels(protocols=protocols)


@pytest.mark.parametrize("named", [["a"], ["a untrained"], ["a", "a untrained"]])
def test_what_a_leader_was_before_training_is_a_team_by_its_own_name(named: list[str]) -> None:
    protocols = [{"leader": {"teams": named}}, {"vote": {"samples": "tokens", "teams": named}}]
    teams = {"a": TRAINED, "b": TWO_TEAMS["b"]}
    assert [cell.team for cell in cells(config(protocols=protocols, rounds=1, peers=1, teams=teams))] == named * 2
    with pytest.raises(UsageError, match="no team is called 'b untrained'"):
        config(protocols=[{"leader": {"teams": ["b untrained"]}}], teams=teams)


@pytest.mark.parametrize(
    ("seeds", "says"),
    [
        (200, r"`seeds` of 'leader' repeats its rows with 1 to 100 seeds, not 200; one seed of that number is \[200\]"),
        (0, "not 0; one seed"),
        ("3", "field 'protocols.0.leader.seeds': input should be a list \\(it is '3'\\)"),
        (2.0, "input should be a list"),
        (True, "input should be a list"),
    ],
)
def test_a_bare_number_of_seeds_is_how_many(tmp_path: Path, seeds: object, says: str) -> None:
    path = tmp_path / "matrix.yaml"
    path.write_text(yaml.safe_dump({"protocols": [{"leader": {"seeds": seeds}}]}))
    with pytest.raises(UsageError, match=says):
        read_config(path)
    assert config(protocols=[{"leader": {"seeds": [200]}}]).protocols[0].seeds == (200,)


def test_what_is_counted_goes_with_the_tokens_that_are_matched() -> None:
    def asked(budget: object, counts: object) -> list[str]:
        return labels(protocols=["leader", {"think": {"budget": budget, "counts": counts}}], rounds=1)

    assert asked("written", "written")[1:] == ["think at the written tokens of leader, 1 round, 3 peers"]
    assert asked("tokens", "all")[1:] == ["think at the tokens of leader, 1 round, 3 peers"]
    for budget, counts in (("written", "all"), ("tokens", "written"), ("tokens", ["all", "written"])):
        with pytest.raises(UsageError, match=r"`think: \{budget: \w+\}` has counts at .*: take counts out, or let bud"):
            asked(budget, counts)


@pytest.mark.parametrize(
    "protocols", [["reckless"], ["reckless", "vote"], ["reckless", {"vote": {"samples": "calls"}}]]
)
def test_a_protocol_s_calls_are_checked_before_anything_goes_by_them(
    monkeypatch: pytest.MonkeyPatch, protocols: list[object]
) -> None:
    monkeypatch.setattr(PROTOCOLS, "_added", dict(PROTOCOLS._added))
    type("Reckless", (Leader,), {"name": "reckless", "calls": lambda *_: "many"})
    with pytest.raises(UsageError, match=r"protocol 'reckless' says calls\(3\) is 'many', which should be a whole"):
        labels(protocols=protocols)


FAULTY = """\
suites: [bhb]
subjects: [naviget]
teams: {a: {leader: {model: m}}}
protocols:
  - laeder
  - leader: {shre: whole}
  - leader: {rounds: true}
  - vote: {samples: tokens, match: debat}
  - solo: {peers: 5}
generation: {temprature: 1}
interventions: [{drop: 1, protocols: laeder}]
"""


def test_all_faults_of_names_are_told_with_line_and_field(tmp_path: Path) -> None:
    path = tmp_path / "matrix.yaml"
    path.write_text(FAULTY)
    with pytest.raises(UsageError) as caught:
        read_config(path)
    said = str(caught.value).replace(str(path), "F").splitlines()
    assert [line.partition(": ")[0] for line in said] == [f"F:{n}" for n in (1, 5, 6, 7, 8, 9, 10, 11)]
    for line, told in zip(said, (
        "field 'suites': no suite is called 'bhb'; did you mean 'bbh'? Known: ",
        "field 'protocols.0.protocol': no protocol is called 'laeder'; did you mean 'leader'? Known: ",
        "field 'protocols.1': protocol 'leader' has no setting 'shre' (it has rounds, ",
        "field 'protocols.2': the setting 'rounds' of protocol 'leader' must be a number, not true.",
        "field 'protocols.3.vote.match': no protocol is called 'debat'; did you mean 'debate'? Known: ",
        "field 'protocols.4': `peers` of 'solo' says how many peers are asked, and with these settings it asks none: ",
        "field 'generation': ",
        "field 'interventions.0.protocols': no protocol is called 'laeder'; did you mean 'leader'? Known: ",
    ), strict=True):  # fmt: skip
        assert told in line
    path.write_text("suites: [bbh]\nsubjects: [naviget]\nprotocols:\n  - leader: {teams: [b]}\n")
    with pytest.raises(UsageError) as caught:
        read_config(path)
    said = str(caught.value).replace(str(path), "F").splitlines()
    assert said[0].startswith("F:2: field 'subjects': no subject is called 'naviget'; did you mean 'navigate'?")
    assert said[1] == "F:3: field 'protocols': no team is called 'b'. Known: team."


def test_ballots_that_nobody_wrote_are_told_whence_they_come() -> None:
    says = r"'vote' would have as many ballots as {} has calls, 4,160, and a vote has 4,096 at most; say how many"
    with pytest.raises(UsageError, match=says.format("the run's largest leader cell")):
        config(protocols=["leader", "vote"], rounds=64, peers=64)
    asked = config(protocols=["leader", {"vote": {"samples": "calls"}}], rounds=64, peers=64)
    with pytest.raises(UsageError, match=says.format("'leader, 64 rounds, 64 peers'")):
        cells(asked)
    assert cells(config(protocols=["leader"], rounds=64, peers=64))


def test_written_tokens_are_no_number_of_ballots() -> None:
    for samples in ("written", [], 0.5, ["written"]):
        with pytest.raises(ValidationError) as caught:
            config(samples=samples)
        assert "or 'written'" not in str(caught.value)
        assert "'calls', 'tokens'" not in str(caught.value)
