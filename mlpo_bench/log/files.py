"""Writing JSON whole or not at all, and reading a run's files: each is what was written, or is said to be damaged."""

from __future__ import annotations

import contextlib
import hashlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from mlpo_bench import atomic
from mlpo_bench.errors import UsageError
from mlpo_bench.store import default_path


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mlpo_bench.log.columns import Columns

SCHEMA = "schema_version"
"""Under this name a file tells the number of its form; a run's files of the first form tell none."""
_CHUNK_BYTES = 1 << 14
_LONGEST_TOLD = 20
ROWS = 1 << 14
"""How many rows of a table are read at a time, where it is read in parts."""


class DamagedFile(UsageError):
    """A file is not what was written: it is missing, was cut short, or holds something else."""

    def __init__(self, path: Path, why: str, remedy: str = "") -> None:
        super().__init__(f"{path} {why}{remedy}.")
        self.path, self.why = path, why


class ForeignSchema(UsageError):
    """Another version of this package wrote a file, in a form that this one does not read. It is left as it is."""


def damaged(path: Path, why: str) -> DamagedFile:
    """Return the fault of a file; where it is a run's, with the command that makes it anew."""
    run = _run_of(path)
    return DamagedFile(
        path, why, "" if run is None else f"; `{command(run)}` makes it anew from the store of completions"
    )


def check_schema(path: Path, told: object, known: Sequence[int] = (1,)) -> None:
    """Check that a file is of a form that this version reads. One that tells none is of the first.

    Raises:
        ForeignSchema: another version wrote it.
    """
    if type(told) is int and told in known:
        return
    reads = " and ".join(map(str, known))
    run = _run_of(path)
    anew = "" if run is None else f", or `{command(run, name='NAME')}` carries the run out anew under another NAME"
    raise ForeignSchema(
        f"{path} is of schema {str(told)[:_LONGEST_TOLD]}, which another version of mlpo-bench wrote, and this one "
        f"reads {reads}: take the version that wrote it{anew}."
    )


def check_schema_of(path: Path, content: bytes, known: Sequence[int] = (1,)) -> None:
    """Check the form that a file of JSON tells; what is no JSON, or no object, others refuse.

    Raises:
        ForeignSchema: another version wrote it.
    """
    with contextlib.suppress(orjson.JSONDecodeError):
        value = orjson.loads(content)
        if isinstance(value, dict):
            check_schema(path, value.get(SCHEMA, 1), known)


def _run_of(path: Path) -> Path | None:
    return next((folder for folder in list(path.parents)[:2] if (folder / "config.yaml").is_file()), None)


def command(run: Path, *, name: str = "", store: Path | None = None) -> str:
    """Return the command that goes on with a run, or carries it out under another name.

    Args:
        run: The run's folder.
        name: The other name.
        store: Where its answers are kept; None for where its last session kept them.
    """
    words = ("--config", run / "config.yaml", "--output", run.parent, "--name", name or run.name)
    return shlex.join(["mlpo-bench", "run", *map(str, words), *in_store(run, store)])


def in_store(run: Path, store: Path | None = None) -> tuple[str, ...]:
    """Return the option that has a command find a run's answers where they are kept; nothing where it does by itself.

    Args:
        run: The run's folder.
        store: Where they are kept; None for where its last session kept them.
    """
    kept = noted_store(run) if store is None else str(store)
    return () if kept is None or Path(kept).absolute() == default_path().absolute() else ("--store", kept)


def noted_store(run: Path) -> str | None:
    """Return the store that a run's manifest notes, as far as it can be read: who asks may have found it damaged."""
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        noted = orjson.loads(atomic.read(run / "manifest.json"))["sessions"][-1]["store"]
        return noted if isinstance(noted, str) else None
    return None


