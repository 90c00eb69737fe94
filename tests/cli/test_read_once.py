"""What decides a run is read once by a command, and handed around from then on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.matrix import cells as matrix
from mlpo_bench.matrix.config import RunConfig


if TYPE_CHECKING:
    from collections.abc import Callable

READ_ONCE = ("config.yaml", "results.json", "manifest.json", "plan.json")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count how often each file is read, and under `cells` how often the matrix is laid out."""
    counted: Counter[str] = Counter()

    def counting(name: str) -> None:
        read = getattr(Path, name)

        def counted_read(path: Path, *arguments: Any, **options: Any) -> Any:
            counted[path.name] += 1
            return read(path, *arguments, **options)

        monkeypatch.setattr(Path, name, counted_read)

    def laid_out(config: RunConfig) -> Any:
        counted["cells"] += 1
        return rows(config)

    counting("open")  # which `read_text` and `read_bytes` go through
    rows = matrix._rows
    monkeypatch.setattr(matrix, "_rows", laid_out)
    return counted


def test_a_run_reads_what_decides_it_no_more_than_once(
    mlpo_bench: Callable[..., Any], made_up: Path, team_file: Path, reads: Counter[str]
) -> None:
    options = ("run", "--suite", "bbh", "--data", made_up, "--team", team_file, "--limit", 27, "--name", "mine", "-q")
    assert mlpo_bench(*options).code == 0
    assert (reads["config.yaml"], reads["cells"]) == (0, 1)  # it was made here, so there is nothing to read
    reads.clear()
    assert mlpo_bench(*options).code == 0
    assert (reads["config.yaml"], reads["cells"]) == (1, 1)


@pytest.mark.parametrize(
    "command",
    [
        ("show", "mine"),
        ("report", "mine"),
        ("diagnose", "mine"),
        ("frontier", "mine"),
        ("transfer", "mine", "--against", "solo", "--row", "leader, 1 round, 3 peers"),
        ("compare", "mine", "--against", "solo"),
        ("export", "mine", "--format", "parquet", "-o", "out"),
    ],
    ids=lambda command: command[0],
)
def test_a_command_reads_each_file_of_a_run_once(
    mlpo_bench: Callable[..., Any], made_up: Path, team_file: Path, reads: Counter[str], command: tuple[str, ...]
) -> None:
    options = ("--suite", "bbh", "--data", made_up, "--team", team_file, "--limit", 27, "--name", "mine", "-q")
    assert mlpo_bench("run", *options).code == 0
    reads.clear()
    assert mlpo_bench(*command).code == 0
    assert {name: reads[name] for name in (*READ_ONCE, "cells") if reads[name] > 1} == {}
    assert reads["results.json"] == 1
