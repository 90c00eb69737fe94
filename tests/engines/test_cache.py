"""Folders of the cache appear whole or not at all."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mlpo_bench.engines import cache


if TYPE_CHECKING:
    from pathlib import Path


def test_a_process_that_is_killed_leaves_no_folder_and_the_next_one_clears_up(tmp_path: Path) -> None:
    """A process is killed while it fills the folder; the next call finds nothing, and fills it anew."""
    folder = tmp_path / "model"
    program = (
        "import pathlib, time\n"
        "from mlpo_bench.engines.cache import made_once\n"
        "def fill(beside):\n"
        "    (beside / 'half').write_text('x'); print('filling', flush=True); time.sleep(60)\n"
        f"made_once(pathlib.Path({str(folder)!r}), fill)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"filling\n"
        process.send_signal(signal.SIGKILL)
    assert not folder.exists()
    cache.made_once(folder, lambda beside: (beside / "whole").touch())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model", "model.lock"]
    assert [p.name for p in folder.iterdir()] == ["whole"]


def test_a_folder_that_could_not_be_filled_is_not_there(tmp_path: Path) -> None:
    def fails(beside: Path) -> None:
        (beside / "half").touch()
        raise ValueError("broken on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        cache.made_once(tmp_path / "model", fails)
    assert [p.name for p in tmp_path.iterdir()] == ["model.lock"]


def test_a_folder_that_is_there_is_not_filled_again(tmp_path: Path) -> None:
    cache.made_once(tmp_path / "model", lambda beside: (beside / "first").touch())
    cache.made_once(tmp_path / "model", lambda beside: (beside / "second").touch())
    assert [p.name for p in (tmp_path / "model").iterdir()] == ["first"]
