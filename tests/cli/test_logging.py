from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Cli = Any
KEPT = "mlpo_bench.store: completions are kept in"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Take back what a command set up: it is meant for its whole process."""
    loggers = [logging.getLogger(), logging.getLogger("mlpo_bench")]
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    yield
    logging.captureWarnings(capture=False)
    for logger, (level, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers


def test_nothing_is_logged_unless_a_person_asks_for_it(mlpo_bench: Cli, tmp_path: Path) -> None:
    said = mlpo_bench("store", "export", "nowhere", tmp_path / "out", "--store", tmp_path / "store.sqlite")
    assert KEPT not in said.err


@pytest.mark.parametrize("option", ["-v", "--verbose", "-vv"])
def test_what_is_decided_is_logged_on_standard_error(
    made_up: Path, team_file: Path, mlpo_bench: Cli, tmp_path: Path, option: str
) -> None:
    few = ("--suite", "bbh", "--subjects", "navigate", "--protocol", "solo", "--quiet", "--limit", "2")
    said = mlpo_bench(option, "run", *few, "--data", made_up, "--team", team_file, "--store", tmp_path / "s.sqlite")
    assert said.code == 0, said.err
    assert f"INFO {KEPT} {tmp_path / 's.sqlite'}" in said.err
    assert KEPT not in said.out
