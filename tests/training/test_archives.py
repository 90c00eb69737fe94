"""A packed training from anywhere: no more than it may come to is unpacked, and nothing but files and folders."""

from __future__ import annotations

import io
import itertools
import os
import shutil
import tarfile
from typing import TYPE_CHECKING, NamedTuple

import pytest
import zstandard

from mlpo_bench.errors import UsageError
from mlpo_bench.training import archives


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MIB = 1 << 20


class Disk(NamedTuple):
    """What `shutil.disk_usage` tells, as far as it is read."""

    free: int


class Zeros:
    """So many bytes of nothing, without holding them."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int) -> bytes:
        size = min(size, self._left)
        self._left -= size
        return bytes(size)


def entry(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size, made.type, made.linkname = size, kind, "/etc/passwd"
    return made


def described(name: str, told: dict[str, str], size: int = 0) -> tarfile.TarInfo:
    """A file that an extended header describes."""
    made = entry(name, size)
    made.pax_headers = told
    return made


def written(file: Path, entries: Iterable[tarfile.TarInfo], *, form: int = tarfile.PAX_FORMAT, window: int = 0) -> Path:
    """A file of entries that hold nothing but zeros."""
    chosen = zstandard.ZstdCompressionParameters.from_level(3, window_log=window)
    with (
        file.open("wb") as raw,
        zstandard.ZstdCompressor(compression_params=chosen).stream_writer(raw) as stream,
        tarfile.open(fileobj=stream, mode="w", format=form) as tar,
    ):
        for made in entries:
            tar.addfile(made, Zeros(made.size))  # type: ignore[arg-type]
    return file


def raw(content: bytes) -> bytes:
    return zstandard.compress(content)


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "into"


def on_disk(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def test_files_and_folders_are_unpacked(tmp_path: Path, into: Path) -> None:
    long = "sft/" + "x" * 120
    names = [
        entry("sft", kind=tarfile.DIRTYPE),
        entry("./sft/a", 3),
        entry(long, 700),
        described("é", {"mtime": "inf"}),
    ]
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        shutil.rmtree(into, ignore_errors=True)
        archives.unpack(written(tmp_path / "x", names, form=form), into)
        found = {path.relative_to(into).as_posix(): path.stat().st_size for path in into.rglob("*") if path.is_file()}
        assert found == {"sft/a": 3, long: 700, "é": 0}


def test_zeros_by_the_gigabyte_are_refused_before_they_are_written(tmp_path: Path, into: Path) -> None:
    file = written(tmp_path / "x", [entry("small", 10), entry("sft/zeros", 2 << 30)])
    assert file.stat().st_size < MIB
    with pytest.raises(UsageError, match=r"x is no packed training: it comes to 2,048 MiB or more, and no .* 20 times"):
        archives.unpack(file, into)
    assert on_disk(into) <= 10
    many = written(tmp_path / "x", [entry(str(n), 8 * MIB) for n in range(20)])
    with pytest.raises(UsageError, match="it comes to 72 MiB or more"):
        archives.unpack(many, into)
    assert on_disk(into) <= archives.ALWAYS + MIB


def test_what_weights_come_to_is_unpacked(tmp_path: Path, into: Path) -> None:
    """Weights hardly pack, and an optimizer's moments may be zero."""
    file = tmp_path / "x"
    weights = os.urandom(8 * MIB)
    with (
        file.open("wb") as opened,
        zstandard.ZstdCompressor().stream_writer(opened) as stream,
        tarfile.open(fileobj=stream, mode="w|") as tar,
    ):
        tar.addfile(entry("weights", len(weights)), io.BytesIO(weights))
        tar.addfile(entry("optimizer", 100 * MIB), Zeros(100 * MIB))  # type: ignore[arg-type]
    archives.unpack(file, into)
    assert (into / "weights").read_bytes() == weights
    assert (into / "optimizer").stat().st_size == 100 * MIB


def test_more_files_than_any_training_has_are_refused(
    tmp_path: Path, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MOST_FILES", 30)
    archives.unpack(written(tmp_path / "x", [entry(str(n)) for n in range(30)]), into)
    shutil.rmtree(into)
    with pytest.raises(UsageError, match="it holds more than 30 files and folders"):
        archives.unpack(written(tmp_path / "x", [entry(str(n)) for n in range(31)]), into)
    assert len(list(into.iterdir())) == 30


def test_what_would_fill_the_disk_is_refused(tmp_path: Path, into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path / "x", [entry("a", 4 * MIB)])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(4 * MIB))
    with pytest.raises(UsageError, match=r"there is no room for .*x in .*: it comes to 4 MiB or more, and 4 MiB are"):
        archives.unpack(file, into)
    assert not on_disk(into)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(5 * MIB))
    archives.unpack(file, into)


ODD = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.CONTTYPE, b"?")


@pytest.mark.parametrize("kind", ODD)
def test_links_devices_and_pipes_are_refused(tmp_path: Path, into: Path, kind: bytes) -> None:
    with pytest.raises(UsageError, match="x is no packed training: 'odd' in it is no file and no folder"):
        archives.unpack(written(tmp_path / "x", [entry("odd", kind=kind)]), into)
    assert not into.exists() or not list(into.iterdir())