def write_json(path: Path, value: object) -> None:
    """Write a value as indented JSON, whole or not at all."""
    atomic.write(path, orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def read_bytes(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        DamagedFile: it is not there, or cannot be read.
        UsageError: it may not be read.
    """
    try:
        return atomic.read(path)
    except OSError as error:
        raise unread(path, error) from None


def unread(path: Path, error: OSError) -> UsageError:
    """Return the fault of a file that cannot be read: damaged, unless this person alone may not."""
    if isinstance(error, PermissionError):  # to make it anew would help nobody
        return UsageError(f"{path} cannot be read: {error.strerror}; see who may (ls -l).")
    return damaged(path, unreadable(error))


def unreadable(error: OSError) -> str:
    """Return why a file cannot be read, as what is said of it."""
    if isinstance(error, FileNotFoundError):
        return "is missing"
    return "is a folder" if isinstance(error, IsADirectoryError) else f"cannot be read: {error.strerror or error}"


def read_value(path: Path) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return what a file of JSON holds.

    Raises:
        DamagedFile: the file cannot be read, or holds none.
    """
    content = read_bytes(path)
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise damaged(path, f"is not JSON ({error})" if content.strip() else "is empty") from None


def read_json(path: Path, schemas: Sequence[int] = (1,)) -> dict[str, Any]:
    """Return the object that a file of JSON holds.

    Args:
        path: The file.
        schemas: The forms of it that can be read.

    Raises:
        DamagedFile: the file cannot be read, or holds no such thing.
        ForeignSchema: it is of another form.
    """
    value = read_value(path)
    if not isinstance(value, dict):
        raise damaged(path, "holds no object")
    check_schema(path, value.get(SCHEMA, 1), schemas)
    return value


def read_table(
    path: Path,
    columns: Sequence[str] | None = None,
    needed: Sequence[str] = (),
    seldom: Sequence[str] = (),
    *,
    held: Columns | None = None,
) -> pa.Table:
    """Return the table of a Parquet file, whole or some of its columns.

    Args:
        path: The file.
        columns: Which columns to read; None for all.
        needed: Columns that it must have besides those.
        seldom: Columns to read besides `columns` where it has them.
        held: What its columns hold; None takes them as they are.

    Raises:
        DamagedFile: the file cannot be read, lacks a column, or holds something else in one.
        ForeignSchema: another version wrote it in another form.
    """
    with _told_of_damage(path):
        wanted = _wanted(path, columns, needed, seldom, held)
        with path.open("rb") as file:
            table = pq.read_table(file, columns=wanted, page_checksum_verification=True)
    return _checked(table, path, held)


def read_parts(
    path: Path,
    columns: Sequence[str] | None = None,
    needed: Sequence[str] = (),
    seldom: Sequence[str] = (),
    *,
    held: Columns | None = None,
) -> Iterator[pa.Table]:
    """Yield what `read_table` returns, `ROWS` rows at a time: the rows of all turns are many times those of a part.

    Raises:
        DamagedFile: as there.
        ForeignSchema: as there.
    """
    with _told_of_damage(path):
        wanted = _wanted(path, columns, needed, seldom, held)
        opened = path.open("rb")
    with opened:
        with _told_of_damage(path):
            file = pq.ParquetFile(opened, page_checksum_verification=True, pre_buffer=False, buffer_size=_CHUNK_BYTES)
            parts = file.iter_batches(ROWS, columns=wanted, use_threads=False)
        while True:
            with _told_of_damage(path):
                part = next(parts, None)
            if part is None:
                return
            yield _checked(pa.Table.from_batches([part]), path, held)


@contextlib.contextmanager
def _told_of_damage(path: Path) -> Iterator[None]:
    """Tell what is wrong with a file that is no Parquet file any more, or is not there."""
    try:
        atomic.check_regular(path)
    except OSError as error:
        raise unread(path, error) from None
    try:
        yield
    except PermissionError as error:
        raise unread(path, error) from None
    except (OSError, ValueError, pa.ArrowException):
        raise damaged(path, "is damaged" if path.stat().st_size else "is empty") from None


def _wanted(
    path: Path, columns: Sequence[str] | None, needed: Sequence[str], seldom: Sequence[str], held: Columns | None
) -> list[str] | None:
    """Return which columns of a file are read, all of which are what they should be."""
    with path.open("rb") as file:
        schema = pq.read_schema(file)
    names = schema.names
    if (told := (schema.metadata or {}).get(SCHEMA.encode())) is not None:
        check_schema(path, int(told) if told.isdigit() else told.decode(errors="replace"))
    if missing := [name for name in (*(columns or ()), *needed) if name not in names]:
        raise damaged(path, f"has no column {missing[0]!r}")
    if held is not None and (fault := held.fault(schema)):
        raise damaged(path, fault)
    return None if columns is None else [*columns, *(name for name in seldom if name in names)]


def _checked(table: pa.Table, path: Path, held: Columns | None) -> pa.Table:
    if held is not None and (fault := held.fault_of_values(table)):
        raise damaged(path, fault)
    return table


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table as Parquet whose pages tell when they were changed."""
    write_parts([table], table.schema, path)


def write_parts(parts: Iterable[pa.Table], schema: pa.Schema, path: Path) -> None:
    """Write the parts of a table, each as a group of rows, as `write_table` does.

    Only words are counted in dictionaries: those of numbers take tens of megabytes while they are written, and more
    room on the disk than they save.
    """
    words = [field.name for field in schema if pa.types.is_string(field.type)]
    with (
        path.open("wb") as file,  # of a path, Arrow takes `~` for a home and `a:b` for an address
        pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=words, write_page_checksum=True) as writer,
    ):
        for part in parts:
            writer.write_table(part)


def read_lines(path: Path) -> Iterator[Any]:
    """Yield what the lines of a file hold, JSON each, in one or more frames of zstd.

    Raises:
        DamagedFile: the file or a line of it cannot be read, or it was cut short.
    """
    number = 0
    try:
        for number, line in enumerate(_lines(path), start=1):  # noqa: B007 - told where it goes wrong
            yield orjson.loads(line)
    except OSError as error:
        raise unread(path, error) from None
    except zstandard.ZstdError:
        raise damaged(
            path, f"is damaged after its line {number}" if number else "has no line that can be read"
        ) from None
    except orjson.JSONDecodeError as error:
        raise damaged(path, f"is damaged: line {number} is not JSON ({error})") from None


def _lines(path: Path) -> Iterator[bytes]:
    begun: list[bytes] = []
    for part in _unpacked(path):
        first, *lines = part.split(b"\n")
        begun.append(first)
        if lines:
            yield b"".join(begun)
            *whole, rest = lines
            yield from whole
            begun = [rest]
    if rest := b"".join(begun):
        yield rest


def _unpacked(path: Path) -> Iterator[bytes]:
    """Yield what the frames of a file hold, some thousand bytes at a time; one that has no end is a fault."""
    frame, whole = None, False
    atomic.check_regular(path)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            while chunk:
                frame = frame or zstandard.ZstdDecompressor().decompressobj()
                yield frame.decompress(chunk)
                whole = frame.eof
                chunk = frame.unused_data if whole else b""
                frame = None if whole else frame
    if not whole:
        raise zstandard.ZstdError("it was cut short")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hex.

    Raises:
        DamagedFile: it cannot be read.
    """
    try:
        atomic.check_regular(path)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unread(path, error) from None
