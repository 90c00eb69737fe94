"""The files of one suite in a data folder, and a digest of all that was read of them."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from typing import TYPE_CHECKING, Any

from mlpo_bench.errors import UsageError
from mlpo_bench.questions import reading


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.parquet$")
_EXAMPLES = "examples"


class Files:
    """The files of one suite, read as they are asked for, with a digest of all that was read.

    Links may lead anywhere inside the suite's folder and the data folder, and to where the hub's cache keeps what its
    snapshots show.

    Attributes:
        root: The suite's folder.
        missing: What the folder lacks of the suite, in words; none where it is whole.
    """

    def __init__(self, root: Path, data: Path | None = None) -> None:
        self.root = root
        self.missing: list[str] = []
        real = root.resolve()
        blobs = [parent.parent / "blobs" for parent in real.parents if parent.name == "snapshots"]
        self._inside = (real, *([data.resolve()] if data else []), *blobs)
        self._digest = hashlib.sha256()

    def has(self, name: str) -> bool:
        """Whether there is something of that name."""
        return (self.root / name).exists()

    def first(self, *names: str) -> str | None:
        """Return the first of some names that is there."""
        return next((name for name in names if self.has(name)), None)

    def content(self, name: str) -> bytes:
        """Return a file's bytes.

        Raises:
            UsageError: It is no file, a link leads out of the data folder, or it cannot be read.
        """
        content = reading.content(self.root / name, self._inside)
        self._digest.update(name.encode("utf-8", "surrogateescape") + b"\0" + content)
        return content

    def text(self, name: str) -> str:
        """Return a file's text.

        Raises:
            UsageError: It cannot be read.
        """
        return reading.decoded(self.content(name), self.root / name)

    def json(self, name: str) -> Any:  # noqa: ANN401 - whatever the file holds
        """Return a JSON file's value.

        Raises:
            UsageError: It cannot be read or is no JSON.
        """
        return reading.parsed(self.text(name), str(self.root / name))

    def lines(self, name: str) -> list[Any]:
        """Return the values of a file of JSON lines.

        Raises:
            UsageError: It cannot be read or one of its lines is no JSON.
        """
        return [value for _, value in self._lines(name)]

    def _lines(self, name: str) -> Iterator[tuple[str, Any]]:
        for number, line in enumerate(self.text(name).split("\n"), start=1):
            if line.strip():
                place = f"{self.root / name}, line {number}"
                yield place, reading.parsed(line, place)

    def rows(self, name: str, columns: int) -> list[list[str]]:
        """Return the rows of a CSV file without a header; blank ones are left out.

        Raises:
            UsageError: It cannot be read, or is no CSV.
            ValueError: A row has another number of columns.
        """
        reader = csv.reader(io.StringIO(self.text(name), newline=""), strict=True)
        try:
            rows = [row for row in reader if any(cell.strip() for cell in row)]
        except csv.Error as error:
            raise UsageError(f"{self.root / name} is no CSV (line {reader.line_num}: {error}).") from None
        for number, row in enumerate(rows, start=1):
            if len(row) != columns:
                raise ValueError(f"row {number} of {name} has {len(row)} columns")
        return rows

    def shards(self, folder: str, split: str) -> list[str]:
        """Return the Parquet files of a split as the hub lays them out, in order; none where there are none.

        They are called `SPLIT-00000-of-00002.parquet`, `SPLIT/0000.parquet` or `SPLIT.parquet`.

        Raises:
            UsageError: One is missing, or there are files of several kinds, which would hold each question twice.
        """
        kinds = [
            [path.relative_to(self.root).as_posix() for path in sorted((self.root / folder).glob(pattern))]
            for pattern in (f"{split}-*-of-*.parquet", f"{split}/[0-9]*.parquet", f"{split}.parquet")
        ]
        there = [names for names in kinds if names]
        if len(there) > 1:
            raise UsageError(
                f"{self.root / folder} holds the split {split!r} twice, as {there[0][0]} and {there[1][0]}; keep one."
            )
        names = there[0] if there else []
        counts = [int(match[2]) for name in names if (match := _SHARD.search(name))]
        if counts and {len(names)} != set(counts):
            raise UsageError(
                f"{self.root / folder} has {len(names)} of the {max(counts)} files {split}-*-of-*.parquet; fetch all."
            )
        return names

    def records(self, name: str, *columns: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield a file's rows as objects with text in these columns, each with the words that say where it stands.

        The file is JSON lines, Parquet, or JSON that holds its rows as `examples`, as its name's ending says.

        Raises:
            UsageError: It cannot be read, holds no row, or a row is at fault.
        """
        place = ""
        for place, row in self._placed(name):
            reading.check_row(row, columns, place)
            yield place, row
        if not place:
            raise UsageError(f"{self.root / name} holds no question.")

    def _placed(self, name: str) -> Iterator[tuple[str, Any]]:
        path = self.root / name
        if name.endswith(".jsonl"):
            yield from self._lines(name)
            return
        rows: Any
        if name.endswith(".parquet"):
            rows = reading.parquet(self.content(name), path)
        else:
            value = self.json(name)
            rows = value.get(_EXAMPLES) if isinstance(value, dict) else None
            if not isinstance(rows, list):
                raise UsageError(f'{path} must hold its questions as {{"{_EXAMPLES}": [...]}}.')
        for number, row in enumerate(rows, start=1):
            yield f"{path}, row {number}", row

    @property
    def revision(self) -> str:
        """The digest of all that was read, in the order it was read."""
        return f"sha256:{self._digest.hexdigest()[:16]}"
