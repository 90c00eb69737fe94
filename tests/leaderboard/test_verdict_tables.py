"""What the board's verdict says in words where there are several models."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from mlpo_bench.leaderboard.verdict_tables import unread


def judged(**warnings: tuple[str, ...]) -> Any:
    return [SimpleNamespace(model=model, verdicts=SimpleNamespace(warnings=said)) for model, said in warnings.items()]


def test_what_holds_of_all_models_is_said_once_and_of_none_by_name() -> None:
    assert unread(judged(small=("BBH: 30 % unread.", "Questions were limited."))) == [
        "BBH: 30 % unread.",
        "Questions were limited.",
    ]
    both = judged(small=("BBH: 30 % unread.", "Questions were limited."), trained=("Questions were limited.",))
    assert unread(both) == ["small: BBH: 30 % unread.", "Questions were limited."]
