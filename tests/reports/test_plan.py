"""What a run will take, on a terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from mlpo_bench.log.ledger import Spent
from mlpo_bench.log.plan import CellPlan, Plan, read_plan
from mlpo_bench.reports.terminal.console import Console
from mlpo_bench.reports.terminal.plan import print_plan


if TYPE_CHECKING:
    from pathlib import Path


def planned(*cells: CellPlan) -> Plan:
    spent = {"m": Spent(calls=10)}
    return Plan(cells=cells, alone=spent, paid=spent, seconds=None, price=None, basis={})


def cell(name: str, calls: int, team: str = "team") -> CellPlan:
    return CellPlan(
        cell=name, suite="bbh", label="leader, 2 rounds", questions=100, fewest_calls=calls, calls=calls,
        prompt_tokens=0, completion_tokens=0, team=team,
    )  # fmt: skip


def printed(plan: Plan) -> list[list[str]]:
    console = Console(file=io.StringIO(), width=120)
    print_plan(plan, console)
    assert isinstance(console.file, io.StringIO)
    return [[part.strip() for part in line.strip("│").split("│")] for line in console.file.getvalue().splitlines()]


def test_rows_of_teams_stand_apart_and_seeds_of_a_row_together() -> None:
    lines = printed(planned(*(cell(f"bbh.{seed}", 6) for seed in (0, 1)), cell("bbh.b", 8, team="untrained")))
    assert [line[:4] for line in lines if "leader, 2 rounds" in line[0]] == [
        ["leader, 2 rounds", "2 x 100", "6", "1,200"],
        ["untrained: leader, 2 rounds", "100", "8", "800"],
    ]


def test_a_plan_of_an_earlier_version_is_of_the_one_team(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(planned(cell("bbh.leader", 6)).model_dump_json(exclude={"cells": {"__all__": {"team"}}}))
    assert '"team"' not in path.read_text()
    assert read_plan(path).cells[0].team == "team"
