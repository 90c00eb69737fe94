"""JSON Schemas of the files that others read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from pydantic import BaseModel

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# A bound around a validator of our own: pydantic names it as Python does, where no reader of a schema looks.
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def json_schema(model: type[BaseModel]) -> bytes:
    """Return the JSON Schema of a file that holds a model, as the content of a file."""
    content = {"$schema": DIALECT} | _with_bounds(model.model_json_schema())
    # Not orjson, whose releases write large numbers in different ways.
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def _with_bounds(part: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """Return a part of a schema whose numbers are bounded in the schema's own words."""
    if isinstance(part, list):
        return [_with_bounds(each) for each in part]
    if not isinstance(part, dict):
        return part
    bounded = part.get("type") in ("integer", "number")
    return {(_BOUNDS.get(name, name) if bounded else name): _with_bounds(value) for name, value in part.items()}
