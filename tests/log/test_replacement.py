"""What a process that was killed had decided to replace is done by the next, within the run and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlpo_bench.log import replacement
from mlpo_bench.log.files import DamagedFile


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of which half of what was decided is done."""
    run = tmp_path / "runs" / "one"
    for name, text in {
        "results.json": "old", "cells/a.json": "old", "cells/gone.json": "old",
        ".replacing/cells/a.json": "new", ".replacing/results.json": "new",
    }.items():  # fmt: skip
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(text)
    (run / ".replacing" / ".gone.json").write_text('["cells/gone.json", "cells/never.json"]')
    return run


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_what_was_decided_is_done(run: Path) -> None:
    assert replacement.unsettled(run)
    replacement.settle(run)
    assert not replacement.unsettled(run)
    assert files(run) == {"results.json": "new", "cells/a.json": "new"}


def test_what_was_removed_already_is_not_asked_for_again(run: Path) -> None:
    (run / ".replacing" / ".gone.json").unlink()
    replacement.settle(run)
    assert files(run) == {"results.json": "new", "cells/a.json": "new", "cells/gone.json": "old"}


@pytest.mark.parametrize(
    "gone",
    [
        ["../precious.txt"], ["cells/../../precious.txt"], ["{outside}"], [""], ["."], [".."], ["cells/.."], ["a/b/c"],
        ["a\u0000b"], ["linked/precious.txt"], None, 3, [1], {"a": 1}, "results.json",
    ],
)  # fmt: skip
def test_nothing_beyond_the_run_is_removed(run: Path, gone: Any) -> None:
    outside = run.parent / "precious.txt"
    outside.write_text("precious")
    (run / "linked").symlink_to(run.parent, target_is_directory=True)
    told = json.dumps(gone).replace("{outside}", str(outside))
    (run / ".replacing" / ".gone.json").write_text(told)
    before = files(run.parent)
    with pytest.raises(DamagedFile, match=r"\.gone\.json .*remove .*\.replacing, and .*rescore .*one` judges"):
        replacement.settle(run)
    assert files(run.parent) == before


@pytest.mark.parametrize("content", [b"", b"[", b"\xff"])
def test_what_cannot_be_read_is_told_with_what_helps(run: Path, content: bytes) -> None:
    (run / ".replacing" / ".gone.json").write_bytes(content)
    with pytest.raises(DamagedFile, match=r"remove .*\.replacing"):
        replacement.settle(run)
    assert (run / "cells" / "gone.json").exists()


def test_nothing_is_put_beyond_the_run(run: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (run / "cells").rename(run / "others")
    (run / "cells").symlink_to(elsewhere, target_is_directory=True)
    with pytest.raises(DamagedFile, match="would replace what is no file of the run: 'cells/"):
        replacement.settle(run)
    assert not list(elsewhere.iterdir())
