"""The SQLite file that a store lies in: told from other programs' files, checked, set aside where it is damaged."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import sqlite3
import struct
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from filelock import FileLock

from mlpo_bench import atomic
from mlpo_bench.errors import UsageError, reason


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Row = tuple[bytes, bytes]

SCHEMA_VERSION = 1
APPLICATION_ID = int.from_bytes(b"mlpo", "big")
"""What SQLite keeps in a file of whose it is; stores of earlier versions hold 0."""
TABLE = "CREATE TABLE IF NOT EXISTS completions (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
INSERT = "INSERT OR IGNORE INTO completions VALUES (?, ?)"
# Which model made which completion, apart from these, so that earlier versions read and write the file as ever.
MAKERS = (
    "CREATE TABLE IF NOT EXISTS makers (id INTEGER PRIMARY KEY, name, engine, weights, UNIQUE (name, engine, weights))",
    "CREATE TABLE IF NOT EXISTS made_by (key BLOB PRIMARY KEY, maker INTEGER NOT NULL) WITHOUT ROWID",
)
# For another process: while a file is opened, and at each attempt to write, which holds up all that asks.
_OPENS_WITHIN_S, _WRITES_WITHIN_MS = 20.0, 250
# A larger file takes long to read through; damage is found as it is met then.
_CHECKED_WHOLE = 256 << 20
_HEADER = struct.Struct(">60xI4xI")
_MAGIC = b"SQLite format 3\0"
_SQLITE_BUSY, _SQLITE_LOCKED, _SQLITE_READONLY, _SQLITE_CORRUPT, _SQLITE_NOTADB = 5, 6, 8, 11, 26
_UNSAVED, _MOST_PARTS = ".unsaved-", 32


class Opened(NamedTuple):
    """A store as it was opened: where a damaged one in its place was put, and which file it is (see `identity`)."""

    db: sqlite3.Connection
    set_aside: Path | None = None
    file: tuple[int, int] | None = None


class Damaged(sqlite3.DatabaseError):
    """A file was found to be damaged."""


class Moved(sqlite3.OperationalError):
    """A file lies no longer where it was opened: what is written to it is found by nobody."""


def opened(path: Path | None, *, leave_damaged: bool = False) -> Opened:
    """Open a store to read and write it (None: in memory); a damaged one in its place is set aside, or else refused.

    Raises:
        UsageError: it cannot be opened, or is no store of this version.
    """
    if path is None:
        return Opened(_connected(":memory:"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            atomic.check_regular(path)  # beside a device or a pipe SQLite would leave its journal
        try:
            return _opened(path, leave_damaged=leave_damaged)
        except sqlite3.DatabaseError as error:
            if leave_damaged or not (is_damaged(error) and is_store(path)):
                raise
        with _alone(path):  # of two processes that meet it, one sets it aside
            try:
                return _opened(path)
            except sqlite3.DatabaseError as error:
                if not is_damaged(error):
                    raise
            aside = set_aside(path)
            return _opened(path)._replace(set_aside=aside)
    except (OSError, sqlite3.Error) as error:
        raise unopened(path, error) from None


def _opened(path: Path, *, leave_damaged: bool = False) -> Opened:
    if leave_damaged:
        _check_sound(path)
    before = identity(path)
    db = _connected(path, untouched=leave_damaged)
    now = identity(path)
    # Where another process put a new file there in between, nobody can tell which of both this is.
    return Opened(db, file=now if before in {None, now} else None)


def identity(path: Path) -> tuple[int, int] | None:
    """Return what tells the file at a path apart from every other that lies, or comes to lie, there; None for none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def check_unmoved(path: Path, opened: Opened) -> None:
    """Check that a store lies where it was opened.

    Raises:
        Moved: it was removed or renamed, or another file has taken its place.
    """
    if opened.file is None or (now := identity(path)) == opened.file:
        return
    raise Moved("it was removed or renamed in the meantime" if now is None else "another file has taken its place")


