"""Files and folders that appear whole or not at all: made beside their place, then renamed.

A file is on the disk before it gets its name, so that a power cut leaves the old one or the new one, too.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import secrets
import shutil
import signal
import stat
import time
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EIO}
# A process on another machine may be writing to a folder that machines share: what is young may be its.
_LEFT_BEHIND_AFTER_S = 60.0
# What is being made right now, and the process that makes it: one that was forked knows of its parent's, too.
_UNDER_WAY: dict[Path, int] = {}


def end_by(signum: int, _frame: object) -> None:
    """End this process as a signal does, but leave nothing behind that is half made: a handler of signals."""
    for beside, maker in list(_UNDER_WAY.items()):
        if maker == os.getpid():
            with contextlib.suppress(OSError):
                beside.unlink()
            shutil.rmtree(beside, ignore_errors=True)
    signal.signal(signum, signal.SIG_DFL)
    signal.raise_signal(signum)


@contextlib.contextmanager
def written(path: Path) -> Iterator[Path]:
    """Yield where to write a file that gets its name once it is complete.

    Nobody ever sees half of it, whatever ends this process; of two processes that write it at once the later one wins.
    What a process that was killed left of it is removed.

    Raises:
        OSError: something else than a file stands there (a link, a device, a folder), which is left as it is.
    """
    check_free(path)
    # In containers that share a folder the process is 1 in each of them, and was 1 in each one before.
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.{os.getpid()}")
    _UNDER_WAY[beside] = os.getpid()
    try:
        yield beside
        put_in_place(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    finally:
        _UNDER_WAY.pop(beside, None)
    _sweep(path)


def check_free(path: Path) -> None:
    """Check that a file can be written here: that nothing stands there but a file.

    Raises:
        OSError: something else does (a link, a device, a folder).
    """
    with contextlib.suppress(FileNotFoundError):
        mode = path.lstat().st_mode
        if not stat.S_ISREG(mode):
            kind = next(name for is_kind, name in _KINDS.items() if is_kind(mode))
            raise FileExistsError(errno.EEXIST, f"{kind} stands there, which is not replaced; name a file", str(path))


_KINDS = {
    stat.S_ISLNK: "a symbolic link", stat.S_ISDIR: "a folder", stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device", stat.S_ISBLK: "a device",
}  # fmt: skip


def write(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    with written(path) as beside:
        beside.write_bytes(content)


def put_in_place(beside: Path, path: Path) -> None:
    """Give a file that is complete its name, once the disk holds it."""
    _sync(beside)
    beside.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    """Wait until the disk holds a file, or the names in a folder; not every system can be asked for both."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # a folder, on Windows
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise
    finally:
        os.close(descriptor)


def _sweep(path: Path) -> None:
    """Remove what processes that are gone left half-written of a file."""
    for other in path.parent.glob(f".{glob.escape(path.name)}.*"):
        number = other.name.rpartition(".")[2]
        with contextlib.suppress(OSError):
            old = time.time() - other.stat().st_mtime > _LEFT_BEHIND_AFTER_S
            if number.isdigit() and old and other not in _UNDER_WAY and not _runs(int(number)):
                other.unlink()


def _runs(process: int) -> bool:
    """Whether another process is at work; what is named after this one and is not under way, an earlier one left."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def check_regular(path: Path) -> None:
    """Check that a path is that of a file: a pipe would be waited for, and a device may never end.

    Raises:
        OSError: it is that of something else, or of nothing.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        kind = next((name for is_kind, name in _KINDS.items() if is_kind(mode)), "something else")
        code = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(code, f"it is {kind}, not a file", str(path))


def read(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        OSError: it cannot be read, or is no file.
    """
    check_regular(path)
    return path.read_bytes()


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `folder` once it is filled. One process at a time may do so."""
    beside = folder.with_name(f".{folder.name}")
    shutil.rmtree(beside, ignore_errors=True)  # a process that was killed may have left one
    _UNDER_WAY[beside] = os.getpid()
    try:
        beside.mkdir(parents=True)
        yield beside
        _UNDER_WAY.pop(beside, None)  # from here on there may be no other
        shutil.rmtree(folder, ignore_errors=True)
        beside.replace(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    finally:
        _UNDER_WAY.pop(beside, None)