@pytest.mark.parametrize("name", ["/etc/x", "../x", "sft/../../x", "sft/../x", "a/b/c/d/e/f/g/h/i", ".", "a\0b"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, into: Path, name: str) -> None:
    with pytest.raises(UsageError, match="x is no packed training: a file in it is called"):
        archives.unpack(written(tmp_path / "x", [entry("recipe.yaml"), described("y", {"path": name})]), into)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["x", "recipe.yaml"]


def sparse() -> Iterator[tarfile.TarInfo]:
    """Files that say of themselves to be larger than what is held of them, in each of the forms there are."""
    yield entry("holes", 512, tarfile.GNUTYPE_SPARSE)
    yield described("holes", {"GNU.sparse.map": "0,0", "GNU.sparse.size": "99999999999"})
    yield described("holes", {"GNU.sparse.size": "99999999999", "GNU.sparse.numblocks": "0"})
    yield described("holes", {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}, 8 * MIB)


@pytest.mark.parametrize("made", sparse())
def test_files_with_holes_are_refused(tmp_path: Path, into: Path, made: tarfile.TarInfo) -> None:
    with pytest.raises(UsageError, match="x is no packed training"):
        archives.unpack(written(tmp_path / "x", [made]), into)
    assert not into.exists() or not list(into.iterdir())


def test_what_describes_files_is_bounded_too(tmp_path: Path, into: Path) -> None:
    """A long header would be held in memory, and one that holds for all files with each of them."""
    file = tmp_path / "x"
    for made in (described("x", {"comment": "y" * MIB}), entry("z" * MIB)):
        written(file, [made], form=tarfile.PAX_FORMAT if made.pax_headers else tarfile.GNU_FORMAT)
        with pytest.raises(UsageError, match="what describes a file in it is too long"):
            archives.unpack(file, into)
    with pytest.raises(UsageError, match="is no file and no folder"):
        archives.unpack(written(file, [entry("x", 10, tarfile.XGLTYPE)]), into)
    chain = entry("x", 0, tarfile.XHDTYPE).tobuf() * 1000
    file.write_bytes(raw(chain))
    with pytest.raises(UsageError, match="what describes a file in it is too long"):
        archives.unpack(file, into)


@pytest.mark.parametrize(
    "told", [b"14 size=-512\n", b"39 size=" + b"9" * 30 + b"\n", b"21 size=999999999999\n", b"19 hdrcharset=\x80\x80\n"]
)
def test_figures_that_cannot_be_are_refused(tmp_path: Path, into: Path, told: bytes) -> None:
    file, described = tmp_path / "x", entry("a", len(told), tarfile.XHDTYPE).tobuf()
    told += bytes(-len(told) % tarfile.BLOCKSIZE)
    file.write_bytes(raw(described + told + entry("a").tobuf() + entry("b").tobuf() + bytes(1024)))
    with pytest.raises(UsageError, match="x is no packed training"):
        archives.unpack(file, into)


def test_a_window_of_more_memory_than_packing_takes_is_refused(tmp_path: Path, into: Path) -> None:
    archives.unpack(written(tmp_path / "x", [entry("a", MIB)], window=27), into)
    shutil.rmtree(into)
    with pytest.raises(UsageError, match=r"x is no packed training: .* too much memory"):
        archives.unpack(written(tmp_path / "x", [entry("a", MIB)], window=28), into)


def test_a_name_that_stands_twice_is_refused(tmp_path: Path, into: Path) -> None:
    for first, second in (("a", "a"), ("a", "a/b"), ("a/b", "a")):
        shutil.rmtree(into, ignore_errors=True)
        with pytest.raises(UsageError, match="x is no packed training: two files in it are called"):
            archives.unpack(written(tmp_path / "x", [entry(first), entry(second)]), into)


def test_one_that_was_cut_short_or_changed_is_never_taken_for_a_shorter_one(tmp_path: Path, into: Path) -> None:
    file = tmp_path / "x"
    tar = b"".join(entry(name).tobuf() for name in ("a", "b", "c"))
    archives.unpack(written(file, []), into)
    for content in (tar, tar[:1024], tar[:1300], tar[:600], tar[:512] + b"?" * 512 + tar[1024:] + bytes(1024), b""):
        shutil.rmtree(into, ignore_errors=True)
        file.write_bytes(raw(content))
        with pytest.raises(UsageError, match="it was cut short, or is damaged"):
            archives.unpack(file, into)
    whole = written(file, [entry(str(n), n) for n in range(9)]).read_bytes()
    for end in range(len(whole) - 1):
        shutil.rmtree(into, ignore_errors=True)
        file.write_bytes(whole[:end])
        with pytest.raises(UsageError, match="x is no packed training"):
            archives.unpack(file, into)


def test_whatever_is_changed_in_one_is_told_in_a_sentence(tmp_path: Path, into: Path) -> None:
    file = tmp_path / "x"
    entries = [described("a", {"comment": "y"}, 3), entry("b" * 120, 600), entry("c", kind=tarfile.DIRTYPE)]
    with zstandard.open(written(file, entries), "rb") as stream:
        whole = stream.read()
    told = [place for place, byte in enumerate(whole) if byte]
    for place, byte in itertools.product(told[::5], (0, 0x39)):
        shutil.rmtree(into, ignore_errors=True)
        file.write_bytes(raw(whole[:place] + bytes([byte]) + whole[place + 1 :]))
        try:
            archives.unpack(file, into)
        except UsageError as fault:
            assert str(fault).startswith(str(file))  # noqa: PT017 - most are none
        assert all(path.is_relative_to(into) or path in {file, into} for path in tmp_path.rglob("*"))


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x")
    with pytest.raises(UsageError, match=r"x cannot be unpacked into .*taken: a file stands where a folder is needed"):
        archives.unpack(written(tmp_path / "x", [entry("a")]), tmp_path / "taken" / "into")
    with pytest.raises(UsageError, match=r"missing is missing\.$"):
        archives.unpack(tmp_path / "missing", tmp_path / "into")
