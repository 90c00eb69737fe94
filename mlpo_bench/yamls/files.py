"""Reading a YAML file into a pydantic model, every fault named by file, line and field."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from mlpo_bench import atomic
from mlpo_bench.errors import UsageError
from mlpo_bench.paths import expanded
from mlpo_bench.yamls import faults
from mlpo_bench.yamls.document import load, one_line


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Model = TypeVar("Model", bound=BaseModel)

FOLDER = "folder"
MOST_BYTES = 4 * 2**20
"""The longest file: recordings and scripts are a few hundred thousand."""


def read_text(path: Path, kind: str) -> str:
    """Return the text of a file of no more than `MOST_BYTES`; `kind` ("team file") names it in messages.

    Raises:
        UsageError: it cannot be read, is no file, is longer, or is not UTF-8.
    """
    try:
        atomic.check_regular(path)
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise UsageError(f"the {kind} {path} is too long: no more than {MOST_BYTES >> 20} MiB are read.")
        return content.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or _no_text(error)
        raise UsageError(f"the {kind} {path} cannot be read: {reason}.") from None


def is_there(path: Path) -> bool:
    """Return whether a name that a person wrote is that of a file or folder; some are those of none."""
    try:
        return path.exists()
    except (OSError, ValueError):  # too long, half a character, or not to be looked at
        return False


def _no_text(error: Exception) -> str:
    return "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)


def read(path: Path, model: type[Model], kind: str) -> Model:
    """Read `path` as `model`; `kind` ("team file") names it in messages.

    Raises:
        UsageError: the file cannot be read, is not YAML, or has a fault (all faults are listed, a line each).
    """
    return parsed(read_text(path, kind), path, model, kind)


def parsed(text: str, path: Path, model: type[Model], kind: str) -> Model:
    """Read the text of a file as `model`.

    Raises:
        UsageError: it is not YAML, or has a fault (all faults are listed, a line each).
    """
    try:
        value, tree = load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"the {kind} {path} is not valid YAML: {one_line(error)}") from None
    if not isinstance(value, dict):
        held = "it is empty" if value is None else f"not {type(value).__name__}"
        raise UsageError(f"the {kind} {path} must hold settings (`name: value`), {held}.")
    try:
        return model.model_validate(value, context={FOLDER: path.parent})
    except ValidationError as error:
        told = [f"{path}:{fault.line}: {fault.sentence()}" for fault in faults.all_of(error, model, value, tree)]
        raise UsageError(faults.listed(told)) from None
    except UsageError as mistake:  # a validator that knows the right names
        raise UsageError(f"{path}: {mistake}") from None


@contextmanager
def of_a_field(context: Mapping[str, Path] | None) -> Iterator[None]:
    """Let a person's mistake be told with file, line and field where a file is read (a validator's context)."""
    try:
        yield
    except UsageError as mistake:
        if context is None:
            raise
        raise ValueError(str(mistake).removesuffix(".")) from None


def beside(named: str, context: Mapping[str, Path] | None) -> Path:
    """Return the path of a file that a file names: relative to the one that names it (a validator's context)."""
    path = expanded(named)
    return path if context is None else context[FOLDER] / path
