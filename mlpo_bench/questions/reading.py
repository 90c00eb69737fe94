"""Files of questions as people have them: their bytes, their text, their rows; what is wrong is told in a sentence."""

from __future__ import annotations

import io
import json
import stat
from typing import TYPE_CHECKING, Any

from mlpo_bench.errors import UsageError, digits_or


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_POINTER = b"version https://git-lfs"
_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISSOCK, "a socket"),
    (lambda mode: stat.S_ISBLK(mode) or stat.S_ISCHR(mode), "a device"),
)
_SHOWN = 60

QUESTIONS = ("question", "prompt", "problem", "input", "query")
ANSWERS = ("answer", "target", "gold", "label", "correct", "answer_key", "answerkey")
"""What columns with questions and with answers may be called, however they are written."""
_NEVER_BLANK = {*QUESTIONS, *ANSWERS, "answerKey"}


def blank(value: object) -> bool:
    """Whether a cell holds nothing: NaN is what pandas makes of that."""
    return value is None or value != value or (isinstance(value, str) and not value.strip()) or value == []  # noqa: PLR0124


def plain(value: object) -> str:
    """Return a cell as text: whole numbers without a point, nothing for nothing."""
    if blank(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def content(path: Path, inside: Iterable[Path] | None = None) -> bytes:
    """Return a file's bytes.

    Args:
        path: The file.
        inside: Folders of which it must lie in one, wherever links lead; None lets them lead anywhere.

    Raises:
        UsageError: It is no file, lies elsewhere, or cannot be read.
    """
    try:
        real = path.resolve(strict=True)
        mode = real.stat().st_mode
        kind = next((word for is_one, word in _KINDS if is_one(mode)), None)
        if kind:  # reading a pipe would wait for ever
            raise UsageError(f"{path} is {kind}, not a file; put the file itself there.")
        if inside is not None and not any(real.is_relative_to(folder) for folder in inside):
            raise UsageError(f"{path} is a link out of the data folder, to {real}; put the file itself there.")
        held = real.read_bytes()
    except (OSError, RuntimeError) as error:  # RuntimeError: a circle of links, before Python 3.13
        raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    if held.startswith(_POINTER):
        raise UsageError(f"{path} is Git LFS's pointer to a file, not the file; fetch it with `git lfs pull`.")
    return held


def decoded(held: bytes, path: Path) -> str:
    """Return bytes as text: UTF-8, or UTF-16 where a mark at its beginning says so.

    Raises:
        UsageError: It is neither.
    """
    try:
        text = held.decode("utf-16" if held.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = held.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"{path} is not UTF-8 text (line {line} holds the byte 0x{held[error.start]:02x}); save it as UTF-8."
        ) from None
    if text.count("\0") > len(text) // 4:  # every other byte of English in UTF-16
        raise UsageError(f"{path} is not UTF-8 text, but UTF-16 without its mark, it seems; save it as UTF-8.")
    return text


def parsed(text: str, place: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return what JSON says.

    Raises:
        UsageError: It is no JSON.
    """
    try:
        return json.loads(text, object_pairs_hook=once)
    except ValueError as error:
        raise UsageError(f"{place} is no JSON ({digits_or(error)}).") from None
    except RecursionError:
        raise UsageError(f"{place} is nested too deep to be read.") from None


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON none of whose names stands twice: of two values, nobody can tell which is meant."""
    held = dict(pairs)
    if len(held) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands twice in one object")
    return held


def parquet(held: bytes, path: Path) -> list[dict[str, Any]]:
    """Return the rows of a Parquet file.

    Raises:
        UsageError: It is none.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(held)).to_pylist()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        first = (str(error).splitlines() or [""])[0].rstrip(".")
        raise UsageError(f"{path} is no Parquet file that can be read ({first}).") from None
    return rows


def check_row(row: object, columns: Iterable[str], place: str) -> None:
    """Check that a row has text in each of these columns; in one of questions or answers, some that can be seen.

    Raises:
        UsageError: It has not.
    """
    if not isinstance(row, dict):
        raise UsageError(f"{place} is no object with {', '.join(columns)}, but {row!r:.{_SHOWN}}.")
    for column in columns:
        if column not in row:
            raise UsageError(f"{place} has no {column!r}; it has {_listed(row)}.")
        if fault := no_text(row[column]):
            raise UsageError(f"{place}: its {column} {fault}.")
        if column in _NEVER_BLANK and not row[column].strip():
            raise UsageError(f"{place}: its {column} is empty.")


def _listed(row: Mapping[str, Any]) -> str:
    return ", ".join(map(repr, row)) or "nothing"


def no_text(value: object) -> str:
    """Return what keeps a value from being text, as the end of a sentence; nothing where it is text."""
    if not isinstance(value, str):
        return f"is no text, but {value!r:.{_SHOWN}}"
    half = next((character for character in value if "\ud800" <= character <= "\udfff"), None)
    return f"holds half of a surrogate pair (U+{ord(half):04X}), which is no character" if half else ""
