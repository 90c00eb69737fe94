"""Which names are right in a place of a file, as far as the annotations of its model tell."""

from __future__ import annotations

from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, RootModel
from pydantic_core import PydanticUndefined


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def names_at(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """Return the names that are right at `location`."""
    return list(dict.fromkeys(name for found in _models_at(model, tuple(location)) for name in found.model_fields))


def _models_at(annotation: Any, location: tuple[str | int, ...]) -> Iterator[type[BaseModel]]:  # noqa: ANN401
    for kind in _kinds(annotation):
        if isinstance(kind, type) and issubclass(kind, RootModel):
            yield from _models_at(kind.model_fields["root"].annotation, location)
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            if not location:
                yield kind
            elif field := kind.model_fields.get(str(location[0])):
                yield from _models_at(Annotated[(field.annotation, *field.metadata, "")], location[1:])
        elif location and (held := _held(kind, location[0])):
            for one in held:
                yield from _models_at(one, location[1:])


def _held(kind: Any, step: str | int) -> Sequence[Any]:  # noqa: ANN401
    """Return of what kinds those are that a list, or a mapping, holds under a number or a name."""
    if get_origin(kind) is dict:
        return get_args(kind)[1:]
    return get_args(kind) if get_origin(kind) in {list, tuple} and isinstance(step, int) else ()


def _kinds(annotation: Any) -> Iterator[Any]:  # noqa: ANN401
    """Yield what an annotation may stand for, as it is written: a validator may read another kind than it makes."""
    if get_origin(annotation) is Annotated:
        made, *about = get_args(annotation)
        read = [each.json_schema_input_type for each in about if isinstance(each, BeforeValidator)]
        yield from _kinds(next((kind for kind in read if kind is not PydanticUndefined), made))
    elif get_origin(annotation) in {Union, UnionType}:
        for each in get_args(annotation):
            yield from _kinds(each)
    else:
        yield annotation
