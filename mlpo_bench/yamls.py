"""Reading a YAML file into a pydantic model, every fault named by file, line and field."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from mlpo_bench.errors import UsageError, nearest


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)

FOLDER = "folder"


def read(path: Path, model: type[Model], kind: str) -> Model:
    """Read `path` as `model`; `kind` ("team file") names it in messages.

    Raises:
        UsageError: the file cannot be read, is not YAML, or has a fault (all faults are listed, a line each).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"the {kind} {path} cannot be read: {reason}.") from None
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"the {kind} {path} is not valid YAML: {_one_line(error)}") from None
    if not isinstance(value, dict):
        held = "it is empty" if value is None else f"not {type(value).__name__}"
        raise UsageError(f"the {kind} {path} must hold settings (`name: value`), {held}.")
    try:
        return model.model_validate(value, context={FOLDER: path.parent})
    except ValidationError as error:
        faults = [f"{path}:{_line(tree, e['loc'])}: {said(e, model)}" for e in error.errors()]
        raise UsageError("\n".join(faults)) from None
    except UsageError as mistake:  # a validator that knows the right names
        raise UsageError(f"{path}: {mistake}") from None


def beside(named: str, context: Mapping[str, Path] | None) -> Path:
    """Return the path of a file that a file names: relative to the one that names it (a validator's context)."""
    path = Path(named).expanduser()
    return path if context is None else context[FOLDER] / path


def _one_line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark else ""
    return f"{where}{getattr(error, 'problem', None) or error}"


def _line(tree: yaml.Node | None, location: Sequence[str | int]) -> int:
    """Return the line (from 1) of the innermost part of `location` that the file holds."""
    node, line = tree, 1
    for step in location:
        if isinstance(node, yaml.MappingNode):
            entry = next(((k, v) for k, v in node.value if k.value == str(step)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            entry = (node.value[step], node.value[step])
        else:
            entry = None
        if entry is None:
            break
        line, node = entry[0].start_mark.line + 1, entry[1]
    return line


def said(error: ErrorDetails, model: type[BaseModel]) -> str:
    """Return in a sentence which field of a model is wrong and why, with the nearest right name."""
    field = ".".join(str(step) for step in error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        wrong = str(error["loc"][-1])
        return f"unknown field {field!r}{nearest(wrong, _fields_at(model, error['loc'][:-1])) or '.'}"
    given = "" if error["type"] in {"missing", "value_error"} else f" (it is {error['input']!r})"
    if not field:  # how several settings go together
        return f"{message}."
    return f"field {field!r}: {message[:1].lower()}{message[1:]}{given}."


def _fields_at(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """Return the names that are right at `location`, as far as the annotations tell."""
    current: type[BaseModel] | None = model
    for step in location:
        if isinstance(step, int) or current is None:
            continue
        info = current.model_fields.get(step)
        current = _model_in(info.annotation) if info else None
    return list(current.model_fields) if current else []


def _model_in(annotation: object) -> type[BaseModel] | None:
    """Return the first pydantic model named in an annotation such as `tuple[Member, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    parts = getattr(annotation, "__args__", ())
    return next((model for part in parts if (model := _model_in(part))), None)
