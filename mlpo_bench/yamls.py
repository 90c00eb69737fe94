"""Reading a YAML file into a pydantic model, every fault named by file, line and field.

Whatever a file holds, reading it takes little time and memory: its bytes, its depth, and what it comes to once its
aliases are written out are bounded here, in one place. A key that stands twice, a number that no field could hold and
text that is no text are faults of their line.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import orjson
import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError

from mlpo_bench import atomic
from mlpo_bench.errors import UsageError, nearest


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)

FOLDER = "folder"

MOST_BYTES = 4 * 2**20
"""The longest file: recordings and scripts are a few hundred thousand."""
MOST_VALUES = 100_000
"""How many values a file may hold once its aliases are written out."""
DEEPEST = 64
"""How deep they may be nested."""
MOST_FAULTS = 20
"""How many faults of one file are told; the rest is counted."""
_LONGEST_SAID = 120
_MERGE = "tag:yaml.org,2002:merge"
OF_64_BITS = range(-(2**63), 2**63)
"""The whole numbers that files and stores hold."""


def _no_truth(given: Any) -> Any:  # noqa: ANN401 - whatever a file holds
    """Refuse `true` where a number is wanted: Python takes it for 1."""
    if isinstance(given, bool):
        raise ValueError("this must be a number")  # noqa: TRY004 - pydantic tells ValueErrors
    return given


Whole = Annotated[int, BeforeValidator(_no_truth), Field(ge=OF_64_BITS.start, lt=OF_64_BITS.stop)]
"""A whole number that files and stores hold: of 64 bits, and never `true`."""
Tokens = Annotated[Whole, Field(lt=2**31)]
"""A number of tokens, as ledgers hold it."""
Real = Annotated[float, BeforeValidator(_no_truth), Field(allow_inf_nan=False)]
"""A number that can be reckoned with."""


def _is_json(given: dict[str, Any]) -> dict[str, Any]:
    try:
        kept = orjson.loads(orjson.dumps(given))
    except (orjson.JSONEncodeError, orjson.JSONDecodeError) as error:
        raise ValueError(f"it must be what JSON can hold ({error})") from None
    if kept != given:
        raise ValueError("it must be what JSON can hold: no number that is infinite or none")
    return given


JsonObject = Annotated[dict[str, Any], AfterValidator(_is_json)]
"""Whatever else a request may carry, as JSON holds it."""


class _Loader(yaml.SafeLoader):
    """YAML's own loader of plain values, within bounds."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._level = self._reached = self._values = 0
        self._extents: dict[yaml.Node, tuple[int, int]] = {}
        """How many values and levels a part of the file comes to."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return the next part of the file, and count what it comes to."""
        alias = self.check_event(yaml.AliasEvent)
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        values, reached = self._values, self._reached
        self._level += 1
        self._reached = self._level
        self._check(mark)
        node = super().compose_node(parent, index)
        assert node is not None
        if not alias:
            self._values += 1
            self._extents[node] = self._values - values, self._reached - self._level
        elif node in self._extents:
            size, height = self._extents[node]
            self._values += size
            self._reached += height
        else:
            raise _fault("an alias stands within what it stands for", mark)
        self._check(mark)
        self._level -= 1
        self._reached = max(reached, self._reached)
        return node

    def _check(self, mark: yaml.Mark) -> None:
        if self._reached > DEEPEST:
            raise _fault(f"values are nested more than {DEEPEST} deep", mark)
        if self._values > MOST_VALUES:
            raise _fault(f"it comes to more than {MOST_VALUES:,} values", mark)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:  # noqa: ANN401 - YAML's own
        """Return a mapping in which no name stands twice: the last one would win without a word."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            if (first := lines.get((key.tag, key.value))) is not None:
                raise _fault(f"{key.value!r} stands twice, first on line {first + 1}", key.start_mark)
            lines[key.tag, key.value] = key.start_mark.line
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401
        """Return the value of a part of the file."""
        try:
            value = super().construct_object(node, deep)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            kind = node.tag.rpartition(":")[2]
            raise _fault(f"{_short(str(node.value))} is no {kind}", node.start_mark) from None
        if type(value) is int and value not in OF_64_BITS:
            raise _fault(f"{_short(node.value)} is beyond what 64 bits hold", node.start_mark)
        return _text(value, node) if isinstance(value, str) else value


def _fault(problem: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def _text(value: str, node: yaml.Node) -> str:
    """Return text whose characters are whole: JSON writes those beyond 16 bits as two halves."""
    try:
        whole = value.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise _fault("half a character (a lone surrogate) is no text", node.start_mark) from None
    if "\0" in whole:
        raise _fault("text holds no character of number 0", node.start_mark)
    return whole


def load(text: str) -> tuple[Any, yaml.Node | None]:
    """Return what a YAML document holds, as plain values and as the parts of the file.

    Raises:
        yaml.YAMLError: it is none, or more than is read (see this module's bounds).
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        return (None if node is None else loader.construct_document(node)), node
    finally:
        loader.dispose()


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
        told = [f"{path}:{_line(tree, e['loc'])}: {said(e, model)}" for e in error.errors()]
        raise UsageError(faults(told)) from None
    except UsageError as mistake:  # a validator that knows the right names
        raise UsageError(f"{path}: {mistake}") from None


def faults(told: Sequence[str]) -> str:
    """Return faults, a line each; of very many the first ones."""
    more = len(told) - MOST_FAULTS
    return "\n".join([*told[:MOST_FAULTS], *([f"... and {more:,} more"] if more > 0 else [])])


def beside(named: str, context: Mapping[str, Path] | None) -> Path:
    """Return the path of a file that a file names: relative to the one that names it (a validator's context)."""
    path = Path(named).expanduser()
    return path if context is None else context[FOLDER] / path


def one_line(error: yaml.YAMLError) -> str:
    """Return in one line what is wrong with a document, and where."""
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 1}: " if mark else ""
    problem = getattr(error, "problem", None) or " ".join(str(error).split())
    return f"{where}{problem.removesuffix('.')}."


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


_OF_PYDANTIC = re.compile(r"(?:function-\w+|tuple|list|dict|literal)\[")
"""How pydantic calls one of several kinds that a field may have; no file names it."""


def said(error: ErrorDetails, model: type[BaseModel]) -> str:
    """Return in a sentence which field of a model is wrong and why, with the nearest right name."""
    field = ".".join(str(step) for step in error["loc"] if not _OF_PYDANTIC.match(str(step)))
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        wrong = str(error["loc"][-1])
        return f"unknown field {field!r}{nearest(wrong, _fields_at(model, error['loc'][:-1])) or '.'}"
    given = "" if error["type"] in {"missing", "value_error"} else f" (it is {_short(repr(error['input']))})"
    if not field:  # how several settings go together
        return f"{message}."
    return f"field {field!r}: {message[:1].lower()}{message[1:]}{given}."


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_SAID else f"{text[:_LONGEST_SAID]}..."


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
