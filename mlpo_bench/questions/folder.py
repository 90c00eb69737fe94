"""A folder with the suites as their authors publish them, one folder for each: `DATA/bbh/`, `DATA/mmlu/`.

A suite's folder is read whole or not at all: a missing file is named. How it is laid out says the suite's own file.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlpo_bench.errors import UsageError
from mlpo_bench.questions.source import Absent, Place, Source


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from mlpo_bench.questions.question import Entry


class Files:
    """The files of one suite, read as they are asked for, with a digest of all that was read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._digest = hashlib.sha256()

    def text(self, name: str) -> str:
        """Return a file's text.

        Raises:
            UsageError: It cannot be read.
        """
        try:
            content = (self.root / name).read_bytes()
            self._digest.update(name.encode() + b"\0" + content)
            return content.decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{self.root / name} cannot be read: {error}.") from error

    def json(self, name: str) -> Any:  # noqa: ANN401 - whatever the file holds
        """Return a JSON file's value.

        Raises:
            UsageError: It cannot be read or is no JSON.
        """
        try:
            return json.loads(self.text(name))
        except ValueError as error:
            raise UsageError(f"{self.root / name} is no JSON: {error}.") from error

    def lines(self, name: str) -> list[Any]:
        """Return the values of a file of JSON lines.

        Raises:
            UsageError: It cannot be read or one of its lines is no JSON.
        """
        try:
            return [json.loads(line) for line in self.text(name).split("\n") if line.strip()]
        except ValueError as error:
            raise UsageError(f"{self.root / name} is no file of JSON lines: {error}.") from error

    def rows(self, name: str, columns: int) -> list[list[str]]:
        """Return the rows of a CSV file without a header.

        Raises:
            UsageError: It cannot be read.
            ValueError: A row has another number of columns.
        """
        rows = list(csv.reader(io.StringIO(self.text(name))))
        for number, row in enumerate(rows, start=1):
            if len(row) != columns:
                raise ValueError(f"row {number} of {name} has {len(row)} columns")
        return rows

    @property
    def revision(self) -> str:
        """The digest of all that was read, in the order it was read."""
        return f"sha256:{self._digest.hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Folder(Place):
    """The suite's own folder inside the one that `--data` names.

    Attributes:
        entries: Makes the questions of the folder's files. What it lets through of `KeyError`, `TypeError`,
            `ValueError` and `IndexError` is told as a fault of the layout.
    """

    entries: Callable[[Files], Iterable[Entry]]

    def read(self, suite: str, data: Path | None) -> tuple[list[Entry], Source]:
        """Return a suite from a data folder."""
        if data is None:
            raise Absent("no --data FOLDER was named")
        if not data.is_dir():
            raise UsageError(f"the data folder {data} does not exist.")
        root = data / suite
        if not root.is_dir():
            raise Absent(f"{data} has no folder {suite}/")
        files = Files(root)
        try:
            entries = list(self.entries(files))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise UsageError(
                f"{root} is not laid out as {suite} is published ({type(error).__name__}: {error})."
            ) from error
        return entries, Source("folder", str(root), files.revision)
