"""The figures of each step are kept, taken up again, and looked at."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest


pytest.importorskip("transformers")

if TYPE_CHECKING:
    from pathlib import Path


class Heard:
    """Takes note of what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.told: list[Any] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def begin(self, what: str, total: int) -> None:
        self.told.append((what, total))

    def advance(self, count: int = 1) -> None:
        self.told.append(count)

    def figures(self, points: Any) -> None:
        self.told.append(len(points))


def logged(path: Path, heard: Heard, logs: list[dict[str, Any]], first: int = 0) -> Any:
    """Curves that have been told these figures, from a step on."""
    from mlpo_bench.training.curves import Curves

    curves = Curves(path, heard)
    state = SimpleNamespace(global_step=first, max_steps=100)
    curves.on_train_begin(None, state, None)
    for log in logs:
        state.global_step += 1
        curves.on_log(None, state, None, logs=log)
    return curves


def test_figures_have_our_names_and_what_is_no_number_is_left_out(tmp_path: Path) -> None:
    log = {"loss": 0.5, "reward": math.nan, "completions/mean_length": 12.0, "entropy": 2.0, "sampling_entropy": 3.0}
    curves = logged(tmp_path / "curves.jsonl", Heard(), [log, {"train_runtime": 3.0}])
    assert curves.points == [{"step": 1, "loss": 0.5, "length": 12.0, "entropy": 3.0}]
    assert [json.loads(line) for line in (tmp_path / "curves.jsonl").read_text().splitlines()] == curves.points


def test_figures_of_steps_that_are_done_again_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "curves.jsonl"
    logged(path, Heard(), [{"loss": 1.0}, {"loss": 2.0}, {"loss": 3.0}])
    with path.open("a") as file:
        file.write('{"step": 4, "lo')
    heard = Heard()
    curves = logged(path, heard, [{"loss": 9.0}], first=2)
    assert [point["loss"] for point in curves.points] == [1.0, 2.0, 9.0]
    assert [json.loads(line)["loss"] for line in path.read_text().splitlines()] == [1.0, 2.0, 9.0]
    assert heard.told == [("steps", 100), 2, 3, 1]


@pytest.mark.parametrize(("reward", "says"), [(0.0, "take easier questions"), (1.0, "take harder questions")])
def test_a_training_that_learns_nothing_is_told_once(tmp_path: Path, reward: float, says: str) -> None:
    heard = Heard()
    idle = {"loss": 0.0, "reward": reward, "frac_reward_zero_std": 1.0}
    logged(tmp_path / "curves.jsonl", heard, [idle] * 25)
    assert len(heard.said) == 1
    assert heard.said[0].startswith(f"For 10 steps all completions of each group have earned the same ({reward:.2g})")
    assert says in heard.said[0]


def test_a_training_that_learns_now_and_then_is_left_in_peace(tmp_path: Path) -> None:
    heard = Heard()
    idle = {"loss": 0.0, "reward": 0.0, "frac_reward_zero_std": 1.0}
    logged(tmp_path / "curves.jsonl", heard, ([idle] * 9 + [{**idle, "frac_reward_zero_std": 0.5}]) * 3)
    assert heard.said == []
