"""Numbers and objects as fields of files hold them."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, BeforeValidator, Field

from mlpo_bench.yamls.document import OF_64_BITS


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
