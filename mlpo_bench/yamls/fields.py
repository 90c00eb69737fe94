"""Numbers and objects as fields of files hold them."""

from __future__ import annotations

import math
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from pydantic import AfterValidator, BeforeValidator, Field

from mlpo_bench.yamls.document import OF_64_BITS


if TYPE_CHECKING:
    from collections.abc import Iterator


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
    for fault in _no_json(given):
        raise ValueError(f"it must be what JSON can hold: {fault}")
    try:
        kept = orjson.loads(orjson.dumps(given))
    except (orjson.JSONEncodeError, orjson.JSONDecodeError) as error:
        raise ValueError(f"it must be what JSON can hold ({error})") from None
    if kept != given:
        raise ValueError("it must be what JSON can hold, and is not the same when it is read again")
    return given


def _no_json(value: object) -> Iterator[str]:
    """Yield what JSON cannot hold, as the end of a sentence: YAML and Python have more kinds of values."""
    if isinstance(value, dict):
        for name, one in value.items():
            if not isinstance(name, str):
                yield f"no name such as {name}, which is no text (put it in quotes)"
            yield from _no_json(one)
    elif isinstance(value, list):
        for one in value:
            yield from _no_json(one)
    elif isinstance(value, float) and not math.isfinite(value):
        yield "no number that is infinite or none"
    elif isinstance(value, date):  # a moment is one, too
        yield f"no date, as {value} is (put it in quotes, so that it is a text)"
    elif value is not None and not isinstance(value, (str, int, float)):
        yield f"no {type(value).__name__}, as {str(value)[:60]} is"


JsonObject = Annotated[dict[str, Any], AfterValidator(_is_json)]
"""Whatever else a request may carry, as JSON holds it."""
