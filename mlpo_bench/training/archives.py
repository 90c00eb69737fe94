"""Unpacking tar under zstd, whoever made it, within bounds: what it comes to, and what is in it.

A few kilobytes of zstd may come to terabytes, and tar may name places outside, links, devices and files with holes.
Whatever is refused is refused before it is written.
"""

from __future__ import annotations

import shutil
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, cast

import zstandard

from mlpo_bench import atomic
from mlpo_bench.errors import UsageError, reason
from mlpo_bench.log.files import DamagedFile, unreadable


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

MOST_TIMES = 20
"""How many times its size a file may come to. Weights come to less than twice theirs; with moments of an optimizer that
are all zero yet, a training may come to five times."""
ALWAYS = 64 << 20
"""How many bytes it may come to besides: small files of text pack well."""
MOST_FILES = 10_000
"""A training whose every process keeps files of its own has some hundreds."""
_ROOM = 0.9
"""The share of the room on a disk that may be taken."""
WINDOW_LOG = 27
"""The memory that zstd may take, as a power of two: what `zstd --ultra -22` asks for, and packing itself."""
_DESCRIBED = 64 << 10
"""How many bytes may describe a file: they are held in memory."""
_DEEPEST = 8
_LONGEST_TOLD = 80
_DAMAGED = "it was cut short, or is damaged"
_KINDS = {tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME}
"""Files, folders, and what tells the size or the name of one where the usual place is too short."""


def unpack(file: Path, into: Path) -> None:
    """Unpack a file into a folder; where it is refused, what was unpacked until then is the caller's to remove.

    Raises:
        UsageError: it is none of `pack`, or there is no room for it.
    """
    try:
        with _reading(file):
            atomic.check_regular(file)
            size = file.stat().st_size
            raw = file.open("rb")
        with raw:
            into.mkdir(parents=True, exist_ok=True)
            _unpack(_Unpacked(file, raw), into, _Bounds.of(file, size, into))
    except (tarfile.TarError, zstandard.ZstdError) as error:
        raise UsageError(f"{file} is no packed training: {error}.") from None
    except ValueError:  # tarfile takes figures for figures
        raise UsageError(f"{file} is no packed training: {_DAMAGED}.") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be unpacked into {into.parent}: {reason(error)}.") from None


def _unpack(stream: _Unpacked, into: Path, bounds: _Bounds) -> None:
    with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|", tarinfo=_Entry) as tar:
        while entry := tar.next():
            bounds.take(entry)
            place = into / _place(entry)
            try:
                if entry.isdir():
                    place.mkdir(parents=True, exist_ok=True)
                else:
                    stream.allow(entry.size)
                    _write(tar, entry, place)
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                raise tarfile.ReadError(f"two files in it are called {_told(entry.name)}") from None
            stream.allow(0)
            tar.members = []  # type: ignore[attr-defined] # or all that describes them is held
    stream.end()


def _write(tar: tarfile.TarFile, entry: tarfile.TarInfo, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    held = tar.extractfile(entry)
    assert held is not None
    with place.open("xb") as written:
        shutil.copyfileobj(held, written)


@dataclass(slots=True)
class _Bounds:
    """What a file may come to yet."""

    file: Path
    into: Path
    most: int
    room: int
    bytes: int = 0
    files: int = 0

    @classmethod
    def of(cls, file: Path, size: int, into: Path) -> _Bounds:
        return cls(file, into.parent, ALWAYS + MOST_TIMES * size, shutil.disk_usage(into).free)

    def take(self, entry: tarfile.TarInfo) -> None:
        """Count what is about to be unpacked.

        Raises:
            tarfile.ReadError: it is more than any training comes to.
            UsageError: there is no room for it.
        """
        if entry.size < 0:
            raise tarfile.ReadError(f"{_told(entry.name)} in it is smaller than nothing")
        self.files += 1
        self.bytes += entry.size
        if self.files > MOST_FILES:
            raise tarfile.ReadError(f"it holds more than {MOST_FILES:,} files and folders")
        comes_to = f"it comes to {_mib(self.bytes)} or more"
        if self.bytes > self.most:
            raise tarfile.ReadError(
                f"{comes_to}, and no training comes to more than {MOST_TIMES} times its packed size and {_mib(ALWAYS)}"
            )
        if self.bytes > self.room * _ROOM:
            raise UsageError(
                f"there is no room for {self.file} in {self.into}: {comes_to}, and {_mib(self.room)} are left."
            )


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"


def _told(name: str) -> str:
    return repr(name if len(name) <= _LONGEST_TOLD else f"{name[:_LONGEST_TOLD]}...")


class _Unpacked:
    """The tar that a file holds, read from its beginning to its end, as far as is allowed."""

    def __init__(self, file: Path, raw: IO[bytes]) -> None:
        self._file = file
        self._stream = zstandard.ZstdDecompressor(max_window_size=1 << WINDOW_LOG).stream_reader(raw)
        self._left = _DESCRIBED

    def allow(self, size: int) -> None:
        """Allow for so many bytes of a file, and for what describes the next one."""
        self._left = size + _DESCRIBED

    def end(self) -> None:
        """Read what is left behind the tar: zstd compares its checksum, where there is one, at the very end.

        Raises:
            ZstdError: the content is not what was packed.
        """
        while self.read(_DESCRIBED):
            pass

    def read(self, size: int) -> bytes:
        """Return the next bytes.

        Raises:
            tarfile.ReadError: more was read than is allowed.
            DamagedFile: the file cannot be read.
        """
        with _reading(self._file):
            content = self._stream.read(size)
        self._left -= len(content)
        if self._left < 0:
            raise tarfile.ReadError("what describes a file in it is too long")
        return content


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DamagedFile(file, unreadable(error)) from None


class _Entry(tarfile.TarInfo):
    """What describes a file. Only an end that was written is one: tarfile takes damage behind the first file for it."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read a block of 512 bytes.

        Raises:
            tarfile.ReadError: it describes something else than a file or a folder, or nothing.
        """
        if len(buf) == tarfile.BLOCKSIZE and not any(buf):
            return super().frombuf(buf, encoding, errors)  # says that this is the end
        try:
            entry = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError:
            raise tarfile.ReadError(_DAMAGED) from None
        if entry.type not in _KINDS:
            raise tarfile.ReadError(f"{_told(entry.name)} in it is no file and no folder")
        return entry


def _place(entry: tarfile.TarInfo) -> PurePosixPath:
    """Return where in the folder a file goes.

    Raises:
        tarfile.ReadError: it would be elsewhere, or it is a file with holes, which may say any size of itself.
    """
    place = PurePosixPath(entry.name)
    outside = place.is_absolute() or ".." in place.parts or "\0" in entry.name
    if outside or len(place.parts) > _DEEPEST or not (place.parts or entry.isdir()):
        raise tarfile.ReadError(f"a file in it is called {_told(entry.name)}")
    if entry.issparse():
        raise tarfile.ReadError(f"{_told(entry.name)} in it has holes")
    return place
