"""What a plan announces is what the run comes to, and planning starts and writes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlpo_bench.log.ledger import Spent, read_ledger
from mlpo_bench.matrix.cells import cells


Cli = Any
Runs = Any
TEAM = {"leader": {"model": "m"}, "peers": [{"model": "p"}, {"model": "q", "persona": "You doubt."}, {"model": "p"}]}
EXACT: list[Any] = [
    "solo",
    {"vote": {"samples": 6}},
    {"vote": {"samples": 7, "over": "team", "peers": [1, 3]}},
    {"weighted": {"samples": 5, "peers": 3}},
    {"leader": {"rounds": [1, 3], "peers": [1, 3]}},
    {"leader": {"rounds": 2, "order": "shuffled", "memory": [True, False]}},
    {"leader": {"rounds": 2, "share": "without-thinking"}},
    {"debate": {"rounds": [1, 2], "peers": [1, 3]}},
    {"mixture": {"layers": 2}},
    {"self-mixture": {"layers": 2}},
    {"refine": {"rounds": 2}},
    {"critique": {"rounds": 2, "peers": [1, 3]}},
    "select",
    "oracle",
    {"recursive": {"population": 4, "subset": 2, "steps": 2}},
]
SAVING: list[Any] = [
    {"leader": {"rounds": 3, "early_stop": True}},
    {"leader": {"rounds": 2, "adaptive": [1, 3]}},
    {"leader": {"rounds": 3, "early_stop": True, "adaptive": 2}},
]


def calls(run: Any, cell_id: str) -> list[int]:
    """The calls of each of a cell's questions."""
    questions = read_ledger(run.ledger_path(cell_id))["question"].to_pylist()
    return [questions.count(question) for question in dict.fromkeys(questions)]


def test_each_cells_calls_are_the_planned_ones(carry: Runs, answer_with: Any, own_text: Any) -> None:
    answer_with(own_text("yes (A)"))
    run = carry("mine", protocols=[*EXACT, *SAVING, "pick"], team=TEAM, seeds=2, calibration=2)
    plan = run.plan()
    assert [cell.cell for cell in plan.cells] == [cell.id for cell in cells(run.config)]
    fewer = set()
    for cell in plan.cells:
        of_questions = calls(run, cell.cell)
        assert len(of_questions) == cell.questions
        assert cell.fewest_calls <= min(of_questions)
        assert max(of_questions) <= cell.calls
        fewer |= {cell.label} if min(of_questions) < cell.calls else set()
    assert fewer
    assert all("early stop" in label or "adaptive" in label for label in fewer)


def test_all_calls_are_the_planned_ones_apart_and_together(carry: Runs, answer_with: Any, own_text: Any) -> None:
    answer_with(own_text("yes no (A) (B)"))
    run = carry("mine", protocols=EXACT, team=TEAM, seeds=2, calibration=2)
    plan, shared = run.plan(), run.results().shared
    assert counted(plan.alone) == counted(shared.alone)
    assert counted(plan.paid) == counted(shared.paid)
    assert plan.calls_paid < plan.calls_alone


def test_where_nobody_agrees_protocols_that_save_calls_take_the_planned_ones_too(
    carry: Runs, answer_with: Any, own_text: Any
) -> None:
    answer_with(own_text("nothing-to-read"))
    run = carry("mine", protocols=[*EXACT, *SAVING], team=TEAM, calibration=2)
    plan, shared = run.plan(), run.results().shared
    assert counted(plan.alone) == counted(shared.alone)
    assert counted(plan.paid) == counted(shared.paid)


def counted(spent: dict[str, Spent]) -> dict[str, int]:
    return {model: of_model.calls for model, of_model in spent.items()}


def test_a_plan_is_never_of_the_cells_that_are_left_alone(carry: Runs, mixed_team: dict[str, Any]) -> None:
    matrix: dict[str, Any] = {"protocols": ["solo", "leader", {"vote": {"samples": "tokens"}}], "team": mixed_team}
    whole = carry("whole", **matrix)
    in_parts = carry("in-parts", **matrix, only=("leader, 1",))
    planned = in_parts.plan()
    assert [cell.cell for cell in planned.cells] == [cell.id for cell in cells(whole.config)]
    written = in_parts.plan_path.stat().st_mtime_ns
    carry("in-parts", **matrix)
    assert in_parts.plan_path.stat().st_mtime_ns == written


def test_a_plan_tells_teams_apart(carry: Runs, mixed_team: dict[str, Any]) -> None:
    other = mixed_team | {"leader": mixed_team["peers"][0]}
    run = carry("mine", protocols=["leader"], rounds=1, teams={"team": mixed_team, "other": other})
    label = "leader, 1 round, 3 peers"
    assert [(cell.team, cell.label) for cell in run.plan().cells] == [("team", label), ("other", label)]


def test_an_extended_run_is_planned_anew_and_whole(carry: Runs, mixed_team: dict[str, Any]) -> None:
    carry("mine", protocols=["solo"], team=mixed_team)
    run = carry("mine", protocols=["solo", "debate"], team=mixed_team, seeds=2, add=True)
    assert [cell.cell for cell in run.plan().cells] == [cell.id for cell in cells(run.config)]
    assert len(run.plan().cells) == (3 + 2) * 2
    assert counted(run.plan().paid) == counted(run.results().shared.paid)


def test_a_vote_on_a_cell_that_is_done_can_be_run_later(carry: Runs, mixed_team: dict[str, Any]) -> None:
    matrix: dict[str, Any] = {"protocols": ["leader", {"vote": {"samples": "tokens"}}], "team": mixed_team, "rounds": 1}
    carry("mine", **matrix, only=("bbh.leader",))
    run = carry("mine", **matrix)
    assert run.results().unfinished == ()
    assert run.results().cells == carry("at-once", **matrix).results().cells


