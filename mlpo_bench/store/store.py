"""The store itself: writes are gathered and committed together, at least once a second while `Dispatch` is at work.

So a killed process loses a second at most. What the file cannot take is not lost either: `Store.trouble` says why, who
asks is told at once, and what is left is written elsewhere in the end.
"""

from __future__ import annotations

import contextlib
import logging
import shlex
import sqlite3
import time
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from mlpo_bench.errors import Stopped, UsageError
from mlpo_bench.store import contents, database, rows


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Self

    from mlpo_bench.chat import Completion
    from mlpo_bench.store.contents import Contents, Maker, Part, Size

log = logging.getLogger("mlpo_bench.store")

COMMIT_EVERY_S = 0.5
COMMIT_EVERY_ROWS = 2_000
LOCKED_FOR_S = 60.0
"""How long another process may keep the file to itself; what is answered in the meantime waits in memory."""


def default_path() -> Path:
    """Return where the store lies unless a run names another place: in the user's cache folder."""
    return user_cache_path("mlpo-bench") / "completions.sqlite"


class Store:
    """The completions on disk.

    Args:
        path: The file; None for a store in memory, which ends with the process.
        beyond: Other stores, which are asked for what this one lacks, in this order. They are never written, and
            those that are not there hold nothing.
        leave_damaged: Refuse a damaged file and leave it as it is, rather than set it aside and begin a new one.

    Attributes:
        trouble: Why the file cannot be read or written, in a sentence; None while it can.
        when_failing: Called once there is trouble, from wherever it is met.
        set_aside: Where a damaged file was put in whose place this one was begun; None where it was not.

    Raises:
        UsageError: a file cannot be opened, or is no store of this version.
    """

    def __init__(self, path: Path | None, beyond: Sequence[Path] = (), *, leave_damaged: bool = False) -> None:
        if path is not None and str(path) == ":memory:":
            raise UsageError("the store :memory: would keep nothing; name a file with --store.")
        self.path = path
        self.trouble: str | None = None
        self.when_failing: Callable[[], None] | None = None
        self._pending: dict[bytes, bytes] = {}
        self._beside: dict[bytes, bytes] = {}  # what files beside this one hold still
        self._makers: dict[bytes, Maker] = {}
        self._dropped: list[bytes] = []
        self._committed = time.monotonic()
        self._locked_since: float | None = None
        self._damaged = self._closed = False
        self._leave_damaged = leave_damaged
        self._opened = database.opened(path, leave_damaged=leave_damaged)
        self._db, self.set_aside = self._opened.db, self._opened.set_aside
        self._take_in_unsaved()
        log.info("completions are kept in %s", path or "memory")
        there = ((other, database.to_read(other)) for other in beyond if other.exists())
        self._beyond = [(other, db) for other, db in there if db is not None]

    def _take_in_unsaved(self) -> None:
        """Take in what this store could not take before; what it cannot take now either stays where it lies."""
        left: dict[Path, int] = {}
        for place, kept in database.unsaved(self.path) if self.path else ():
            self._pending |= kept
            self.commit()
            if not self._pending:
                log.info("%d completions of %s are taken in", len(kept), place)
                place.unlink(missing_ok=True)
                continue
            left[place] = len(kept)
            self._beside |= kept
            self._pending.clear()
            self._locked_since = None  # nothing waits to be written any more
        if left and self.trouble is not None:
            self.trouble += self._kept_in(left)

    def check(self) -> None:
        """Check that answers can be kept, before anything is asked or an engine started for it.

        Raises:
            Stopped: there is trouble already. On the way out of a `with` block of the store it becomes a sentence.
        """
        if self.trouble is not None:
            raise Stopped

    def get(self, key: bytes) -> Completion | None:
        """Return the completion of a request, or None where it was never made.

        Raises:
            UsageError: another store that is asked for it cannot be read.
        """
        if (held := self.held(key)) is not None:
            return held
        for path, db in self._beyond:
            try:
                value = _value(db, key)
            except sqlite3.Error as error:
                raise database.unopened(path, error) from None
            if value is not None and (made := rows.read(value)) is not None:
                return made
        return None

    def held(self, key: bytes) -> Completion | None:
        """Return what this very file holds of a request; a row that holds no completion is dropped."""
        value = self._pending.get(key) or self._beside.get(key)
        if value is None:
            try:
                value = _value(self._db, key)
            except sqlite3.Error as error:
                self._fail(error)
        if value is None:
            return None
        made = rows.read(value)
        if made is None:
            self._pending.pop(key, None)
            self._beside.pop(key, None)
            self._dropped.append(key)
        return made

    def items(self) -> Iterator[tuple[bytes, Completion]]:
        """Yield all completions of this file with the identities of their requests, in the order of these."""
        for key, made, _ in self.part():
            yield key, made

    def part(self, part: Part | None = None) -> Iterator[tuple[bytes, Completion, Maker | None]]:
        """Yield a part of this file, all of it unless one is given: as `items`, each with who made it, where told.

        Raises:
            UsageError: the file cannot be read.
        """
        with self._looked_through():
            yield from contents.completions(self._db, part)

    def makers(self) -> list[Maker]:
        """Return who is told to have made completions of this file, now or before."""
        with self._looked_through():
            return contents.makers(self._db)

    def contents(self) -> Contents:
        """Return how much of which model and of which age this file holds."""
        with self._looked_through():
            return contents.contents(self._db)

    def size(self, part: Part) -> Size:
        """Return how large a part of this file is."""
        with self._looked_through():
            return contents.size(self._db, part)

    @contextlib.contextmanager
    def _looked_through(self) -> Iterator[None]:
        """Write what is pending, and say what is wrong with a file whose rows cannot be gone through while inside."""
        self.commit()
        if self._damaged and self.trouble is not None:
            raise UsageError(self.trouble)
        try:
            yield
        except sqlite3.Error as error:
            raise database.unopened(self.path, error) from None

    def prune(self, part: Part) -> Size:
        """Delete a part of this file for good; return how large it was.

        Raises:
            UsageError: the file cannot be written, or another program keeps it. What was deleted by then stays so.
        """
        with self._looked_through():
            return contents.prune(self._db, part)

    def compact(self) -> None:
        """Give back the room of what was deleted; it takes as much room again for a moment.

        Raises:
            UsageError: there is no room, or another program keeps the file.
        """
        with self._looked_through():
            contents.compact(self._db)

    def put(self, key: bytes, made: Completion, by: Maker | None = None) -> None:
        """Keep a completion, which must be `sound`, and who made it; the first one of a request stays."""
        self._pending.setdefault(key, rows.written(made))
        if by is not None:
            self._makers.setdefault(key, by)
        due = time.monotonic() - self._committed >= COMMIT_EVERY_S
        if due or (len(self._pending) >= COMMIT_EVERY_ROWS and self._locked_since is None):
            self.commit()

    def commit(self) -> None:
        """Write what is pending; safe to call at any time. What cannot be written stays pending."""
        self._committed = time.monotonic()
        if self.trouble is not None or not (self._pending or self._dropped):
            return
        try:
            self._write()
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            since = self._locked_since = self._locked_since or self._committed
            if not database.is_locked(error) or self._committed - since >= LOCKED_FOR_S:
                self._fail(error)
        else:
            self._locked_since = None
            self._pending.clear()
            self._makers.clear()
            self._dropped.clear()

    def _write(self) -> None:
        if self.path is not None:
            database.check_unmoved(self.path, self._opened)
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("DELETE FROM completions WHERE key = ?", [(key,) for key in self._dropped])
        self._db.executemany(database.INSERT, self._pending.items())
        contents.tell_makers(self._db, self._makers)
        self._db.execute("COMMIT")

    def _fail(self, error: sqlite3.Error) -> None:
        """Take note of a fault of the file, and tell who asks: nothing more is to be paid for that cannot be kept."""
        if self.trouble is not None:
            return
        self._damaged = database.is_damaged(error)
        if database.is_locked(error):
            why = f"has been locked by another program for {LOCKED_FOR_S:g} s"
        else:
            why = f"is damaged ({error})" if self._damaged else f"cannot be written or read: {error}"
        self.trouble = f"the store {self.path} {why}."
        log.info("%s", self.trouble)
        if self.when_failing is not None:
            self.when_failing()

    @property
    def empty(self) -> bool:
        """Whether it knows of nothing: as it was begun anew, with no other store beyond it."""
        with self._looked_through():
            return not self._beyond and self._db.execute("SELECT 1 FROM completions LIMIT 1").fetchone() is None

    def __len__(self) -> int:
        with self._looked_through():
            (count,) = self._db.execute("SELECT COUNT(*) FROM completions").fetchone()
        return int(count)

    def settle(self) -> str | None:
        """Write what is pending, elsewhere where the file cannot take it; return what a person should know of that."""
        self.commit()
        if self._pending and self.path is not None:
            self.trouble = self.trouble or f"the store {self.path} is locked by another program."
            count, places = len(self._pending), database.save_elsewhere(self.path, list(self._pending.items()))
            self._pending.clear()
            if places:
                self.trouble += self._kept_in(places)
            if lost := count - sum(places.values()):
                self.trouble += f" {lost} answers could be written nowhere and are lost: there is no room."
        return self.trouble

    def _kept_in(self, places: Mapping[Path, int]) -> str:
        """Return in a sentence how many answers lie in which files, and what takes them in."""
        assert self.path is not None
        beside = all(database.is_beside(self.path, place) for place in places)
        listed = " ".join(shlex.quote(str(place)) for place in places)
        taken = "the next run takes them in" if beside else f"`mlpo-bench store import {listed}` takes them in"
        return f" {sum(places.values())} answers that it could not take are in {listed}; {taken}."

    def close(self) -> None:
        """Commit and let go of the file; one that turned out to be damaged is set aside, unless it is to be left."""
        if self._closed:
            return
        self._closed = True
        self.settle()
        for _, db in self._beyond:
            db.close()
        if self._damaged and self.path is not None and not self._leave_damaged:
            with contextlib.suppress(OSError):
                aside = database.closed_and_set_aside(self.path, self._opened)
                told = f"It is set aside as {aside}." if aside else "Another process has set it aside."
                self.trouble = f"{self.trouble} {told}"
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self.close()
        if self.trouble is not None and (error is None or isinstance(error, Stopped)):
            raise UsageError(self.trouble) from None


def _value(db: sqlite3.Connection, key: bytes) -> bytes | None:
    row = db.execute("SELECT value FROM completions WHERE key = ?", (key,)).fetchone()
    return None if row is None else row[0]
