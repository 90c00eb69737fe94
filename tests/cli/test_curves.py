"""Curves on a terminal: a block for each value or mean of values, and a table that holds at 80 columns."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlpo_bench.cli._curves import curves, figure, latest, sparkline


def test_blocks_go_from_the_least_to_the_greatest() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([3, 3]) == "▁▁"
    assert sparkline([]) == ""


def test_many_values_become_means() -> None:
    assert sparkline([0, 0, 7, 7, 0, 0, 7, 7], width=4) == "▁█▁█"
    assert len(sparkline(list(map(float, range(1000))))) == 40


@pytest.mark.parametrize(("value", "told"), [(0.12345, "0.123"), (1234.5, "1234"), (1e-6, "1e-06"), (0.0, "0")])
def test_figures_have_three_digits(value: float, told: str) -> None:
    assert figure(value) == told


def test_the_table_holds_at_80_columns() -> None:
    from mlpo_bench.reports.terminal.console import Console

    points = [{"step": n, "reward": n / 7, "grad_norm": 12345.6 * n, "kl": 1e-5 * n} for n in range(1, 200)]
    console = Console(width=80, record=True, file=None, force_terminal=False, quiet=True)
    with console.capture() as shown:
        console.quiet = False
        console.print(curves(points))
    lines = shown.get().splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines[1:]] == ["reward", "kl", "grad"]
    assert latest(points) == "reward 28.4, kl 0.00199, grad norm 2456774"


def test_a_trainings_curves_are_shown_and_drawn(mlpo_bench: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "trainings" / "mine"
    (folder / "mlpo").mkdir(parents=True)
    (folder / "recipe.yaml").write_text("name: mine")
    said = mlpo_bench("train", "curves", "mine")
    assert (said.code, said.err) == (
        2,
        "mlpo-bench: the training mine has no curves yet: none of sft, mlpo was begun.\n",
    )
    (folder / "mlpo" / "curves.jsonl").write_text('{"step": 1, "reward": 0.5}\n{"step": 2, "reward": 0.75}\n{"ste')
    said = mlpo_bench("train", "curves", "mine", "--plot", "curves.svg")
    assert said.code == 0
    assert "mlpo: 2 steps" in said.out
    assert re.search(r"reward +0.5 +▁█ +0.75", said.out)
    assert (tmp_path / "curves.svg").read_text().startswith("<svg")
    assert "there is no training 'mime'; did you mean 'mine'?" in mlpo_bench("train", "curves", "mime").err


@pytest.mark.parametrize("figure", ["NaN", "Infinity", "-Infinity", "1e400", "1" + "0" * 400, "true"])
def test_what_is_no_finite_number_is_no_figure(mlpo_bench: Callable[..., Any], tmp_path: Path, figure: str) -> None:
    folder = tmp_path / "trainings" / "mine"
    (folder / "mlpo").mkdir(parents=True)
    (folder / "recipe.yaml").write_text("name: mine")
    (folder / "mlpo" / "curves.jsonl").write_text(f'{{"step": 1, "loss": 0.5}}\n{{"step": 2, "loss": {figure}}}\n')
    said = mlpo_bench("train", "curves", "mine", "--plot", "curves.svg")
    assert said.code == 2
    assert "holds no figures of a step in line 2; delete the lines from there on." in said.err
