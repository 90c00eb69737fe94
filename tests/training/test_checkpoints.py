"""A training goes on at the newest checkpoint that was written to its end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mlpo_bench.training import checkpoints


if TYPE_CHECKING:
    from pathlib import Path


def checkpoint(folder: Path, step: int, state: str | None = None, processes: int = 1) -> Path:
    made = folder / f"checkpoint-{step}"
    made.mkdir(parents=True)
    for n in range(processes):
        (made / f"rng_state{f'_{n}' if processes > 1 else ''}.pth").write_bytes(b"")
    (made / "trainer_state.json").write_text(json.dumps({"global_step": step}) if state is None else state)
    return made


def test_the_newest_whole_one_counts(tmp_path: Path) -> None:
    checkpoint(tmp_path, 9)
    newest = checkpoint(tmp_path, 10)
    checkpoint(tmp_path, 11, state='{"global_step": 1')
    (tmp_path / "checkpoint-12").mkdir()
    (tmp_path / "checkpoint-best").mkdir()
    assert checkpoints.latest(tmp_path) == newest
    checkpoints.drop_torn(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-9", "checkpoint-10", "checkpoint-best"}
    checkpoints.drop_all(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-best"}


def test_each_of_several_processes_leaves_its_random_numbers(tmp_path: Path) -> None:
    both = checkpoint(tmp_path, 1, processes=2)
    one = checkpoint(tmp_path, 2, processes=1)
    assert checkpoints.latest(tmp_path, processes=2) == both
    assert checkpoints.latest(tmp_path, processes=1) == one


def test_there_may_be_none(tmp_path: Path) -> None:
    assert checkpoints.latest(tmp_path / "nowhere") is None
