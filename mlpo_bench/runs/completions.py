"""Completions by themselves: what was answered, without what was asked.

JSON lines under zstd. The first line tells what the completions belong to; each further one is a completion::

    [request, text, fresh prompt tokens, cached ones, written ones, finish reason, seconds]

`request` is the identity of what was asked (see `store.request_key`), in hex.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import orjson
import zstandard

from mlpo_bench.chat import Completion, Usage
from mlpo_bench.errors import BadInput
from mlpo_bench.runs.files import read_lines


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    Kept = tuple[bytes, Completion]

# Decides some tenths of a file's size; the highest take many times as long.
LEVEL = 12


def write_completions(path: Path, header: Mapping[str, Any], found: Iterable[Kept]) -> None:
    """Write completions with the identities of their requests, whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("wb") as file, zstandard.ZstdCompressor(LEVEL).stream_writer(file) as stream:
        stream.write(orjson.dumps(header, option=orjson.OPT_APPEND_NEWLINE))
        for request, made in found:
            stream.write(_line(request, made))
    beside.replace(path)


def read_header(path: Path) -> dict[str, Any]:
    """Return what the completions of a file belong to.

    Raises:
        BadInput: the file cannot be read, or is none of completions.
    """
    header = next(read_lines(path), None)
    if not isinstance(header, dict):
        raise BadInput(f"{path} is no file of completions.")
    return header


def read_completions(path: Path) -> Iterator[Kept]:
    """Yield the completions of a file with the identities of their requests.

    Raises:
        BadInput: the file cannot be read, or is none of completions.
    """
    lines = read_lines(path)
    next(lines, None)
    for number, line in enumerate(lines, start=2):
        try:
            request, text, prompt, cached, written, finish_reason, seconds = line
            yield bytes.fromhex(request), Completion(text, Usage(prompt, cached, written), finish_reason, seconds)
        except (TypeError, ValueError):
            raise BadInput(f"{path}, line {number}, is no completion.") from None


def _line(request: bytes, made: Completion) -> bytes:
    u = made.usage
    line = [request.hex(), made.text, u.prompt, u.cached, u.completion, made.finish_reason, made.seconds]
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
