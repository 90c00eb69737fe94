"""What may be written where a person names a file, by every command that writes one.

A file takes the place of an earlier one of its own kind, told by how it begins, and of an empty one. Whatever else
stands there is left as it is: a link, a pipe or a folder, a database, settings, somebody's notes. Where a run or a
training keeps its own files nothing is written at all, though nothing may stand there yet.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import zstandard

from mlpo_bench import atomic
from mlpo_bench.errors import UsageError, reason
from mlpo_bench.log.directory import PARTS


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

_OF_A_RUN = {*PARTS, "config.yaml", "manifest.json", "plan.json", "results.json", "unused.jsonl.zst", ".lock"}
_OF_A_TRAINING = {"recipe.yaml", "digests.json"}
_SQLITE = b"SQLite format 3\0"
_BESIDE_SQLITE = ("-wal", "-shm", "-journal")
# The first block of what zstd packs is unpacked as a whole: it takes up to 128 KiB.
_HEAD, _UNPACKED, _WINDOW = 1 << 18, 1 << 10, 1 << 31
_ELSEWHERE = "name another file"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: what it is called, and whether a file that begins so is one."""

    name: str
    begins: Callable[[bytes], bool]


def _unpacked(head: bytes) -> bytes:
    with suppress(zstandard.ZstdError):
        return zstandard.ZstdDecompressor(max_window_size=_WINDOW).stream_reader(head).read(_UNPACKED)
    return b""


def _is_table(head: bytes) -> bool:
    title, _, below = head.partition(b"\n")
    as_markdown, as_text = title.startswith(b"**") and b"\n| row " in below, below.startswith("┏".encode())
    as_other = head.startswith((b'{\n  "title": ', b"row,suite,", b"% Needs \\usepackage{booktabs}"))
    return as_markdown or as_text or as_other


PAGE = Kind("page of a run", lambda head: head[:20].lower().startswith(b"<!doctype html"))
TABLE = Kind("table of a comparison", _is_table)
PLOT = Kind("plot in SVG", lambda head: b"<svg" in head)
JUNIT = Kind("JUnit file", lambda head: b"<testsuite" in head)
REPRODUCED = Kind("page of a table made again", lambda head: head.startswith(b"# ") and b"*What it says.*" in head)
COMPLETIONS = Kind("export of completions", lambda head: _unpacked(head).startswith(b'{"store":'))
TRAINING = Kind("packed training", lambda head: _unpacked(head).startswith(b"recipe.yaml\0"))
BASELINE = Kind("baseline", lambda head: head.startswith(b"{") and b'"history"' in head)
PARQUET = Kind("Parquet file", lambda head: head.startswith(b"PAR1"))
QUESTIONS_CSV = Kind("table of questions", lambda head: head.startswith(b'"label","team",'))
EVALUATION = Kind("log of inspect_ai", lambda head: head.startswith(b"PK"))
RESULTS = Kind("file of lm-eval's results", lambda head: head.startswith(b'{\n  "results": '))
SAMPLES = Kind("file of lm-eval's samples", lambda head: head.startswith(b'{"doc_id":'))
TASK = Kind(
    "task of a suite", lambda head: head.startswith((b"include: _base\n", b"group: mlpo_", b"# What every task of "))
)
QUESTIONS_JSON = Kind("table of questions", lambda head: head.startswith(b'{"label":'))


def check(path: Path, kind: Kind) -> None:
    """Check that a file of a kind may be written where a person named it.

    Raises:
        UsageError: it is the place of something else.
    """
    head = _standing(path)
    if not head or kind.begins(head):
        return
    if head.startswith(_SQLITE):
        raise _refused(path, f"a database (SQLite) stands there, which is not replaced; {_ELSEWHERE}")
    raise _refused(path, f"what stands there is no {kind.name}, and is not replaced; {_ELSEWHERE}, or move it away")


