from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mlpo_bench.errors import UsageError
from mlpo_bench.matrix.cells import SHIPPED, cells
from mlpo_bench.matrix.config import RunConfig, read_config


def matrix(*interventions: Any, protocols: Any = ("leader",), **settings: Any) -> RunConfig:
    return RunConfig.model_validate(
        {"suites": ["bbh"], "protocols": list(protocols), "rounds": 1, "interventions": list(interventions), **settings}
    )


def labels(*interventions: Any, **settings: Any) -> list[str]:
    return [cell.label for cell in cells(matrix(*interventions, **settings)) if cell.plain]


def test_each_peer_is_left_out_in_turn() -> None:
    assert labels({"drop": 1}) == [f"leader, 1 round, 3 peers, without peer {n}" for n in (1, 2, 3)]
    assert labels({"drop": 2})[-1] == "leader, 1 round, 3 peers, without peers 2 and 3"
    assert labels({"drop": 1}, peers=[1, 2]) == [f"leader, 1 round, 2 peers, without peer {n}" for n in (1, 2)]


def test_peers_are_counted_or_each() -> None:
    assert labels({"plant": ["right", "wrong"], "peers": [1, "all", 3]}) == [
        "leader, 1 round, 3 peers, 1 peer planted right",
        "leader, 1 round, 3 peers, 3 peers planted right",
        "leader, 1 round, 3 peers, 1 peer planted wrong",
        "leader, 1 round, 3 peers, 3 peers planted wrong",
    ]
    assert len(labels({"fault": "empty", "peers": "each"}, protocols=["self-mixture"])) == 3
    assert len(labels({"fault": "empty", "peers": "all"}, protocols=[{"recursive": {"population": 5}}])) == 1


def test_rounds_are_those_that_are_read() -> None:
    two = {"protocols": [{"leader": {"rounds": 2}}, {"debate": {"rounds": 2}}, {"critique": {"rounds": 2}}]}
    assert labels({"fault": "cut", "round": "every"}, **two) == [
        "leader, 2 rounds, 3 peers, 1 peer cut off in every round",
        "debate, 2 rounds, 3 peers, 1 peer cut off",
        "critique, 2 rounds, 3 peers, 1 peer cut off in every round",
    ]
    assert labels({"fault": "cut", "round": 2}, **two) == [
        "leader, 2 rounds, 3 peers, 1 peer cut off",
        "critique, 2 rounds, 3 peers, 1 peer cut off",
    ]
    assert labels({"fault": "cut", "round": "first", "protocols": "debate"}, **two) == [
        "debate, 2 rounds, 3 peers, 1 peer cut off"
    ]


def test_a_cell_is_named_after_its_intervention() -> None:
    (plain, altered) = cells(matrix({"fault": "injection"}))
    assert altered.id == "bbh.leader-1-round-3-peers-1-peer-injecting"
    assert altered.plain_id == plain.id
    assert plain.plain_id is None


def test_a_matrix_without_any_is_what_it_was() -> None:
    config = matrix()
    assert "interventions" not in config.to_yaml()
    assert config.digest == RunConfig.model_validate(config.model_dump()).digest != matrix({"drop": 1}).digest


def test_a_matrix_reads_its_own_yaml(tmp_path: Path) -> None:
    config = matrix(
        {"drop": 1}, {"swap": "noise", "peers": [1, "all"]}, {"plant": "wrong", "round": "every", "pool": 4}
    )
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    assert read_config(tmp_path / "config.yaml") == config
    assert config.extended(matrix({"drop": 1}, {"fault": "cut"})).interventions == (
        *config.interventions, *matrix({"fault": "cut"}).interventions,
    )  # fmt: skip


def test_the_shipped_one_can_be_run() -> None:
    config = read_config(SHIPPED / "interventions.yaml")
    rows = {cell.plain for cell in cells(config) if cell.plain}
    assert len(rows) == 5


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"peers": 1}, "an intervention has one of drop, swap, plant, answers, fault; this one has none"),
        ({"drop": 1, "plant": "right"}, "this one has drop and plant"),
        ({"drop": 1, "peers": 2}, "`drop` says itself how many peers are left out"),
        ({"plant": "wrongly"}, "Input should be 'right' or 'wrong'"),
        ({"drop": 1, "protocols": ["leadr"]}, "did you mean 'leader'?"),
        ({"drop": 1, "protocols": ["solo"]}, "concerns no row of the matrix"),
        ({"drop": 3}, "concerns no row of the matrix"),
        ({"fault": "cut", "round": 2}, "concerns no row of the matrix"),
    ],
)
def test_a_wrong_entry_is_told(entry: Any, said: str) -> None:
    with pytest.raises((UsageError, ValueError), match=re.escape(said)):
        cells(matrix(entry))


def test_too_many_groups_are_refused() -> None:
    with pytest.raises(UsageError, match="makes 4845 rows"):
        cells(matrix({"drop": 4}, peers=20))


def test_a_pool_stands_where_something_is_drawn_from_it() -> None:
    plain = "leader, 1 round, 3 peers, 1 peer "
    assert labels({"plant": "right", "pool": 8}, {"plant": "right", "pool": 16}) == [
        f"{plain}planted right", f"{plain}planted right from 16 attempts"
    ]  # fmt: skip
    assert labels({"fault": ["empty", "injection"], "pool": 4}, {"fault": "empty"}) == [
        f"{plain}empty", f"{plain}injecting from 4 attempts"
    ]  # fmt: skip
    for one in ({"drop": 1}, {"fault": "empty"}, {"swap": "noise"}, {"answers": "shuffled"}):
        with pytest.raises(
            ValueError, match=r"`pool` says of how many attempts one is drawn, and \w+ draws none: take"
        ):
            matrix(one | {"pool": 4})


@pytest.mark.parametrize(
    ("entry", "told"),
    [({"drop": [1, 5]}, r"drop: \[5\]"), ({"swap": "noise", "peers": ["all", 9]}, r"swap: \['noise'\], peers: \[9\]")],
)
def test_each_number_of_peers_concerns_a_row(entry: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=rf"the intervention \{{{told}\}} concerns no row of the matrix"):
        labels(entry)
    assert labels(entry, peers=[3, 6 if "drop" in entry else 9])
