from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlpo_bench import atomic


if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_gets_its_name_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")
    with atomic.written(path) as beside:
        beside.write_text("after")
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_a_fault_leaves_the_file_as_it_was_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")

    def write() -> None:
        with atomic.written(path) as beside:
            beside.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_takes_the_place_of_another_and_of_what_a_killed_process_left(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "folder"
    (tmp_path / "deep" / ".folder").mkdir(parents=True)
    (tmp_path / "deep" / ".folder" / "left").touch()
    for name in ("first", "second"):
        with atomic.filled(folder) as beside:
            (beside / name).touch()
        assert [path.name for path in folder.iterdir()] == [name]
    with pytest.raises(OSError, match="full"), atomic.filled(folder) as beside:
        raise OSError("the disk is full")
    assert [path.name for path in folder.iterdir()] == ["second"]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["folder"]
