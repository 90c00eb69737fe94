"""The `recipe.yaml` that a training keeps: read as it was written, or not at all.

A recipe whose end is missing may be a recipe still: what it no longer says is as it is where nobody says it. So
`digests.json` holds the digests of all that `recipe.yaml` has been here, each noted before it is written: what a
process that was killed leaves is one of them. Trainings of earlier versions have none, and are taken as they are.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

import orjson

from mlpo_bench import atomic
from mlpo_bench.errors import UsageError
from mlpo_bench.log.files import DamagedFile, digest, read_json, write_json
from mlpo_bench.log.repair import put_aside
from mlpo_bench.training.recipe import read_recipe


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlpo_bench.training.recipe import Recipe

NAME = "recipe.yaml"
DIGESTS = "digests.json"


def write(training: Path, recipe: Recipe) -> None:
    """Write the recipe that a training goes by from now on."""
    content = recipe.to_yaml().encode()
    _note(training, _digest(content))
    atomic.write(training / NAME, content)


def read(path: Path) -> Recipe:
    """Read a recipe: a person's, or the one that a training keeps.

    Raises:
        DamagedFile: a training keeps it, and it is not what was written there.
        UsageError: one line for each fault, with file, line and field.
    """
    if path.name == NAME and (path.parent / DIGESTS).exists():
        held = digest(path)  # before what is noted is read: it may just be replaced
        if held not in _noted(path.parent):
            raise DamagedFile(
                path,
                "is not what the training was made with: it was cut short or changed",
                "; `mlpo-bench train all --recipe FILE` writes it anew, FILE being the recipe it was made by, or a "
                "changed one, in another place",
            )
    return read_recipe(path)


def put_right(training: Path, recipe: Recipe) -> Iterator[str]:
    """Put aside what is not as it was written, and write the given recipe in its place; say so, a sentence each."""
    path = training / NAME
    try:
        _noted(training)
    except DamagedFile as fault:
        yield put_aside(training / DIGESTS, fault.why)
    try:
        read(path)
        _note(training, digest(path))
    except UsageError as fault:
        if path.exists():
            yield put_aside(path, fault.why if isinstance(fault, DamagedFile) else "is no recipe")
        write(training, recipe)


def digests(content: bytes) -> bytes:
    """Return what `digests.json` holds where `recipe.yaml` was never anything else."""
    return orjson.dumps({NAME: [_digest(content)]}, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _note(training: Path, written: str) -> None:
    """Note the digest of what is about to be written, beside that of what is there."""
    noted: list[str] = []
    with suppress(DamagedFile):
        noted = _noted(training)
    before = noted
    with suppress(DamagedFile):
        before = noted or [digest(training / NAME)]
    if (now := list(dict.fromkeys([*before, written]))) != noted:
        write_json(training / DIGESTS, {NAME: now})


def _noted(training: Path) -> list[str]:
    """Return the digests of what the recipe has been; none of a training that an earlier version made."""
    path = training / DIGESTS
    if not path.exists():
        return []
    try:
        noted, why = read_json(path).get(NAME), "holds no digests"
    except DamagedFile as fault:
        noted, why = None, fault.why
    if isinstance(noted, list) and noted and all(isinstance(one, str) for one in noted):
        return noted
    raise DamagedFile(path, why, f"; once it is deleted, {NAME} is taken as it is")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
