"""Writing JSON whole or not at all, and reading lines of JSON under zstd."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import orjson
import zstandard

from mlpo_bench import atomic
from mlpo_bench.errors import UsageError


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def write_json(path: Path, value: object) -> None:
    """Write a value as indented JSON, whole or not at all."""
    atomic.write(path, orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def read_lines(path: Path) -> Iterator[Any]:
    """Yield what the lines of a file hold, JSON each, in one or more frames of zstd.

    Raises:
        UsageError: the file or a line of it cannot be read.
    """
    number = 0
    try:
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as one:
            for line in io.BufferedReader(one):
                number += 1
                yield orjson.loads(line)
    except (OSError, zstandard.ZstdError) as error:
        raise UsageError(f"{path} cannot be read after its line {number}: {error}.") from None
    except orjson.JSONDecodeError as error:
        raise UsageError(f"{path}, line {number}, is not JSON: {error}.") from None
