"""A folder with the suites as their authors publish them, one folder for each.

    DATA/bbh/<subtask>.json                     {"examples": [{"input", "target"}, ...]}
    DATA/mmlu/{dev,val,test}/<subject>_<part>.csv    question, four options, letter; no header
    DATA/math/test/<subject>/<number>.json      {"problem", "solution", ...}
    DATA/math/test.jsonl                        MATH-500: one {"problem", ...} on each line
    DATA/gsm8k/{train,test}.jsonl               one {"question", "answer"} on each line

A suite's folder is read whole or not at all: a missing file is named.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from typing import TYPE_CHECKING, Any, get_args

from mlpo_bench.errors import UsageError
from mlpo_bench.questions import items
from mlpo_bench.questions.items import Entry, Part
from mlpo_bench.questions.source import Source
from mlpo_bench.questions.splits import fingerprint
from mlpo_bench.questions.suites import BBH, MATH, MMLU


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


_MMLU_COLUMNS = 6


class _Reader:
    """Reads the files of one suite and keeps a digest of all it read."""

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

    @property
    def revision(self) -> str:
        """The digest of all that was read, in the order it was read."""
        return f"sha256:{self._digest.hexdigest()[:16]}"


def read(suite: str, data: Path) -> tuple[list[Entry], Source] | None:
    """Return a suite from a data folder, or nothing where that has no folder for it.

    Raises:
        UsageError: The data folder does not exist, or a file of the suite is missing or malformed.
    """
    if not data.is_dir():
        raise UsageError(f"the data folder {data} does not exist.")
    root = data / suite
    if suite not in _READERS or not root.is_dir():
        return None
    reader = _Reader(root)
    try:
        entries = _READERS[suite](reader)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise UsageError(
            f"{root} is not laid out as {suite} is published ({type(error).__name__}: {error})."
        ) from error
    return entries, Source("folder", str(root), reader.revision)


def _bbh(reader: _Reader) -> list[Entry]:
    return [
        items.bbh(subject, index, row["input"], row["target"])
        for subject in BBH.subjects
        for index, row in enumerate(reader.json(f"{subject}.json")["examples"])
    ]


def _mmlu(reader: _Reader) -> list[Entry]:
    entries = []
    for subject in MMLU.subjects:
        for part in get_args(Part):
            rows = csv.reader(io.StringIO(reader.text(f"{part}/{subject}_{part}.csv")))
            for index, row in enumerate(rows):
                if len(row) != _MMLU_COLUMNS:
                    raise ValueError(f"row {index + 1} of {part}/{subject}_{part}.csv has {len(row)} columns")
                entries.append(items.mmlu(subject, part, index, row[0], row[1:5], "ABCD".index(row[5].strip())))
    return entries


def _math(reader: _Reader) -> list[Entry]:
    tested = {fingerprint(row["problem"]) for row in reader.lines("test.jsonl")}
    entries = []
    for subject in MATH.subjects:
        names = sorted((reader.root / "test" / subject).glob("*.json"), key=lambda path: _number(path.stem))
        if not names:
            raise UsageError(f"{reader.root / 'test' / subject} holds no problems.")
        for index, path in enumerate(names):
            row = reader.json(path.relative_to(reader.root).as_posix())
            inside = fingerprint(row["problem"]) in tested
            entries.append(items.math(subject, index, row["problem"], row["solution"], tested=inside))
    return entries


def _gsm8k(reader: _Reader) -> list[Entry]:
    return [
        items.gsm8k(part, index, row["question"], row["answer"])
        for part in items.GSM8K_PARTS
        for index, row in enumerate(reader.lines(f"{part}.jsonl"))
    ]


def _number(stem: str) -> tuple[int, str]:
    """Return a key that puts `9` before `10`."""
    return (int(stem) if stem.isascii() and stem.isdigit() else 0, stem)


_READERS: Mapping[str, Callable[[_Reader], list[Entry]]] = {
    "bbh": _bbh,
    "mmlu": _mmlu,
    "math": _math,
    "gsm8k": _gsm8k,
}
