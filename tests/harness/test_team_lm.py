from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lm_eval.api.instance import Instance

from mlpo_bench.engines import ScriptedEngine
from mlpo_bench.errors import UsageError
from mlpo_bench.harness.command_line import register
from mlpo_bench.harness.suite import quiet_lm_eval
from mlpo_bench.harness.team_lm import TeamLM
from mlpo_bench.protocols import Leader, Refine, Vote
from mlpo_bench.teams import Team


TASKS = Path(__file__).parents[2] / "tasks"


def test_the_settings_of_a_protocol_are_arguments_of_the_model(team_file: Path, tmp_path: Path) -> None:
    arguments: dict[str, Any] = {
        "team": str(team_file),
        "store": str(tmp_path / "s.sqlite"),
        "batch_size": 8,
        "device": "cpu",
    }
    led = TeamLM(protocol="leader", rounds=3, peers=2, **arguments)
    assert led.setting.protocol == Leader(rounds=3)
    assert len(led.setting.team.peers) == 2
    assert TeamLM(protocol="vote", samples=4, **arguments).setting.protocol == Vote(4)
    assert led.get_model_info()["protocol"] == "leader, 3 rounds"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"protocol": "ledaer"}, "did you mean 'leader'"),
        ({"protocol": "vote", "rounds": 2}, "no setting 'rounds'"),
        ({"protocol": "leader", "rounds": 0}, "'rounds' .* should be greater than or equal to 1, not 0"),
        ({"protocol": "leader", "peers": 0}, "a team has 1 to .* peers, not 0"),
        ({"protocol": "oracle"}, "needs gold answers.* use `mlpo-bench run`"),
        ({"protocol": "weighted"}, "scores on the train split.* use `mlpo-bench run`"),
    ],
)
def test_wrong_settings_are_bad_input(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TeamLM(**arguments)


def test_a_team_without_peers_serves_only_protocols_that_ask_none(tmp_path: Path) -> None:
    alone: dict[str, Any] = {"team": Team(peers=()), "store": tmp_path / "s.sqlite"}
    assert TeamLM(protocol="refine", rounds="2", **alone).setting.protocol == Refine(2)
    with pytest.raises(UsageError, match="protocol 'debate' needs peers, and this team has none"):
        TeamLM(protocol="debate", **alone)


def test_lm_eval_finds_the_team_beside_its_own_models() -> None:
    register()
    register()
    from lm_eval.api.registry import get_model

    assert get_model("mlpo-team") is TeamLM
    assert get_model("dummy").__name__ == "DummyLM"


def test_a_request_that_lm_eval_repeats_is_drawn_anew_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def opened(specs: Any, **_: Any) -> dict[Any, ScriptedEngine]:
        return {spec: ScriptedEngine(lambda _messages, _sampling, seed: str(seed)) for spec in specs}

    monkeypatch.setattr("mlpo_bench.harness.team_lm.open_engines", opened)
    doc = {"id": "q", "suite": "bbh", "subject": "snarks", "answer_format": "option"}

    def asked(*ids: str) -> list[Instance]:
        return [Instance("generate_until", doc | {"id": one}, ("Which?", {"temperature": 1.0}), 0) for one in ids]

    def answers(seed: int, *requests: Instance) -> list[str]:
        lm = TeamLM(Team(peers=()), "solo", seed=seed, store=tmp_path / "s.sqlite")
        return lm.generate_until(requests)

    one, other = asked("q", "other")
    texts = answers(3, one, one, one, other)
    assert len(set(texts[:3])) == 3
    assert texts[:3] == [*answers(3, one), *answers(4, one), *answers(5, one)]
    assert texts[3:] == answers(3, other)


def test_simple_evaluate_runs_a_team(made_up: Path, team_file: Path, tmp_path: Path) -> None:
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    with quiet_lm_eval():
        done = simple_evaluate(
            TeamLM(str(team_file), "leader", rounds=2, store=tmp_path / "s.sqlite"),
            tasks=["mlpo_bbh_snarks", "mlpo_bbh_navigate"],
            task_manager=TaskManager(include_path=str(TASKS), include_defaults=False, metadata={"data": str(made_up)}),
            system_instruction="Be brief.",
            apply_chat_template=True,
        )
    assert set(done["results"]) == {"mlpo_bbh_snarks", "mlpo_bbh_navigate"}
    for of_task in done["samples"].values():
        for sample in of_task:
            assert sample["resps"][0][0].startswith("<think>")
            assert "Be brief." in sample["arguments"][0][0]
    assert done["config"]["protocol"] == "leader, 2 rounds"


def test_the_command_line_of_lm_eval_runs_a_team(made_up: Path, team_file: Path, tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "mlpo_bench", "lm-eval", "run", "--model", "mlpo-team",
        "--model_args", f"team={team_file},protocol=vote,samples=3,store={tmp_path / 's.sqlite'}",
        "--tasks", "mlpo_bbh_snarks", "--apply_chat_template", "--output_path", str(tmp_path / "out"),
        "--metadata", json.dumps({"data": str(made_up)}),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert "mlpo_bbh_snarks" in done.stdout
    (results,) = (tmp_path / "out").rglob("results_*.json")
    found = json.loads(results.read_text())
    assert found["results"]["mlpo_bbh_snarks"]["acc,read"] in {0.0, 0.5, 1.0}
    assert found["config"]["protocol"] == "vote of 3"


def test_help_of_lm_eval_is_passed_through(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mlpo_bench", "lm-eval", "run", "--help"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0
    assert "--apply_chat_template" in done.stdout
