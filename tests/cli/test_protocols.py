"""`mlpo-bench protocols`."""

from __future__ import annotations

from typing import Any


Cli = Any


def test_protocols_are_listed_with_their_settings(mlpo_bench: Cli) -> None:
    said = mlpo_bench("protocols")
    assert said.code == 0
    assert all(name in said.out for name in ("self-mixture", "memory=false", "population=8, subset=3"))
