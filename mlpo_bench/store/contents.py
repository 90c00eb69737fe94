"""What a store holds: how much of which model and of which age, and which part of it a person means."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from mlpo_bench.store import rows


if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Container, Iterator, Mapping

    from mlpo_bench.chat import Completion

DAY_S = 86_400
AGES = {"a day": DAY_S, "a week": 7 * DAY_S, "30 days": 30 * DAY_S, "a year": 365 * DAY_S}
"""How long ago completions were made, in seconds, by what tables call it; later ones are `LONGER` ago."""
LONGER, UNTOLD = "longer", "not told"
DELETED_AT_ONCE = 2_000
WAITS_MS = 20_000
"""How long another process may keep the file to itself while a person waits for what is deleted."""
_ALL = "SELECT completions.key, value, maker FROM completions LEFT JOIN made_by USING (key) ORDER BY key"


class Maker(NamedTuple):
    """Who made a completion: a model's name with its adapter's, the engine that served it, and which weights it had."""

    name: str
    engine: str
    weights: str


@dataclass(slots=True)
class Size:
    """How many completions, and their size in bytes with that of their keys."""

    completions: int = 0
    size: int = 0

    def add(self, value: bytes, key: bytes) -> None:
        """Count one more."""
        self.completions += 1
        self.size += len(key) + len(value)


@dataclass(frozen=True, slots=True)
class Part:
    """The completions for which all that is named here holds.

    Attributes:
        makers: they were made by one of these.
        before: they were made before, in seconds since 1970. Where a row does not tell when, it is older than rows
            that do.
        requests: they answer one of these requests.
    """

    makers: Container[Maker | None] | None = None
    before: float | None = None
    requests: Container[bytes] | None = None

    def holds(self, key: bytes, made: Completion, by: Maker | None) -> bool:
        """Whether a completion belongs to it."""
        return (
            (self.makers is None or by in self.makers)
            and (self.before is None or made.asked_at is None or made.asked_at < self.before)
            and (self.requests is None or key in self.requests)
        )


@dataclass(slots=True)
class Contents:
    """How much a store holds: in all, by maker (None where that is not told), by age, and in bytes of its file.

    `free` bytes of the file are left by what was deleted.
    """

    total: Size = field(default_factory=Size)
    by_maker: dict[Maker | None, Size] = field(default_factory=dict)
    by_age: dict[str, Size] = field(default_factory=dict)
    file: int = 0
    free: int = 0


def completions(db: sqlite3.Connection, part: Part | None = None) -> Iterator[tuple[bytes, Completion, Maker | None]]:
    """Yield a part of what is held, all of it unless one is given, in the order of the requests' identities."""
    for key, _, made, by in _rows(db):
        if part is None or part.holds(key, made, by):
            yield key, made, by


def contents(db: sqlite3.Connection) -> Contents:
    """Return how much is held."""
    found, now = Contents(), time.time()
    for key, value, made, by in _rows(db):
        age = _age(made.asked_at, now)
        for size in (found.total, found.by_maker.setdefault(by, Size()), found.by_age.setdefault(age, Size())):
            size.add(value, key)
    pages, unused, each = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in _PAGES)
    found.file, found.free = pages * each, unused * each
    found.by_age = {age: found.by_age[age] for age in (*AGES, LONGER, UNTOLD) if age in found.by_age}
    return found


_PAGES = ("page_count", "freelist_count", "page_size")


def size(db: sqlite3.Connection, part: Part) -> Size:
    """Return how large a part is."""
    found = Size()
    for key, value, made, by in _rows(db):
        if part.holds(key, made, by):
            found.add(value, key)
    return found


def prune(db: sqlite3.Connection, part: Part) -> Size:
    """Delete a part, some at a time, so that what else is at work here goes on; return how large it was."""
    db.execute(f"PRAGMA busy_timeout={WAITS_MS}")
    found = Size()
    keys = []
    for key, value, made, by in _rows(db):
        if part.holds(key, made, by):
            found.add(value, key)
            keys.append((key,))
    for first in range(0, len(keys), DELETED_AT_ONCE):
        some = keys[first : first + DELETED_AT_ONCE]
        db.execute("BEGIN IMMEDIATE")
        db.executemany("DELETE FROM completions WHERE key = ?", some)
        db.executemany("DELETE FROM made_by WHERE key = ?", some)
        db.execute("COMMIT")
    return found


def compact(db: sqlite3.Connection) -> None:
    """Give back the room of what was deleted."""
    db.execute(f"PRAGMA busy_timeout={WAITS_MS}")
    db.execute("VACUUM")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def tell_makers(db: sqlite3.Connection, made_by: Mapping[bytes, Maker]) -> None:
    """Note who made what, by the identities of requests."""
    if not made_by:
        return
    db.executemany("INSERT OR IGNORE INTO makers (name, engine, weights) VALUES (?, ?, ?)", set(made_by.values()))
    numbers = {maker: number for number, maker in _makers(db).items()}
    db.executemany("INSERT OR IGNORE INTO made_by VALUES (?, ?)", ((key, numbers[by]) for key, by in made_by.items()))


def makers(db: sqlite3.Connection) -> list[Maker]:
    """Return all who are noted."""
    return list(_makers(db).values())


def _makers(db: sqlite3.Connection) -> dict[int, Maker]:
    found = db.execute("SELECT id, name, engine, weights FROM makers")
    return {number: Maker(*told) for number, *told in found if all(isinstance(one, str) for one in told)}


def _rows(db: sqlite3.Connection) -> Iterator[tuple[bytes, bytes, Completion, Maker | None]]:
    """Yield all rows that hold a completion; what else a file holds is none when answers are looked up, too."""
    makers = _makers(db)
    for key, value, number in db.execute(_ALL):
        if isinstance(key, bytes) and isinstance(value, bytes) and (made := rows.read(value)) is not None:
            yield key, value, made, makers.get(number)


def _age(asked_at: float | None, now: float) -> str:
    if asked_at is None:
        return UNTOLD
    return next((age for age, seconds in AGES.items() if now - asked_at <= seconds), LONGER)
