"""A weighted vote weighs a member by the share of train questions that it alone gets right."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mlpo_bench.dispatch import Dispatch
from mlpo_bench.engines.scripted import ScriptFileEngine
from mlpo_bench.errors import UsageError
from mlpo_bench.harness.suite import SuiteTasks
from mlpo_bench.log.transcripts import read_transcripts
from mlpo_bench.matrix.cells import cells
from mlpo_bench.protocols import Setting, Solo
from mlpo_bench.store import Store
from mlpo_bench.teams import Team


Runs = Any
WEIGHTED: dict[str, Any] = {"protocols": [{"weighted": {"samples": 3, "peers": 2}}], "calibration": 40}
GOLD = "\n".join(
    f"- when: 'Made up for (navigate|web_of_lies|causal_judgement), number {n}:'\n"
    f"  say: The answer is {('Yes', 'No')[n % 2]}.\n"
    f"- when: 'Made up for .*, number {n}:'\n"
    f"  say: The answer is {('(A)', '(B)')[n % 2]}."
    for n in range(11)
)


@pytest.fixture
def team(tmp_path: Path) -> dict[str, Any]:
    """A member that knows most answers, and two that say one thing whatever is asked: they agree with each other."""
    (tmp_path / "knows.yaml").write_text(GOLD)
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text("- say: The answer is perhaps.\n")
    knows, one, two = ({"model": str(tmp_path / f"{n}.yaml"), "engine": "scripted"} for n in ("knows", "one", "two"))
    return {"leader": one, "peers": [knows, two]}


def score_of(script: Path, made_up: Path, tmp_path: Path) -> float:
    """The share of right train questions, reckoned anew."""
    suite = SuiteTasks("bbh", split="train", limit=40, data=made_up)
    team = Team.model_validate({"leader": {"model": str(script), "engine": "scripted"}, "peers": []})

    async def go() -> int:
        with Store(tmp_path / "again.sqlite") as store:
            dispatch = Dispatch({team.leader.spec: ScriptFileEngine(team.leader.spec)}, store)
            right = 0
            for asked in suite.samples:
                done = await Setting(team, Solo()).converse(asked.question, dispatch, asked.sampling)
                right += suite.judge(asked, done.final).right
            return right

    return asyncio.run(go()) / 40


def test_a_weight_is_the_share_of_right_train_questions(
    carry: Runs, team: dict[str, Any], made_up: Path, tmp_path: Path
) -> None:
    run = carry("mine", team=team, **WEIGHTED)
    (cell,) = run.results().cells
    knows = score_of(tmp_path / "knows.yaml", made_up, tmp_path)
    assert cell.scores == {"one.yaml": 0.0, "knows.yaml": knows, "two.yaml": 0.0}
    assert 0 < knows < 1
    assert any("weighing ballots by 40 train questions" in said for said in carry.said)


def test_weights_outvote_a_majority_that_knows_less(carry: Runs, team: dict[str, Any], tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text("- say: The answer is No.\n")
    both = [{"vote": {"samples": 3, "over": "team", "peers": 2}}, *WEIGHTED["protocols"]]
    run = carry("mine", **{**WEIGHTED, "protocols": both}, team=team, subjects=["navigate", "web_of_lies"])
    majority, weighted = run.results().cells
    assert weighted.scores["knows.yaml"] > weighted.scores["one.yaml"] + weighted.scores["two.yaml"] > 0
    assert weighted.right == weighted.n > majority.right
    weighed = next(cell for cell in cells(run.config) if cell.setting.protocol.weighs)
    finals = [line["final"] for line in read_transcripts(run.transcript_path(weighed))]
    assert "The answer is Yes." in finals


def test_nothing_is_weighed_where_no_vote_needs_it(carry: Runs, team: dict[str, Any]) -> None:
    carry("mine", team=team, protocols=["solo"])
    assert not any("weighing" in said for said in carry.said)


def test_train_questions_are_never_the_tested_ones(carry: Runs, team: dict[str, Any], made_up: Path) -> None:
    train = {asked.question.id for asked in SuiteTasks("bbh", split="train", limit=40, data=made_up).samples}
    run = carry("mine", team=team, **WEIGHTED)
    tested = {line["question"] for cell in cells(run.config) for line in read_transcripts(run.transcript_path(cell))}
    assert tested
    assert not train & tested


@pytest.mark.parametrize("split", ["train", "all"])
def test_a_run_that_asks_train_questions_is_refused(carry: Runs, team: dict[str, Any], split: str) -> None:
    with pytest.raises(
        UsageError, match=r"^votes are weighted on the train split, so they can be run on the test split"
    ):
        carry("mine", team=team, split=split, **WEIGHTED)


def test_a_vote_whose_member_cannot_be_weighed_is_left_for_later(
    carry: Runs, team: dict[str, Any], tmp_path: Path
) -> None:
    two = tmp_path / "two.yaml"
    sound = two.read_text()
    two.write_text("- fail: out of memory\n")
    matrix = {**WEIGHTED, "protocols": ["solo", *WEIGHTED["protocols"]]}
    run = carry("mine", **matrix, team=team)
    assert run.results().unfinished == ("bbh.weighted-vote-of-3-2-peers",)
    assert "bbh, weighted vote of 3, 2 peers: not run. out of memory" in carry.said
    assert [cell.errors for cell in run.results().cells] == [0, 0, 4]
    two.write_text(sound)
    assert carry("mine", **matrix, team=team).results() == carry("undisturbed", **matrix, team=team).results()
