"""JSON Schemas say what the files' own fields say."""

from __future__ import annotations

import json
from typing import Annotated

import jsonschema
import pytest
from pydantic import BaseModel, Field, ValidationError

from mlpo_bench import yamls
from mlpo_bench.log.schemas import json_schema


class Bounded(BaseModel):
    """Numbers bounded around validators of ours; a field may have the name of a bound, or of a type."""

    share: Annotated[yamls.Real, Field(ge=0, le=1)] = 0
    count: Annotated[yamls.Whole, Field(gt=0)] | None = None
    le: str = "le"
    type: str = "integer"


@pytest.mark.parametrize(
    "given",
    [
        {"share": 0.5}, {"share": 1}, {"share": -0.1}, {"share": 1.5}, {"count": 1}, {"count": 0}, {"count": None},
        {"count": 2**63 - 1}, {"count": 2**63}, {"le": "5"}, {"le": 5}, {"type": "number"}, {"type": 1},
    ],
)  # fmt: skip
def test_a_schema_refuses_what_the_file_refuses(given: dict[str, object]) -> None:
    schema = json.loads(json_schema(Bounded))
    jsonschema.Draft202012Validator.check_schema(schema)
    try:
        Bounded.model_validate(given)
    except ValidationError:
        assert not jsonschema.Draft202012Validator(schema).is_valid(given)
    else:
        assert jsonschema.Draft202012Validator(schema).is_valid(given)
