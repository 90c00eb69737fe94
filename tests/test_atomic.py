from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mlpo_bench import atomic
from mlpo_bench.errors import UsageError
from mlpo_bench.gate.baseline import read_model_baseline
from mlpo_bench.log.files import DamagedFile, digest, read_bytes, read_lines, read_table


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


def test_what_a_killed_process_left_is_removed_and_what_another_writes_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    left, young, living = (tmp_path / f".a.txt.{pid}" for pid in (gone.pid, gone.pid + 100_000_000, os.getppid()))
    for other in (left, young, living, tmp_path / ".a.txt.notes"):
        other.write_text("half")
    for other in (left, living):
        os.utime(other, (0, 0))
    atomic.write(path, b"whole")
    assert sorted(other.name for other in tmp_path.iterdir()) == sorted(
        [".a.txt.notes", living.name, young.name, "a.txt"]
    )


def test_a_file_is_on_the_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    synced: list[str] = []

    def fsync(descriptor: int) -> None:
        place = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append(f"{place.name}, {'named' if path.exists() else 'nameless'}")

    monkeypatch.setattr("os.fsync", fsync)
    atomic.write(path, b"whole")
    first, then = synced
    assert re.fullmatch(rf"\.a\.txt\.[0-9a-f]{{8}}\.{os.getpid()}, nameless", first)
    assert then == f"{tmp_path.name}, named"


def test_processes_of_one_number_write_a_file_side_by_side(tmp_path: Path) -> None:
    """In two containers that share a folder, each may be the first."""
    path = tmp_path / "a.txt"
    with atomic.written(path) as one:
        one.write_text("one")
        with atomic.written(path) as other:
            other.write_text("other")
        assert path.read_text() == "other"
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]


def test_what_an_earlier_process_of_this_number_left_is_removed_and_what_this_one_writes_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    left = tmp_path / f".a.txt.0a1b2c3d.{os.getpid()}"
    left.write_text("half")
    with atomic.written(path) as slow:
        slow.write_text("slow")
        for other in (left, slow):
            os.utime(other, (0, 0))
        atomic.write(path, b"quick")
        assert (left.exists(), slow.exists()) == (False, True)
    assert path.read_text() == "slow"


@pytest.mark.parametrize("kind", ["link", "lost link", "pipe", "folder"])
def test_only_a_file_is_replaced(tmp_path: Path, kind: str) -> None:
    path, target = tmp_path / "a.txt", tmp_path / "target.txt"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(target)
        if kind == "link":
            target.write_text("theirs")
    before = path.lstat()
    with pytest.raises(FileExistsError, match=f"a (symbolic )?{kind.rsplit(maxsplit=1)[-1]} stands there"):
        atomic.write(path, b"ours")
    assert path.lstat() == before
    assert not target.exists() or target.read_text() == "theirs"


def test_a_device_is_left_alone() -> None:
    with pytest.raises(FileExistsError, match="a device stands there"):
        atomic.write(Path(os.devnull), b"ours")
    assert Path(os.devnull).is_char_device()


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    """Reading a pipe would wait for whoever writes, and a device may never end."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for place, what in (("pipe", "a pipe"), ("link", "a device"), (".", "a folder")):
        with pytest.raises(OSError, match=f"it is {what}, not a file"):
            atomic.read(tmp_path / place)
    (tmp_path / "file").write_bytes(b"held")
    assert atomic.read(tmp_path / "file") == b"held"


@pytest.mark.parametrize("read", [read_bytes, digest, read_table, lambda path: list(read_lines(path))])
def test_a_pipe_in_the_place_of_a_run_s_file_is_damage(read: Callable[[Path], object], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DamagedFile, match="pipe"):
        read(tmp_path / "pipe")


def test_a_baseline_that_is_a_pipe_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "baseline.json")
    with pytest.raises(UsageError, match="cannot be read: it is a pipe, not a file"):
        read_model_baseline(tmp_path / "baseline.json")
