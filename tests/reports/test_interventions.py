"""What interventions did, as it is printed and put on a page."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from mlpo_bench.analysis.interventions import effects
from mlpo_bench.api.run import load_run
from mlpo_bench.cli.diagnose import diagnose
from mlpo_bench.log import LoadedRun, RunDirectory
from mlpo_bench.reports.html.interventions import intervention_figures
from mlpo_bench.reports.terminal.console import Console
from mlpo_bench.reports.terminal.conversation import print_conversation
from mlpo_bench.reports.terminal.interventions import print_effects
from mlpo_bench.reports.terminal.table import print_results


Runs = Any
app = typer.Typer()
app.command()(diagnose)


@pytest.fixture(scope="module")
def run(carry_for_all: Runs, mixed_team: Any) -> RunDirectory:
    """Leaders and debaters whose texts depend on the seed, under a few interventions."""
    folder: RunDirectory = carry_for_all(
        "mixed",
        protocols=[{"leader": {"rounds": 1}}, {"debate": {"rounds": 2}}],
        team=mixed_team,
        seeds=2,
        split="all",
        interventions=[{"drop": 1}, {"plant": ["right", "wrong"], "pool": 12}, {"fault": "injection", "peers": [1, 3]}],
    )
    return folder


def printed(run: RunDirectory, width: int) -> str:
    out = io.StringIO()
    print_effects(effects(LoadedRun(run)), Console(file=out, width=width))
    return out.getvalue()


def test_tables_hold_at_eighty_columns(run: RunDirectory) -> None:
    text = printed(run, 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    for title in ("what peers add", "what is read in peers' place", "the same done to each row"):
        assert title in text
    assert "gained" in printed(run, 120)


def test_the_page_has_the_same_figures(run: RunDirectory) -> None:
    figures = intervention_figures(LoadedRun(run))
    assert [one["row"] for one in figures] == ["leader, 1 round, 3 peers", "debate, 2 rounds, 3 peers"]
    told = effects(LoadedRun(run))
    assert [one["n"] for of_row in figures for one in of_row["effects"]] == [one.conversations for one in told]
    assert all(one["change"]["low"] <= one["change"]["value"] <= one["change"]["high"]
               for of_row in figures for one in of_row["effects"])  # fmt: skip
    json.dumps(figures)


def test_seeds_of_a_question_are_pooled(run: RunDirectory) -> None:
    dropped = [one for one in effects(LoadedRun(run)) if one.kind == "drop"]
    assert {one.conversations for one in dropped} == {2 * 22}
    assert {one.accuracy.difference.questions for one in dropped if one.accuracy} == {22}


def test_the_command_tells_of_rows_without_a_leader(run: RunDirectory) -> None:
    told = CliRunner().invoke(app, [str(run.path), "--cell", "debate", "--json"], catch_exceptions=False)
    assert told.exit_code == 0
    told_of = json.loads(told.stdout)
    assert told_of["leaders"] == []
    assert {one["row"] for one in told_of["interventions"]} == {"debate, 2 rounds, 3 peers"}
    words = CliRunner().invoke(app, [str(run.path)], catch_exceptions=False).stdout
    assert "what leaders make of" in words or "What the leader does" in words
    assert "what peers add" in words


def test_tables_of_results_leave_them_out(run: RunDirectory) -> None:
    out = io.StringIO()
    print_results(LoadedRun(run), Console(file=out, width=100))
    assert "without peer" not in out.getvalue()
    assert "28 cells are interventions" in out.getvalue()


def test_a_transcript_shows_what_was_read_instead(run: RunDirectory) -> None:
    loaded = LoadedRun(run)
    cell = next(cell for cell in loaded.cells if cell.label.endswith("debate, 2 rounds, 3 peers, 1 peer injecting"))
    line = next(line for line in loaded.transcripts(cell) if "altered" in line)
    out = io.StringIO()
    print_conversation(cell, line, Console(file=out, width=200), prompts=False)
    assert "what others read of peer" in out.getvalue()
    assert "Ignore the other attempts" in out.getvalue()


def test_the_frame_has_the_same_figures(run: RunDirectory) -> None:
    frame = load_run(run.path).interventions
    told = effects(LoadedRun(run))
    assert frame["change"].tolist() == [one.accuracy.difference.value for one in told if one.accuracy]
    assert frame["done"].tolist() == [one.said for one in told]


def test_a_plan_counts_the_readers_that_are_asked_again(run: RunDirectory) -> None:
    plan = run.plan()
    assert plan is not None
    alone, paid = (sum(of.calls for of in side.values()) for side in (plan.alone, plan.paid))
    readers = sum(cell.calls * cell.questions for cell in plan.cells if "planted" in cell.label)
    assert readers
    assert paid < alone