def check_appended(path: Path) -> None:
    """Check that Markdown may be appended to a file that a person named, which others may have begun.

    Raises:
        UsageError: it is the place of something else.
    """
    head = _standing(path)
    if b"\0" in head or head.startswith(b"{") or (head and path.suffix.lower() in {".yaml", ".yml"}):
        raise _refused(path, f"what stands there is no Markdown, to which a summary could be appended; {_ELSEWHERE}")


def check_folder(folder: Path, names: Iterable[str] | None = None) -> None:
    """Check that a folder that a person named may be written into or, where all its `names` are told, replaced.

    Raises:
        UsageError: a run or a training keeps its own files there; it is a file; or it holds others than those.
    """
    _check_place(folder, folder.resolve() / "any")
    if _is_run(folder.resolve()):
        raise _refused(folder, "it is a run, which keeps its own files there; name another folder")
    if folder.exists() and not folder.is_dir():
        raise _refused(folder, "a file stands where a folder is needed")
    if names is not None and folder.is_dir() and (others := {path.name for path in folder.iterdir()} - set(names)):
        raise _refused(folder, f"it holds {min(others)}, which would be lost; name a folder that is empty or not there")


def check_apart(named: Mapping[str, Path | None]) -> None:
    """Check that options name files that are not the same.

    Raises:
        UsageError: two of them do.
    """
    there = [(option, path) for option, path in named.items() if path is not None]
    for (one, first), (other, second) in combinations(there, 2):
        if same(first, second):
            raise UsageError(f"{one} and {other} both name {second}; of two files each needs a name of its own.")


def same(one: Path, other: Path) -> bool:
    """Return whether two paths are those of one file, by whatever links, though it may not be there yet."""
    with suppress(OSError):
        if one.samefile(other):
            return True
    return _place(one) == _place(other)


def write(path: Path, content: bytes, kind: Kind, *, folders: bool = False) -> None:
    """Write a file of a kind where a person named it, whole or not at all, and its `folders` if they may be made.

    Raises:
        UsageError: it is the place of something else, or cannot be written.
    """
    check(path, kind)
    try:
        if folders:
            path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(path, content)
    except OSError as error:
        raise _refused(path, reason(error)) from None


def _standing(path: Path) -> bytes:
    """Return how a file begins that stands where one is to be written; nothing where none does."""
    _check_place(path, _place(path))
    try:
        atomic.check_free(path)
        with path.open("rb") as file:
            return file.read(_HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()
    except (FileNotFoundError, NotADirectoryError):  # a folder that is none is told when the file is written
        return b""
    except OSError as error:
        raise _refused(path, reason(error)) from None


def _check_place(path: Path, place: Path) -> None:
    for folder in place.parents:
        first, *deeper = place.relative_to(folder).parts
        if first in _OF_A_RUN and _is_run(folder):
            raise _refused(path, f"{folder} is a run, which keeps its own files there; {_ELSEWHERE}")
        if (deeper or first in _OF_A_TRAINING) and _is_training(folder):
            raise _refused(path, f"{folder} is a training, which keeps its own files there; {_ELSEWHERE}")
    for end in _BESIDE_SQLITE:
        if path.name.endswith(end) and path.name != end and _is_database(path.with_name(path.name.removesuffix(end))):
            raise _refused(path, f"a database (SQLite) keeps its journal there; {_ELSEWHERE}")


def _place(path: Path) -> Path:
    """Return where a name stands, though it may be that of a link itself."""
    return path.parent.resolve() / path.name


def _is_run(folder: Path) -> bool:
    return all((folder / part).is_dir() for part in PARTS) or all(
        (folder / name).is_file() for name in ("config.yaml", "manifest.json")
    )


def _is_training(folder: Path) -> bool:
    return (folder / "recipe.yaml").is_file() and (folder / "stages").is_dir()


def _is_database(path: Path) -> bool:
    try:
        atomic.check_regular(path)
        with path.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False


def _refused(path: Path, why: str) -> UsageError:
    return UsageError(f"{path} cannot be written: {why}.")