def _alone(path: Path) -> FileLock:
    """Return what holds off other processes that would set a store aside."""
    return FileLock(path.with_name(f".{path.name}.lock"))


def _connected(path: Path | str, *, untouched: bool = False) -> sqlite3.Connection:
    """Connect to a store; `untouched` to one that was found to be sound, and is not written for being opened."""
    db = sqlite3.connect(path, timeout=_OPENS_WITHIN_S, isolation_level=None)
    try:
        version = check(path, db)
        if isinstance(path, Path) and not untouched:
            _check_whole(path, db)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")  # what is committed outlives a power cut
        for table in (TABLE, *MAKERS):
            db.execute(table)
        if not (untouched and version):
            db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        db.execute(f"PRAGMA busy_timeout={_WRITES_WITHIN_MS}")
    except BaseException:
        db.close()
        raise
    return db


def _check_sound(path: Path) -> None:
    """Check that a store is not damaged, and write nothing: who opens it to write may move what its log holds into it.

    What else may be amiss with it is told as it is opened.
    """
    if not is_store(path):
        return
    try:
        with contextlib.closing(_reading(path)) as db:
            check(path, db)
            _check_whole(path, db)
    except sqlite3.Error as error:
        if is_damaged(error):
            raise


def _check_whole(path: Path, db: sqlite3.Connection) -> None:
    if path.stat().st_size > _CHECKED_WHOLE:
        return
    (said,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        raise Damaged(said)


def to_read(path: Path) -> sqlite3.Connection | None:
    """Open a store to read from it; None where nothing was put there yet.

    Raises:
        UsageError: it cannot be opened, or is no store of this version.
    """
    try:
        with contextlib.ExitStack() as left:
            db = _reading(path)
            left.callback(db.close)
            if not check(path, db):
                return None
            left.pop_all()  # it is the caller's to close
            return db
    except sqlite3.Error as error:
        raise unopened(path, error) from None


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=_OPENS_WITHIN_S)


