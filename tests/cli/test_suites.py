"""`mlpo-bench suites` and `models` on narrow terminals: no name and no word is cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlpo_bench.engines import merged


Cli = Any


@pytest.mark.parametrize("width", [60, 80, 120])
def test_suites_stand_in_lines_of_their_own(mlpo_bench: Cli, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = mlpo_bench("suites", "--suite", "bbh,logical_reasoning").out.splitlines()
    assert max(map(len, lines)) <= width
    (row,) = [line for line in lines if line.strip("│ ").startswith("logical_reasoning ")]  # no sentence on it
    assert ("Basic Skills: logical reasoning" in row) is (width >= 100)
    assert " lm-eval " in " ".join(lines)
    assert "lm-eval's worked examples; pass --data for all 6,511" in " ".join(" ".join(lines).split())


@pytest.mark.parametrize("width", [60, 80])
def test_subjects_stay_whole(mlpo_bench: Cli, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    said = mlpo_bench("suites", "--suite", "mmlu", "--subjects").out
    assert "high_school_government_and_politics" in said
    assert (" train " in said.splitlines()[0]) is (width >= 80)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_models_have_names_to_copy_and_no_long_hashes(
    mlpo_bench: Cli, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = merged.About(
        "smollm2-135m", "b" * 16, "leaders/mlpo-without-filter", "sha256:0123456789abcdef", "bfloat16", 0.1
    )
    copy = merged.Copy(about, Path("/copies") / f"{'b' * 16}-0123456789abcdef-bfloat16", 2**20)
    monkeypatch.setattr(merged, "copies", lambda: [copy])
    monkeypatch.setenv("COLUMNS", str(width))
    lines = mlpo_bench("models").out.splitlines()
    table = lines[: next(place for place, line in enumerate(lines) if line.startswith("Copies with"))]
    assert max(map(len, table)) <= width  # sentences with paths are left to the terminal, which copies them whole
    (row,) = [line for line in lines if "smollm2-135m+mlpo-without-filter" in line]
    assert "1 MiB" in row
    assert "*-01234567*" in " ".join(lines)
    assert "0123456789abcdef" not in " ".join(lines)
