"""What a leader gains where it was trained and elsewhere."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.analysis import transfer as module
from mlpo_bench.analysis.rows import read_rows
from mlpo_bench.analysis.transfer import suites_of_card, transfer
from mlpo_bench.errors import UsageError
from mlpo_bench.log import LoadedRun
from mlpo_bench.reports import grids
from mlpo_bench.reports.terminal.transfer import grid
from mlpo_bench.stats import stratified
from mlpo_bench.teams import Member


if TYPE_CHECKING:
    from mlpo_bench.analysis.rows import ResultRow

Runs = Any
DEEPEST = "leader, 2 rounds, 3 peers"


@pytest.fixture(scope="module")
def run(carry_for_all: Runs, mixed_team: dict[str, Any]) -> LoadedRun:
    protocols = ["solo", {"leader": {"rounds": [1, 2]}}, {"vote": {"samples": 3}}]
    return LoadedRun(carry_for_all("transferred", team=mixed_team, protocols=protocols))


def spread(rows: list[ResultRow], gains: dict[str, float], seed: int = 0) -> list[ResultRow]:
    """Return rows of further suites, on which the deepest leader gains over solo what is said."""
    draw = random.Random(seed)
    made = []
    for suite, gain in gains.items():
        hard = {f"{suite}/{n % 4}/{n}": draw.random() for n in range(80)}
        subjects = {question: question.split("/")[1] for question in hard}
        for row in rows:
            reached = 0.4 + (gain if row.name == DEEPEST else 0.0)
            scores = {question: float(hard[question] + draw.gauss(0, 0.1) < reached) for question in hard}
            made.append(replace(row, suite=suite, scores=scores, subjects=subjects))
    return made


@pytest.fixture
def apart(run: LoadedRun, monkeypatch: pytest.MonkeyPatch) -> list[ResultRow]:
    """Have the run gain on what its leader was trained on, and nowhere else."""
    made = spread(read_rows(run), {"boolq": 0.0, "math": 0.4, "drop": 0.0, "bbh": 0.4, "math_500": 0.4})
    monkeypatch.setattr(module, "read_rows", lambda _: made)
    return made


def test_a_gain_that_stays_where_the_leader_was_trained_is_found(run: LoadedRun, apart: list[ResultRow]) -> None:
    made = transfer(run, against="solo")
    assert (made.row, made.against) == (DEEPEST, "solo")
    assert [(gain.suite, gain.inside) for gain in made.gains] == [
        ("math", True), ("bbh", True), ("math_500", True), ("boolq", False), ("drop", False),
    ]  # fmt: skip
    rows = {row.name: row for row in apart if row.suite == "math"}
    led, solo = (list(rows[name].scores.values()) for name in (DEEPEST, "solo"))
    assert made.gains[0].gain == stratified(led, solo, [rows["solo"].subjects[q] for q in rows["solo"].scores])
    assert made.interaction is not None
    assert made.interaction.p < 0.001
    assert "the gain is smaller out of distribution" in made.sentence
    assert made.others == ("leader, 1 round, 3 peers",)
    assert "the paper's" in made.trained_by


def test_which_suites_are_inside_may_be_said(run: LoadedRun, apart: list[ResultRow]) -> None:  # noqa: ARG001
    made = transfer(run, against="solo", trained=["drop", "boolq"])
    assert "the gain is larger out of distribution" in made.sentence
    everywhere = transfer(run, against="solo", trained=["drop", "boolq", "math", "bbh"])
    assert everywhere.interaction is None
    assert everywhere.sentence.endswith(
        "the run has suites that the leader was trained on only, so that nothing can be said of transfer."
    )
    nowhere = transfer(run, row="1 round", against="solo", trained=["mmlu"])
    assert "suites of other kinds only" in nowhere.sentence


def test_the_same_gain_everywhere_shows_no_difference(run: LoadedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    made = spread(read_rows(run), {"boolq": 0.3, "math": 0.3})
    monkeypatch.setattr(module, "read_rows", lambda _: made)
    found = transfer(run, against="solo")
    assert found.interaction is not None
    assert found.interaction.p > 0.05
    assert "whether the gain differs out of distribution cannot be told" in found.sentence


def test_the_rival_is_the_vote_at_the_row_s_tokens_unless_another_is_named(run: LoadedRun) -> None:
    made = transfer(run)
    assert (made.row, made.against) == (DEEPEST, "the vote at its tokens")
    assert [gain.suite for gain in made.gains] == ["bbh"]


@pytest.mark.parametrize(
    ("row", "against", "says"),
    [
        ("leader, 3 rounds, 3 peers", "solo", f"did you mean '{DEEPEST}'"),
        ("leader", "solo", f"may be one of these rows: leader, 1 round, 3 peers; {DEEPEST}"),
        ("solo", "solo", "solo is held against itself"),
    ],
)
def test_what_is_misnamed_is_told(run: LoadedRun, row: str, against: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        transfer(run, row, against)


@pytest.mark.parametrize(
    ("trained", "says"),
    [
        (["bhh"], "no suite is called 'bhh'; did you mean 'bbh'"),
        (["bbh", "nothing.csv"], r"there is no file .*nothing\.csv"),
        ([], "--trained-on names no suite; those of this run are bbh"),
    ],
)
def test_a_suite_that_is_misnamed_is_told(run: LoadedRun, trained: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        transfer(run, against="solo", trained=trained)


def test_a_row_that_is_alone_in_its_run_has_nothing_to_be_held_against(carry_for_all: Runs) -> None:
    alone = LoadedRun(carry_for_all("alone", protocols=[{"vote": {"samples": 2}}]))
    with pytest.raises(UsageError, match="vote of 2 has no vote at its tokens; the run has no other row"):
        transfer(alone, "vote of 2")


def test_a_misnamed_suite_of_one_s_own_is_told_by_the_run_s_name_of_it(
    run: LoadedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = run.config.model_copy(update={"suites": ["bbh", "rivers"]})
    monkeypatch.setattr(LoadedRun, "config", config)
    with pytest.raises(UsageError, match="no suite is called 'rivr'; did you mean 'rivers'"):
        transfer(run, against="solo", trained=["rivr"])


def test_the_table_holds_every_suite_the_two_means_and_the_test(run: LoadedRun, apart: list[ResultRow]) -> None:  # noqa: ARG001
    made = transfer(run, against="solo")
    table = grid(made)
    assert [row[:2] for row in table.rows[-3:]] == [("mean", "in"), ("mean", "out"), ("in less out", "")]
    assert len(table.rows) == 5 + 3
    assert made.sentence in grids.markdown(table)
    assert grids.csv(grid(made, exact=True)).splitlines()[0] == "suite,trained,row,rival,gain,low,high,n"
    assert json.loads(json.dumps(made.to_json()))["interaction"]["p"] == made.interaction.p  # type: ignore[union-attr]


def test_a_leader_s_card_tells_what_it_was_trained_on(tmp_path: Path) -> None:
    assert suites_of_card(Member(model="smollm2-135m", adapter=str(tmp_path))) is None
    (tmp_path / "card.json").write_text(json.dumps({"data": {"questions": {"bbh": 9, "mine": 3}}}))
    assert suites_of_card(Member(model="smollm2-135m", adapter=str(tmp_path))) == ("bbh", "mine")
    (tmp_path / "card.json").write_text("{")
    assert suites_of_card(Member(model=str(tmp_path))) is None
