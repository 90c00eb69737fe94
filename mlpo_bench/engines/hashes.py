"""What files hold, in a hash: a folder of weights is known by its content, not by its name or place."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from mlpo_bench import atomic
from mlpo_bench.engines import json_files
from mlpo_bench.engines.cache import cache_dir


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DIGITS = 16


def revision_of(files: Iterable[Path]) -> str:
    """Return `sha256:` and the first digits of the SHA-256 over names and contents of files of one folder."""
    notes = _HashNotes(cache_dir() / "hashes.json")
    listing = "".join(f"{file.name}\0{notes.sha256(file)}\n" for file in sorted(files))
    notes.save()
    return f"sha256:{hashlib.sha256(listing.encode()).hexdigest()[:DIGITS]}"


def revision_of_file(file: Path) -> str:
    """Return `sha256:` and the first digits of the SHA-256 of one file's content."""
    notes = _HashNotes(cache_dir() / "hashes.json")
    digest = notes.sha256(file)
    notes.save()
    return f"sha256:{digest[:DIGITS]}"


class _HashNotes:
    """Hashes of files by path, size and time of change: a 100 GB model is read through only once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = False
        try:
            self._notes: dict[str, str] = dict(json_files.read(path))
        except (OSError, ValueError, TypeError):
            self._notes = {}

    def sha256(self, file: Path) -> str:
        stat = file.stat()
        key = f"{file}|{stat.st_size}|{stat.st_mtime_ns}"
        if key not in self._notes:
            with file.open("rb") as opened:
                self._notes[key] = hashlib.file_digest(opened, "sha256").hexdigest()
            self._changed = True
        return self._notes[key]

    def save(self) -> None:
        """Write what is new. Of two processes that save at once, one is forgotten and hashes again later."""
        if not self._changed:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(self._path, json.dumps(self._notes).encode())
