"""Files of JSON that carry the SHA-256 of what else they hold, so that a figure that was changed in one is seen.

Files of earlier versions carry none, and are taken as they are.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import orjson

from mlpo_bench.log.files import damaged, read_json, write_json


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SEAL = "sha256"
"""Under this name stands the digest, in hex, of all other values as JSON without blanks, in the file's order."""


def write_sealed(path: Path, value: Mapping[str, Any]) -> None:
    """Write an object as JSON with its seal, whole or not at all."""
    write_json(path, sealed(value))


def sealed(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a file of JSON is to hold, with its seal in place of any other."""
    held = orjson.loads(orjson.dumps({name: each for name, each in value.items() if name != SEAL}))
    return {**held, SEAL: _digest(held)}


def read_sealed(path: Path, schemas: Sequence[int] = (1,)) -> dict[str, Any]:
    """Return the object that a file of JSON holds, without its seal.

    Raises:
        DamagedFile: the file cannot be read, or is not what was written.
        ForeignSchema: it is of another form.
    """
    value = read_json(path, schemas)
    told = value.pop(SEAL, None)
    if told is not None and told != _digest(value):
        raise damaged(path, "is not what was written: it was changed")
    return value


def _digest(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(value)).hexdigest()