def test_suites_that_nothing_is_run_of_need_no_questions(carry: Runs, mixed_team: dict[str, Any]) -> None:
    few = {"subjects": ["navigate", "algebra"], "team": mixed_team, "protocols": ["solo"]}
    run = carry("mine", suites=["bbh", "math"], only=("bbh.",), **few)  # the data folder holds no MATH
    assert {cell.suite for cell in run.plan().cells} == {"bbh"}


@pytest.fixture
def options(made_up: Path, team_file: Path) -> list[object]:
    return ["--suite", "bbh", "--data", made_up, "--team", team_file, "--limit", "9", "--samples", "8"]


def test_planning_starts_no_engine_and_leaves_no_run(
    mlpo_bench: Cli, options: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(*_: object, **__: object) -> None:
        raise AssertionError("an engine was started")

    monkeypatch.setattr("mlpo_bench.engines.opening._start", started)
    said = mlpo_bench("plan", *options)
    assert said.code == 0
    assert not (tmp_path / "runs").exists()
    assert not list(tmp_path.rglob("*.sqlite"))
    printed = " ".join(said.out.split())
    for word in (
        "leader, 2 rounds, 3 peers", "4 cells: 189 calls run apart, ", "assumed",
        "Time: unknown. Price: unknown (a model without `prices` in the team file).",
        "Run apart: each row asks all of its own. Together: what several rows ask alike is asked once.",
    ):  # fmt: skip
        assert word in printed
    with pytest.raises(AssertionError, match="an engine was started"):
        mlpo_bench("run", *options, "-q")


def test_a_plan_as_json_is_what_the_run_writes(mlpo_bench: Cli, options: list[object], tmp_path: Path) -> None:
    planned = json.loads(mlpo_bench("plan", *options, "--json").out)
    assert mlpo_bench("run", *options, "--name", "mine", "-q").code == 0
    written = json.loads((tmp_path / "runs" / "mine" / "plan.json").read_text())
    assert {name: value for name, value in written.items() if name not in {"config_sha256", "sha256"}} == planned


def test_a_speed_gives_the_time(mlpo_bench: Cli, options: list[object]) -> None:
    planned = json.loads(mlpo_bench("plan", *options, "--json", "--speed", "100").out)
    written = sum(model["completion_tokens"] for model in planned["paid"].values())
    assert planned["seconds"] == pytest.approx(written / 100)
    (basis,) = planned["basis"].values()
    assert basis == "100 tokens/s as given; answers: 256 tokens assumed"
    assert "Time: " in (said := mlpo_bench("plan", *options, "--speed", "100")).out
    assert "Time: unknown" not in said.out


def test_prices_give_a_price(mlpo_bench: Cli, options: list[object], team_file: Path, script: Path) -> None:
    priced = team_file.read_text() + f"prices:\n  {script}: {{prompt: 2, completion: 10}}\n"
    team_file.write_text(priced)
    planned = json.loads(mlpo_bench("plan", *options, "--json").out)
    ((_, paid),) = planned["paid"].items()
    assert planned["price"] == pytest.approx((2 * paid["prompt_tokens"] + 10 * paid["completion_tokens"]) / 1e6)
    assert "Price: 0." in mlpo_bench("plan", *options).out


def test_lengths_that_a_run_has_shown_are_planned_with(mlpo_bench: Cli, options: list[object]) -> None:
    before = json.loads(mlpo_bench("plan", *options, "--json").out)
    assert mlpo_bench("run", *options, "-q").code == 0
    after = json.loads(mlpo_bench("plan", *options, "--json").out)
    assert all("answers: as measured" in basis for basis in after["basis"].values())
    written = [sum(model["completion_tokens"] for model in plan["alone"].values()) for plan in (before, after)]
    assert written[1] < written[0] / 10  # a few words where 256 were assumed


def test_show_tells_what_was_planned_beside_what_it_came_to(
    mlpo_bench: Cli, options: list[object], tmp_path: Path
) -> None:
    mlpo_bench("run", *options, "--name", "mine", "-q", "--only", "solo")
    assert "Planned and come to" not in mlpo_bench("show", "mine").out
    mlpo_bench("run", *options, "--name", "mine", "-q")
    said = mlpo_bench("show", "mine").out
    plan = json.loads((tmp_path / "runs" / "mine" / "plan.json").read_text())
    made = sum(model["calls"] for model in plan["paid"].values())
    (row,) = (line.split("│") for line in said.splitlines() if "completions " in line and "│" in line)
    planned, came_to = (int(row[place].strip().replace(",", "")) for place in (2, 3))
    assert planned == made >= came_to > 0
    assert row[4].strip() == f"{planned / came_to - 1:+.0%}"
    assert "were known before" not in said


def test_planned_seconds_are_not_held_against_those_of_a_run_that_found_its_answers_in_the_store(
    mlpo_bench: Cli, options: list[object]
) -> None:
    mlpo_bench("run", *options, "--name", "first", "-q")
    mlpo_bench("run", *options, "--name", "second", "-q")
    said = mlpo_bench("show", "second").out
    (row,) = (line.split("│") for line in said.splitlines() if "seconds " in line and "│" in line)
    assert row[4].strip() == "-"
    (told,) = (line for line in said.splitlines() if "were known before" in line)
    found, paid = told.split()[0], told.split()[2]
    assert found == paid
