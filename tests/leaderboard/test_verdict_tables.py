"""What the board's verdict says in words where there are several models."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from mlpo_bench.leaderboard.verdict_tables import counts_grid, unread


def judged(**warnings: tuple[str, ...]) -> Any:
    return [SimpleNamespace(model=model, verdicts=SimpleNamespace(warnings=said)) for model, said in warnings.items()]


def test_a_range_of_one_figure_is_that_figure() -> None:
    def led(*differences: float) -> Any:
        verdicts = [
            SimpleNamespace(
                suite="bbh",
                outcome="beats",
                comparison=SimpleNamespace(difference=SimpleNamespace(value=difference)),
            )
            for difference in differences
        ]
        return SimpleNamespace(model="small", verdicts=SimpleNamespace(led=verdicts, chance={}))

    told = [counts_grid([led(*differences)]) for differences in ((0.0231,), (0.0231, 0.0229), (-0.1, 0.0231))]
    assert [grid.rows[0][-2] for grid in told if grid] == ["+0.023", "+0.023", "-0.100 to +0.023"]


def test_what_holds_of_all_models_is_said_once_and_of_none_by_name() -> None:
    assert unread(judged(small=("BBH: 30 % unread.", "Questions were limited."))) == [
        "BBH: 30 % unread.",
        "Questions were limited.",
    ]
    both = judged(small=("BBH: 30 % unread.", "Questions were limited."), trained=("Questions were limited.",))
    assert unread(both) == ["small: BBH: 30 % unread.", "Questions were limited."]
