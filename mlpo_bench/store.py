"""Every completion ever made, found again by its content.

One SQLite file (write-ahead log) shared by all runs and processes. A key is the SHA-256 of a request's identity (see
`request_key`); a value is the completion with its usage. Writes are gathered and committed together, at least once
a second while `Dispatch` is at work, so that a killed process loses a second at most.
"""

from __future__ import annotations

import hashlib
import logging
import math
import sqlite3
import time
from types import NoneType
from typing import TYPE_CHECKING, get_args

import orjson
from platformdirs import user_cache_path

from mlpo_bench.chat import Completion, FinishReason, Usage
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Self

    from mlpo_bench.chat import Message, Sampling

log = logging.getLogger(__name__)

COMMIT_EVERY_S = 0.5
COMMIT_EVERY_ROWS = 2_000
SCHEMA_VERSION = 1
MOST_TOKENS = 2**31 - 1
"""More than any completion has; what a run's ledger holds."""


def default_path() -> Path:
    """Return where the store lies unless a run names another place: in the user's cache folder."""
    return user_cache_path("mlpo-bench") / "completions.sqlite"


def request_key(fingerprint: str, messages: Sequence[Message], sampling: Sampling, sample: int, seed: int) -> bytes:
    """Return the identity of a request, 32 bytes.

    A greedy request is the same for every sample index and seed, so both are left out of its identity.
    """
    if sampling.greedy:
        drawn = ["greedy", sampling.max_tokens, sampling.stop]
    else:
        s = sampling
        drawn = [s.temperature, s.top_p, s.top_k, s.max_tokens, s.stop, sample, seed]
    identity = [fingerprint, [[m.role, m.content] for m in messages], drawn]
    return hashlib.sha256(orjson.dumps(identity)).digest()


def derived_seed(key: bytes) -> int:
    """Return the seed of a request, 32 bits: it follows from the identity alone, never from order or time."""
    return int.from_bytes(key[:4], "big")


class Store:
    """The completions on disk.

    Args:
        path: The file.
        beyond: Other stores, which are asked for what this one lacks, in this order. They are never written, and
            those that are not there hold nothing.

    Raises:
        UsageError: a file cannot be opened, or is no store of this version.
    """

    def __init__(self, path: Path, beyond: Sequence[Path] = ()) -> None:
        self.path = path
        self._pending: dict[bytes, bytes] = {}
        self._committed = time.monotonic()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=60, isolation_level=None)
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise _unopened(path, error) from None
        log.info("completions are kept in %s", path)
        self._beyond = [db for other in beyond if other.exists() and (db := _to_read(other)) is not None]

    def _prepare(self) -> None:
        _version(self.path, self._db)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS completions (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
        )
        self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def get(self, key: bytes) -> Completion | None:
        """Return the completion of a request, or None where it was never made."""
        if (held := self.held(key)) is not None:
            return held
        values = (_value(db, key) for db in self._beyond)
        made = (_completion(value) for value in values if value is not None)
        return next((one for one in made if one is not None), None)

    def held(self, key: bytes) -> Completion | None:
        """Return what this very file holds of a request; a row that holds no completion is dropped."""
        value = self._pending.get(key) or _value(self._db, key)
        if value is None:
            return None
        made = _completion(value)
        if made is None:
            self._pending.pop(key, None)
            self._db.execute("DELETE FROM completions WHERE key = ?", (key,))
        return made

    def items(self) -> Iterator[tuple[bytes, Completion]]:
        """Yield all completions of this file with the identities of their requests, in the order of these."""
        self.commit()
        for key, value in self._db.execute("SELECT key, value FROM completions ORDER BY key"):
            if (made := _completion(value)) is not None:
                yield bytes(key), made

    def put(self, key: bytes, made: Completion) -> None:
        """Keep a completion, which must be `sound`; the first one of a request stays."""
        u = made.usage
        row = [made.text, u.prompt, u.cached, u.completion, made.finish_reason, made.seconds]
        more = made.more | ({} if made.asked_at is None else {"asked_at": round(made.asked_at)})
        self._pending[key] = orjson.dumps([*row, more] if more else row)
        due = time.monotonic() - self._committed >= COMMIT_EVERY_S
        if due or len(self._pending) >= COMMIT_EVERY_ROWS:
            self.commit()

    def commit(self) -> None:
        """Write what is pending; safe to call at any time."""
        self._committed = time.monotonic()
        if not self._pending:
            return
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("INSERT OR IGNORE INTO completions VALUES (?, ?)", self._pending.items())
        self._db.execute("COMMIT")
        self._pending.clear()

    def __len__(self) -> int:
        self.commit()
        (count,) = self._db.execute("SELECT COUNT(*) FROM completions").fetchone()
        return int(count)

    def close(self) -> None:
        """Commit and let go of the file."""
        self.commit()
        self._db.close()
        for db in self._beyond:
            db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _to_read(path: Path) -> sqlite3.Connection | None:
    """Open a store to read from it; None where nothing was put there yet."""
    try:
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=60)
        return db if _version(path, db) else None
    except sqlite3.Error as error:
        raise _unopened(path, error) from None


def _version(path: Path, db: sqlite3.Connection) -> int:
    """Return a store's version, 0 for a new file."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version not in {0, SCHEMA_VERSION}:
        raise UsageError(f"the store {path} is of version {version}; this is {SCHEMA_VERSION}.")
    return int(version)


def _unopened(path: Path, error: Exception) -> UsageError:
    return UsageError(f"the store {path} cannot be opened: {error}. Name another with --store.")


def _value(db: sqlite3.Connection, key: bytes) -> bytes | None:
    row = db.execute("SELECT value FROM completions WHERE key = ?", (key,)).fetchone()
    return None if row is None else row[0]


def _completion(value: bytes) -> Completion | None:
    """Return the completion that a row holds, or None where it holds none."""
    try:
        text, prompt, cached, completion, finish_reason, seconds, *more = orjson.loads(value)
        made = Completion(text, Usage(prompt, cached, completion), finish_reason, seconds, **dict(*more))
    except (ValueError, TypeError):
        return None
    return made if sound(made) else None


def sound(made: Completion) -> bool:
    """Whether a completion holds what one can hold: text, whole numbers of tokens, seconds that have passed."""
    u = made.usage
    return (
        isinstance(made.text, str)
        and all(type(count) is int and 0 <= count <= MOST_TOKENS for count in (u.prompt, u.cached, u.completion))
        and made.finish_reason in get_args(FinishReason)
        and type(made.seconds) in {int, float}
        and 0 <= made.seconds < math.inf
        and isinstance(made.reasoning, str | None)
        and isinstance(made.refused, bool)
        and isinstance(made.estimated, bool)
        and type(made.asked_at) in {int, float, NoneType}
    )
