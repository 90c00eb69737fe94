"""Saying what is wrong with a file, or with what options put in the place of its settings: a sentence for each fault.

Pydantic names places as its models have them, and kinds as Python does; people are told of what they wrote.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from mlpo_bench.errors import nearest
from mlpo_bench.yamls.document import OF_64_BITS, short
from mlpo_bench.yamls.known import names_at


if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

Location = tuple["str | int", ...]

MOST_FAULTS = 20
"""How many faults of one file are told; the rest is counted."""
_KEY = "[key]"
_BEYOND = "input should be a whole number of 64 bits"
_KINDS = {
    "bool_parsing": "input should be true or false",
    "bool_type": "input should be true or false",
    "dataclass_type": "input should be settings (`name: value`)",
    "date_from_datetime_inexact": "input should be a day, such as 2026-11-26",
    "date_from_datetime_parsing": "input should be a day, such as 2026-11-26",
    "date_parsing": "input should be a day, such as 2026-11-26",
    "date_type": "input should be a day, such as 2026-11-26",
    "dict_type": "input should be settings (`name: value`)",
    "float_parsing": "input should be a number",
    "float_type": "input should be a number",
    "int_from_float": "input should be a whole number",
    "int_parsing": "input should be a whole number",
    "int_parsing_size": _BEYOND,
    "int_type": "input should be a whole number",
    "list_type": "input should be a list",
    "model_attributes_type": "input should be settings (`name: value`)",
    "model_type": "input should be settings (`name: value`)",
    "string_type": "input should be text",
    "tuple_type": "input should be a list",
}
"""Pydantic's kinds of faults in people's words."""
_SHOULD_BE = "input should be "
_OF_PYDANTIC = re.compile(
    r"(?:function-\w+|tuple|list|dict|literal|union|nullable)\[|constrained-\w+$|(?:int|float|bool|str|date)$"
)
"""How pydantic calls one of several kinds that a field may have; no file names it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        location: where, by the names and numbers that were written.
        line: the innermost line of it that the file has, from 1.
        message: what is wrong.
        unknown: whether it is a name that nothing has.
    """

    location: Location
    line: int
    message: str
    unknown: bool

    def sentence(self, skip: int = 0) -> str:
        """Say it, without the first parts of its location."""
        field = ".".join(map(str, self.location[skip:]))
        if not field:  # how several settings go together
            return f"{self.message}{'' if self.message.endswith('?') else '.'}"
        if self.unknown:
            return f"unknown field {field!r}{self.message or '.'}"
        return f"field {field!r}: {self.clause}{'' if self.clause.endswith('?') else '.'}"

    @property
    def clause(self) -> str:
        """What is wrong, as the end of a sentence."""
        return f"{self.message[:1].lower()}{self.message[1:]}"


def all_of(
    error: ValidationError, model: type[BaseModel], value: object = None, tree: yaml.Node | None = None
) -> list[Fault]:
    """Return what is wrong with a value that is no such model; `tree` are the parts of the file that it is from.

    A model whose fields may be written in other ways says where (`as_written`).
    """
    of: dict[Location, list[ErrorDetails]] = {}
    for each in error.errors():
        location = _written(model, each["loc"], value)
        if each["loc"][-1:] == (_KEY,):
            location = (*location[:-1], shown(each["input"]))
        of.setdefault(location, []).append(each)
    found: list[Fault] = []
    outer = {location[:depth] for location in of for depth in range(len(location))}
    for location, errors in of.items():
        follows = location in outer
        told = [each for each in errors if not (follows and _of_kind(each))]
        told = [each for each in told if each["type"] != "too_short"] or told  # one value in a list's place
        if told and len(found) < MOST_FAULTS:
            found.append(_fault(location, told, model, tree))
        elif told:  # it is counted and not told: what it says would be looked for in the whole file
            found.append(Fault(location, 1, told[0]["msg"], unknown=False))
    return found


def sentences(error: ValidationError, model: type[BaseModel], value: object = None) -> list[str]:
    """Return what is wrong with a value that is no such model, a sentence for each fault."""
    return [fault.sentence() for fault in all_of(error, model, value)]


def listed(told: Sequence[str]) -> str:
    """Return faults, a line each; of very many the first ones."""
    more = len(told) - MOST_FAULTS
    return "\n".join([*told[:MOST_FAULTS], *([f"... and {more:,} more"] if more > 0 else [])])


def _of_kind(error: ErrorDetails) -> bool:
    """Whether a fault says no more than that its value is of no right kind: one within it says why."""
    return error["type"] in {*_KINDS, "literal_error", "too_short"}


def _fault(location: Location, errors: list[ErrorDetails], model: type[BaseModel], tree: yaml.Node | None) -> Fault:
    line, node = _found(tree, location)
    first = errors[0]
    if first["type"] == "extra_forbidden":
        known = names_at(model, first["loc"][:-1])
        return Fault(location, line, nearest(str(location[-1]), known), unknown=True)
    own = [each for each in errors if each["type"] == "value_error"]
    messages = list(dict.fromkeys(map(message, own[:1] or errors)))
    said = messages[0]
    if all(one.startswith(_SHOULD_BE) for one in messages):  # one of several kinds that it might be of
        said = _SHOULD_BE + " or ".join(one.removeprefix(_SHOULD_BE) for one in messages)
    if own or first["type"] == "missing":
        return Fault(location, line, said, unknown=False)
    if first["loc"][-1:] == (_KEY,):
        line, node = _name_of(_found(tree, location[:-1])[1], first["input"]) or (line, node)
    hint = _in_quotes(first["input"], errors, _text(node), of_file=tree is not None) or _near(errors)
    return Fault(location, line, f"{said} (it is {shown(first['input'])}){hint}", unknown=False)


def message(error: ErrorDetails) -> str:
    """Return in people's words what is wrong with a value, without the value."""
    kind, bounds = error["type"], error.get("ctx", {})
    if kind in _KINDS:
        return _KINDS[kind]
    if bounds.get("lt") == OF_64_BITS.stop or bounds.get("ge") == OF_64_BITS.start:
        return _BEYOND
    if kind == "too_short":
        return f"there should be at least {_items(bounds['min_length'])}"
    if kind == "too_long":
        return f"there should be at most {_items(bounds['max_length'])}"
    said = error["msg"].removeprefix("Value error, ").removesuffix(".")
    if kind == "value_error":
        return said
    return f"{said[:1].lower()}{said[1:]}"