def check(path: Path | str, db: sqlite3.Connection) -> int:
    """Return a store's version, 0 for a new file.

    Raises:
        UsageError: it is of another version, or another program's.
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (application,) = db.execute("PRAGMA application_id").fetchone()
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    unmarked = application == 0 and ("completions" in tables if version else not tables)
    if application != APPLICATION_ID and not (unmarked or (application == 0 and version > SCHEMA_VERSION)):
        raise UsageError(f"{path} is an SQLite file of another program. Name another with --store.")
    if version not in {0, SCHEMA_VERSION}:
        raise UsageError(
            f"the store {path} is of version {version}; this mlpo-bench knows {SCHEMA_VERSION}. Take the one that made "
            "it, or name another store with --store."
        )
    return int(version)


def unopened(path: Path | None, error: Exception) -> UsageError:
    """Return the fault of a store that cannot be opened."""
    if isinstance(error, sqlite3.Error) and is_locked(error):
        return UsageError(f"the store {path} is locked by another program: end that, or name another with --store.")
    if isinstance(error, sqlite3.Error) and _code(error) == _SQLITE_READONLY:
        return UsageError(
            f"the store {path} cannot be opened: it or its folder may not be written to. Copy it to a folder that may, "
            "or name another with --store."
        )
    if path is not None and isinstance(error, sqlite3.Error) and is_damaged(error) and is_store(path):
        return UsageError(
            f"the store {path} is damaged ({error}), and is left as it is. `mlpo-bench run` sets it aside and goes on "
            "with a new one; or move it away, and `mlpo-bench store rebuild RUN` takes what runs were answered from "
            "their transcripts."
        )
    why = reason(error) if isinstance(error, OSError) else error
    instead = "Move it away, or name" if path is not None and os.path.lexists(path) else "Name"
    return UsageError(f"the store {path} cannot be opened: {why}. {instead} another with --store.")


def is_locked(error: sqlite3.Error) -> bool:
    """Whether another process has the file."""
    return _code(error) in {_SQLITE_BUSY, _SQLITE_LOCKED}


def is_damaged(error: sqlite3.Error) -> bool:
    """Whether a file does not hold what it should."""
    return isinstance(error, Damaged) or _code(error) in {_SQLITE_CORRUPT, _SQLITE_NOTADB}


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_store(path: Path) -> bool:
    """Whether a file is a store, or was one before it was damaged, as far as its beginning tells."""
    try:
        atomic.check_regular(path)
        with path.open("rb") as file:
            start = file.read(_HEADER.size)
    except OSError:
        return False
    if len(start) < _HEADER.size or not start.startswith(_MAGIC):
        return False
    version, application = _HEADER.unpack(start)
    return application == APPLICATION_ID or (application, version) == (0, SCHEMA_VERSION)


def set_aside(path: Path) -> Path:
    """Give a damaged store another name, so that a new one can take its place; return that name."""
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}-{secrets.token_hex(4)}")
    path.replace(aside)
    for end in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + end).replace(aside.with_name(aside.name + end))
    return aside


def closed_and_set_aside(path: Path, opened: Opened) -> Path | None:
    """Close a store that turned out to be damaged and set it aside; return its new name.

    None where it lies there no longer: another process has set it aside, and what lies there now is a healthy one.
    """
    with _alone(path):
        still = opened.file is not None and identity(path) == opened.file  # asked while no other file can be that one
        opened.db.close()
        return set_aside(path) if still else None


def save_elsewhere(path: Path, rows: Sequence[Row], part: int = 1) -> dict[Path, int]:
    """Write rows that a store cannot take beside it, or where there is room, in one file or, if need be, in several.

    Returns:
        The files, each with how many rows it holds: all of them, unless there is no room anywhere.
    """
    for folder in _folders(path):
        place = folder / f"{path.name}{_UNSAVED}{secrets.token_hex(8)}"
        if _saved(place, rows):
            return {place: len(rows)}
    if part >= _MOST_PARTS or len(rows) == 1:
        return {}
    half = len(rows) // 2
    return save_elsewhere(path, rows[:half], 2 * part) | save_elsewhere(path, rows[half:], 2 * part + 1)


def _folders(path: Path) -> Iterator[Path]:
    """Yield the folder of a store, the working one and the temporary one, as far as there are such."""
    with contextlib.suppress(OSError):  # the working folder may be gone
        yield path.absolute().parent
        yield Path.cwd()
    with contextlib.suppress(OSError):
        yield Path(tempfile.gettempdir())


def is_beside(path: Path, place: Path) -> bool:
    """Whether a file lies in the folder of a store, where the next run finds it."""
    with contextlib.suppress(OSError):
        return place.parent == path.absolute().parent
    return False


def _saved(place: Path, rows: Sequence[Row]) -> bool:
    """Write rows into a file that gets its name, by which `unsaved` finds it, once it is complete; return whether."""
    try:
        with (
            atomic.written(place) as beside,
            contextlib.closing(sqlite3.connect(beside, isolation_level=None)) as db,
        ):
            db.execute("PRAGMA journal_mode=OFF")
            db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            db.execute(TABLE)
            db.execute("BEGIN")
            db.executemany(INSERT, rows)
            db.execute("COMMIT")
    except (OSError, sqlite3.Error):
        return False
    return True


def unsaved(path: Path) -> Iterator[tuple[Path, list[Row]]]:
    """Yield the files beside a store with rows that it could not take, and the rows.

    One without any is left out, and so is never removed: an earlier version may be writing it.
    """
    for place in sorted(path.parent.glob(f"{glob.escape(path.name)}{_UNSAVED}*")):
        with contextlib.suppress(sqlite3.Error, UsageError):
            db = to_read(place)
            if db is not None:
                with contextlib.closing(db):
                    rows = db.execute("SELECT key, value FROM completions").fetchall()
                if rows:
                    yield place, rows