def shown(value: object) -> str:
    """Return a value as YAML writes it, not too much of it."""
    return short(_flow(value))


def _flow(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {_flow(one)}' for name, one in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_flow, value))}]"
    return value.isoformat() if isinstance(value, dt.date) else repr(value)


def _items(count: int) -> str:
    return f"{count} item{'s' * (count != 1)}"


def _in_quotes(value: object, errors: Sequence[ErrorDetails], text: str, *, of_file: bool) -> str:
    """Return the hint that YAML took a text for something else, where a text is what should stand there."""
    wants_text = any(
        each["type"] == "string_type" or (each["type"] == "literal_error" and f"'{text}'" in each["ctx"]["expected"])
        for each in errors
    )
    if not of_file or not wants_text or not isinstance(value, (bool, int, float, dt.date)):
        return ""
    kind = {bool: shown(value), int: "a number", float: "a number"}.get(type(value), "a date")
    return f"; YAML reads {short(text or shown(value))} as {kind}: put it in quotes"


def _near(errors: Sequence[ErrorDetails]) -> str:
    """Return the hint at the nearest of the words that one is to be chosen from."""
    words = [word for each in errors for word in re.findall(r"'([^']*)'", each.get("ctx", {}).get("expected", ""))]
    given = errors[0]["input"]
    return nearest(given, words) if isinstance(given, str) else ""


def _written(model: type[BaseModel], location: Location, value: object) -> Location:
    """Return where somebody wrote what a model has in a place."""
    as_written = getattr(model, "as_written", None)
    if as_written is not None and isinstance(value, Mapping):
        location = as_written(location, value)
    kept: list[str | int] = []
    held = value
    for step in location:
        strange = not isinstance(held, Mapping) or step not in held
        if step == _KEY or (strange and isinstance(step, str) and _OF_PYDANTIC.match(step)):
            continue
        if held is not None and isinstance(step, int) and not isinstance(held, (list, tuple, Mapping)):
            break  # one value that stands for a list of one
        kept.append(step)
        held = _within(held, step)
    return tuple(kept)


def _within(held: object, step: str | int) -> object:
    if isinstance(held, Mapping):
        return held.get(step)
    return held[step] if isinstance(held, (list, tuple)) and isinstance(step, int) and step < len(held) else None


def _found(tree: yaml.Node | None, location: Location) -> tuple[int, yaml.Node | None]:
    """Return the line (from 1) of the innermost part of `location` that the file holds, and the part it ends at."""
    node, line = tree, 1
    for step in location:
        if isinstance(node, yaml.MappingNode):
            entry = next(((k, v) for k, v in node.value if k.value == str(step)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            entry = (node.value[step], node.value[step])
        else:
            entry = None
        if entry is None:
            return line, None
        line, node = entry[0].start_mark.line + 1, entry[1]
    return line, node


def _name_of(node: yaml.Node | None, value: object) -> tuple[int, yaml.Node] | None:
    """Return the line of a name that YAML takes for a value, and the name."""
    names = [name for name, _ in node.value] if isinstance(node, yaml.MappingNode) else []
    taken = (name for name in names if isinstance(name, yaml.ScalarNode) and _is_taken_for(name, value))
    return next(((name.start_mark.line + 1, name) for name in taken), None)


def _is_taken_for(name: yaml.ScalarNode, value: object) -> bool:
    """Whether YAML takes a name for a value that is no text, as none in quotation marks is."""
    if name.style:
        return False
    try:
        return bool(yaml.safe_load(name.value) == value)
    except yaml.YAMLError:  # `<<` and `=` mean something else by themselves
        return False


def _text(node: yaml.Node | None) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""
